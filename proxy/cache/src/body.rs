//! The bytes of one stored response, while they come and after: one writes, any number read, each from its
//! own place, all of the same memory.
//!
//! A body that turns out larger than it may be is no longer kept but passed on: what all its readers have
//! read is let go.

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use tokio::sync::Notify;

/// Pieces are gathered to blocks of this size, so that a body of single bytes costs no more than others,
/// and nothing of the buffer that they were read into is kept.
const BLOCK: usize = 64 * 1024;

/// Of a body that is only passed on, so much may lie here before more of it is taken.
const WINDOW: u64 = 1 << 20;

/// And so much more where who fetches it cannot wait.
const MOST_MORE: u64 = 4 * WINDOW;

/// Bytes that are being fetched, all bodies together.
#[derive(Debug)]
pub(crate) struct Room {
    taken: AtomicU64,
    most: AtomicU64,
}

impl Room {
    pub(crate) fn new(most: u64) -> Arc<Room> {
        Arc::new(Room { taken: AtomicU64::new(0), most: AtomicU64::new(most) })
    }

    pub(crate) fn resize(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether so many bytes more would still fit.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.taken().saturating_add(bytes) <= self.most.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More comes.
    Open,
    /// This is all of it.
    Whole,
    /// More should have come.
    Broken,
}

#[derive(Debug)]
struct State {
    /// With where each begins; the first one at what has been let go.
    blocks: VecDeque<(u64, Bytes)>,
    /// What is not yet a block.
    tail: BytesMut,
    /// Bytes that have come.
    length: u64,
    end: End,
    /// Too large to be kept, and what lay here when that was found.
    over: Option<u64>,
    /// Who fetches it waits for readers.
    fetcher: Option<Waker>,
    /// Where those are who read while it comes.
    readers: Vec<Option<u64>>,
}

impl State {
    /// Bytes that are here.
    fn held(&self) -> u64 {
        self.length - self.begin()
    }

    fn begin(&self) -> u64 {
        self.blocks.front().map_or(self.length - self.tail.len() as u64, |(start, _)| *start)
    }

    fn add(&mut self, data: &[u8]) {
        self.tail.extend_from_slice(data);
        self.length += data.len() as u64;
        if self.tail.len() >= BLOCK {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if !self.tail.is_empty() {
            let start = self.length - self.tail.len() as u64;
            // Of its own size, not of the buffer's that it grew in.
            let block = Bytes::copy_from_slice(&self.tail);
            self.tail.clear();
            self.blocks.push_back((start, block));
        }
    }

    /// What is here at `at`, up to `end`; none: nothing yet.
    fn piece(&self, at: u64, end: u64) -> Option<Bytes> {
        let end = end.min(self.length);
        if at >= end {
            return None;
        }
        let cut = |start: u64, length: usize| {
            let from = (at - start) as usize;
            (from, length.min((end - start) as usize))
        };
        let after = self.blocks.partition_point(|(start, _)| *start <= at);
        if let Some((start, block)) = after.checked_sub(1).and_then(|place| self.blocks.get(place))
            && at < start + block.len() as u64
        {
            let (from, to) = cut(*start, block.len());
            return Some(block.slice(from..to));
        }
        let (from, to) = cut(self.length - self.tail.len() as u64, self.tail.len());
        Some(Bytes::copy_from_slice(&self.tail[from..to]))
    }

    /// Lets go of blocks that all have read.
    fn trim(&mut self) {
        let slowest = self.readers.iter().flatten().min().copied().unwrap_or(self.length);
        while self.blocks.front().is_some_and(|(start, b)| start + b.len() as u64 <= slowest) {
            self.blocks.pop_front();
        }
    }
}

/// A body.
#[derive(Debug)]
pub(crate) struct Body {
    state: Mutex<State>,
    changed: Notify,
    room: Arc<Room>,
    most: u64,
}

/// It cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Nobody reads it, and it is not kept.
    Unread,
    /// Its readers are too slow for what cannot be kept.
    TooSlow,
}

impl Body {
    pub(crate) fn new(room: Arc<Room>, most: u64) -> Arc<Body> {
        let state = State {
            blocks: VecDeque::new(),
            tail: BytesMut::new(),
            length: 0,
            end: End::Open,
            over: None,
            fetcher: None,
            readers: Vec::new(),
        };
        Arc::new(Body { state: Mutex::new(state), changed: Notify::new(), room, most })
    }

    /// Adds what has come. `true`: it has just become too large to be kept.
    pub(crate) fn add(&self, data: &[u8]) -> Result<bool, Stopped> {
        let mut state = self.state.lock();
        let bytes = data.len() as u64;
        let too_large = state.length + bytes > self.most || !self.room.has(bytes);
        let newly_over = too_large && state.over.is_none();
        let before = state.held();
        state.add(data);
        if newly_over {
            state.over = Some(state.held());
        }
        let stopped = match state.over {
            Some(began) => {
                state.trim();
                let more = if self.room.has(bytes) { MOST_MORE } else { WINDOW };
                if state.readers.iter().flatten().next().is_none() {
                    Err(Stopped::Unread)
                } else if state.held() > began.max(WINDOW) + more {
                    Err(Stopped::TooSlow)
                } else {
                    Ok(())
                }
            }
            None => Ok(()),
        };
        self.account(before, state.held());
        stopped?;
        drop(state);
        self.changed.notify_waiters();
        Ok(newly_over)
    }

