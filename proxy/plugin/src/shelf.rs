//! Places of which each thread has one of its own, so that threads rarely meet. It knows nothing of what
//! lies on them.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// More threads than this share.
const COUNT: usize = 16;

/// One per cache line and its prefetched neighbour, so that threads do not slow each other.
#[repr(align(128))]
struct Shelf<T>(Mutex<T>);

/// One shelf for each thread, up to sixteen.
pub(crate) struct Shelves<T>([Shelf<T>; COUNT]);

impl<T: Default> Default for Shelves<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Shelf(Mutex::default())))
    }
}

impl<T> Shelves<T> {
    /// This thread's.
    pub(crate) fn own(&self) -> &Mutex<T> {
        &self.0[own()].0
    }

    /// All of them, this thread's first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Mutex<T>> {
        let own = own();
        (0..COUNT).map(move |step| &self.0[(own + step) % COUNT].0)
    }
}

fn own() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
        }
        own.get()
    })
}
