//! How long one exchange may wait for its instance. Hooks say it and ask it while Pingora holds the
//! stream, so it is shared and made of atomics. It knows no socket.

use hither_cache::Ticket;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;

/// The head of the answer has not come.
const ASKED: u8 = 0;
/// It has.
const ANSWERED: u8 = 1;
/// After an upgrade: both directions are of one kind.
const TUNNEL: u8 = 2;

/// The waits of the exchange that a connection is lent for.
#[derive(Debug)]
pub(crate) struct Deadlines {
    opened: Instant,
    stage: AtomicU8,
    /// Milliseconds.
    first_byte: AtomicU64,
    /// Milliseconds.
    idle: AtomicU64,
    /// Milliseconds after `opened` that bound everything until the head; `u64::MAX` = none.
    at_last: AtomicU64,
    late: AtomicBool,
    reused: AtomicBool,
    /// Whose readers more of the answer waits for.
    brake: Mutex<Option<Arc<Ticket>>>,
    braked: AtomicBool,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Deadlines {
    /// Of a connection that was just opened.
    pub(super) fn new() -> Deadlines {
        Deadlines {
            opened: Instant::now(),
            stage: AtomicU8::new(ASKED),
            first_byte: AtomicU64::new(u64::MAX),
            idle: AtomicU64::new(u64::MAX),
            at_last: AtomicU64::new(u64::MAX),
            late: AtomicBool::new(false),
            reused: AtomicBool::new(false),
            brake: Mutex::new(None),
            braked: AtomicBool::new(false),
        }
    }

    /// The connection is kept for another exchange.
    pub(super) fn renew(&self) {
        self.stage.store(ASKED, Ordering::Relaxed);
        self.at_last.store(u64::MAX, Ordering::Relaxed);
        self.reused.store(true, Ordering::Relaxed);
        if self.braked.swap(false, Ordering::Relaxed) {
            *self.brake.lock() = None;
        }
    }

    /// From now on no more of the answer is taken while those who are given it are too far behind.
    pub(in crate::serve) fn brake(&self, ticket: Arc<Ticket>) {
        *self.brake.lock() = Some(ticket);
        self.braked.store(true, Ordering::Relaxed);
    }

    /// Whether more of the answer may be taken now: none, or how far those are who are given it.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Option<u64> {
        if !self.braked.load(Ordering::Relaxed) {
            return None;
        }
        self.brake.lock().as_ref()?.poll_room(cx)
    }

    /// The exchange begins. `first_byte` is counted from the last byte that the instance took to
    /// the last byte of its head, `idle` between any two bytes after that.
    pub(in crate::serve) fn begin(&self, first_byte: Duration, idle: Duration) {
        self.first_byte.store(millis(first_byte), Ordering::Relaxed);
        self.idle.store(millis(idle), Ordering::Relaxed);
    }

    /// The head must have come by then, however long the request's body takes.
    pub(in crate::serve) fn bound(&self, at_last: Instant) {
        let at_last = millis(at_last.saturating_duration_since(self.opened));
        self.at_last.store(at_last, Ordering::Relaxed);
    }

    /// The head of the answer has come.
    pub(in crate::serve) fn answered(&self) {
        self.stage.store(ANSWERED, Ordering::Relaxed);
    }

    /// The answer was 101: what the client sends counts as progress as well.
    pub(in crate::serve) fn open_tunnel(&self) {
        self.stage.store(TUNNEL, Ordering::Relaxed);
    }

    /// Whether the instance was waited for in vain.
    pub(in crate::serve) fn late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    pub(super) fn is_late(&self) {
        self.late.store(true, Ordering::Relaxed);
    }

    /// Whether the connection has served an exchange before this one.
    pub(in crate::serve) fn reused(&self) -> bool {
        self.reused.load(Ordering::Relaxed)
    }

    /// Whether bytes from the instance are progress: of a head, only the last one is.
    pub(super) fn reading_counts(&self) -> bool {
        self.stage.load(Ordering::Relaxed) != ASKED
    }

    /// Whether bytes to the instance are progress: while it is asked, and in a tunnel.
    pub(super) fn writing_counts(&self) -> bool {
        self.stage.load(Ordering::Relaxed) != ANSWERED
    }

    /// Until when a wait may last whose last progress was `since`.
    pub(super) fn after(&self, since: Instant) -> Instant {
        let later = |from: Instant, milliseconds: u64| {
            from.checked_add(Duration::from_millis(milliseconds))
                .unwrap_or_else(|| from + Duration::from_secs(u64::from(u32::MAX)))
        };
        if self.reading_counts() {
            return later(since, self.idle.load(Ordering::Relaxed));
        }
        later(since, self.first_byte.load(Ordering::Relaxed))
            .min(later(self.opened, self.at_last.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(60);
    const IDLE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_head_is_waited_for_from_the_last_byte_written_and_a_body_from_the_last_one_read() {
        let deadlines = Deadlines::new();
        deadlines.begin(FIRST, IDLE);
        let now = Instant::now();
        assert!(deadlines.writing_counts() && !deadlines.reading_counts());
        assert_eq!(deadlines.after(now), now + FIRST);
        deadlines.answered();
        assert!(!deadlines.writing_counts() && deadlines.reading_counts());
        assert_eq!(deadlines.after(now), now + IDLE);
        deadlines.open_tunnel();
        assert!(deadlines.writing_counts() && deadlines.reading_counts());
        assert_eq!(deadlines.after(now), now + IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bound_holds_until_the_head_and_not_for_the_next_exchange() {
        let deadlines = Deadlines::new();
        let now = Instant::now();
        deadlines.begin(FIRST, IDLE);
        deadlines.bound(now + Duration::from_secs(1));
        assert_eq!(deadlines.after(now), now + Duration::from_secs(1));
        assert!(!deadlines.reused());
        deadlines.renew();
        assert!(deadlines.reused());
        assert_eq!(deadlines.after(now), now + FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_waits_do_not_overflow() {
        let deadlines = Deadlines::new();
        deadlines.begin(Duration::MAX, Duration::MAX);
        let now = Instant::now();
        assert!(deadlines.after(now) > now + Duration::from_secs(1 << 30));
    }
}