    fn account(&self, before: u64, after: u64) {
        match after.checked_sub(before) {
            Some(more) => self.room.take(more),
            None => self.room.give_back(before - after),
        }
    }

    /// How long it is, unless it should be of another length.
    pub(crate) fn length_if(&self, promised: Option<u64>) -> Option<u64> {
        let length = self.state.lock().length;
        promised.is_none_or(|promised| promised == length).then_some(length)
    }

    /// All has come. Its length, unless it is too large to be kept.
    pub(crate) fn finish(&self) -> Option<u64> {
        let mut state = self.state.lock();
        state.close_block();
        let kept = (state.over.is_none() && state.end == End::Open).then_some(state.length);
        if state.end == End::Open {
            state.end = End::Whole;
            self.room.give_back(state.held());
        }
        if kept.is_some() && state.blocks.len() > 1 && state.length <= BLOCK as u64 * 4 {
            let mut whole = Vec::with_capacity(state.length as usize);
            state.blocks.iter().for_each(|(_, block)| whole.extend_from_slice(block));
            state.blocks = VecDeque::from([(0, Bytes::from(whole))]);
        }
        state.tail = BytesMut::new();
        drop(state);
        self.changed.notify_waiters();
        kept
    }

    /// One that is here already.
    pub(crate) fn whole(room: Arc<Room>, bytes: Bytes) -> Arc<Body> {
        let body = Body::new(room, bytes.len() as u64);
        {
            let mut state = body.state.lock();
            state.length = bytes.len() as u64;
            state.blocks.push_back((0, bytes));
            state.end = End::Whole;
        }
        body
    }

    /// All that is here of one that is whole.
    pub(crate) fn blocks(&self) -> Vec<Bytes> {
        self.state.lock().blocks.iter().map(|(_, block)| block.clone()).collect()
    }

    /// No more comes, though more should.
    pub(crate) fn break_off(&self) {
        let mut state = self.state.lock();
        if state.end == End::Open {
            state.end = End::Broken;
            self.room.give_back(state.held());
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Whether more should be taken of a body that is only passed on: none, or how far its slowest reader
    /// is. Then who asks is woken when that has changed.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Option<u64> {
        let mut state = self.state.lock();
        if state.over.is_none() || state.end != End::Open || state.held() <= WINDOW {
            return None;
        }
        state.fetcher = Some(cx.waker().clone());
        Some(state.begin())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.break_off();
    }
}

/// One who reads.
#[derive(Debug)]
pub(crate) struct Reader {
    body: Arc<Body>,
    /// Its place in the list of those who read while it comes.
    place: Option<usize>,
    at: u64,
    end: u64,
}

/// The body cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

impl Reader {
    pub(crate) fn new(body: &Arc<Body>) -> Reader {
        let mut state = body.state.lock();
        let place = (state.end == End::Open).then(|| {
            let free = state.readers.iter().position(Option::is_none);
            let place = free.unwrap_or_else(|| {
                state.readers.push(None);
                state.readers.len() - 1
            });
            state.readers[place] = Some(0);
            place
        });
        drop(state);
        Reader { body: body.clone(), place, at: 0, end: u64::MAX }
    }

    /// Whether it began to read before all had come.
    pub(crate) fn is_early(&self) -> bool {
        self.place.is_some()
    }

    /// From now on reads from `start` to `end`.
    pub(crate) fn seek(&mut self, start: u64, end: Option<u64>) {
        self.at = start;
        self.end = end.unwrap_or(u64::MAX);
        self.tell();
    }

    fn tell(&self) {
        if let Some(place) = self.place {
            self.body.state.lock().readers[place] = Some(self.at);
        }
    }

    /// The next piece; none at the end. Waits while more comes.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, Cut> {
        loop {
            let changed = self.body.changed.notified();
            let mut changed = std::pin::pin!(changed);
            {
                let mut state = self.body.state.lock();
                if self.at >= self.end {
                    return Ok(None);
                }
                if self.at < state.begin() || state.end == End::Broken {
                    return Err(Cut);
                }
                if let Some(piece) = state.piece(self.at, self.end) {
                    self.at += piece.len() as u64;
                    if let Some(place) = self.place {
                        state.readers[place] = Some(self.at);
                        if state.over.is_some() {
                            let before = state.held();
                            state.trim();
                            if state.end == End::Open {
                                self.body.account(before, state.held());
                            }
                            if let Some(fetcher) = state.fetcher.take() {
                                fetcher.wake();
                            }
                        }
                    }
                    return Ok(Some(piece));
                }
                if state.end == End::Whole {
                    return Ok(None);
                }
                // Before the lock is let go: what comes from now on is heard.
                changed.as_mut().enable();
            }
            changed.await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.body.state.lock();
            state.readers[place] = None;
            if let Some(fetcher) = state.fetcher.take() {
                fetcher.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests;
