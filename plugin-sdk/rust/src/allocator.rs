//! The memory of a plugin: short-lived small pieces, many in each call, on one thread.
//!
//! Each call allocates its arguments and its answer and frees them at its end, so lists of free
//! pieces by size serve it in a few instructions each; the general allocator, which Rust has on
//! WebAssembly, merges and splits them every time. It still serves whatever is large.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// Sizes of pieces: 16, 32, 64, ... bytes, each aligned to its size up to 16.
const CLASSES: usize = 8;
const SMALLEST: usize = 16;
const LARGEST: usize = SMALLEST << (CLASSES - 1);
/// What is cut into pieces at once. It is never given back: a plugin's calls are alike.
const CHUNK: usize = 8 * 1024;

/// Free pieces by size, each pointing to the next.
struct Pieces {
    free: UnsafeCell<[*mut u8; CLASSES]>,
}

// SAFETY: a plugin is compiled without the `atomics` feature (see the `cfg` of this module), so there is
// one thread.
unsafe impl Sync for Pieces {}

fn class(layout: Layout) -> Option<usize> {
    let size = layout.size().max(SMALLEST);
    (size <= LARGEST && layout.align() <= SMALLEST)
        .then(|| (size.next_power_of_two() / SMALLEST).trailing_zeros() as usize)
}

impl Pieces {
    /// Takes a chunk from the general allocator and cuts it: gives one piece, lists the others.
    #[cold]
    fn cut(&self, class: usize) -> *mut u8 {
        let size = SMALLEST << class;
        // SAFETY: neither is zero, and the alignment is a power of two.
        let layout = unsafe { Layout::from_size_align_unchecked(CHUNK, SMALLEST) };
        // SAFETY: the size is not zero.
        let chunk = unsafe { System.alloc(layout) };
        if chunk.is_null() {
            return null_mut();
        }
        for place in (size..CHUNK).step_by(size) {
            // SAFETY: the piece lies inside the chunk and is in nobody's hands.
            unsafe { self.give(chunk.add(place), class) };
        }
        chunk
    }

    /// # Safety
    /// `piece` is of this class and in nobody's hands.
    unsafe fn give(&self, piece: *mut u8, class: usize) {
        // SAFETY: one thread; a piece has room for a pointer and is aligned for one.
        unsafe {
            let free = &mut (*self.free.get())[class];
            piece.cast::<*mut u8>().write(*free);
            *free = piece;
        }
    }
}

// SAFETY: what a class gives is at least as large and as aligned as asked for, lies in no other hands,
// and comes back to the class that its layout names; the rest is the general allocator's.
unsafe impl GlobalAlloc for Pieces {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: one thread; what is listed is free.
        unsafe {
            let free = &mut (*self.free.get())[class];
            let piece = *free;
            if piece.is_null() {
                return self.cut(class);
            }
            *free = piece.cast::<*mut u8>().read();
            piece
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match class(layout) {
            // SAFETY: as the caller promises.
            Some(class) => unsafe { self.give(piece, class) },
            // SAFETY: as the caller promises.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the alignment is valid, and the caller promises the size.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            (Some(old), Some(new)) if old == new => piece,
            // SAFETY: as the caller promises; both are the general allocator's.
            (None, None) => unsafe { System.realloc(piece, layout, size) },
            // SAFETY: as the caller promises; the new piece is as large as what is copied.
            _ => unsafe {
                let next = self.alloc(wanted);
                if !next.is_null() {
                    next.copy_from_nonoverlapping(piece, layout.size().min(size));
                    self.dealloc(piece, layout);
                }
                next
            },
        }
    }
}

#[global_allocator]
static PIECES: Pieces = Pieces { free: UnsafeCell::new([null_mut(); CLASSES]) };
