//! What an HTTP/2 client may ask of its connection beside requests: frames that cost it nothing and us
//! something (RFC 9113 section 10.5) come out of a budget that time refills, and that requests and answers
//! add to, since with them such frames are right. Pure: frames and times in, a verdict out.

use super::frames::Frame;
use std::time::Duration;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const PADDED: u8 = 0x8;

/// A padded frame with no more than this may be nothing but padding (RFC 9113 section 6.1).
const MOST_PADDING: u32 = 256;

/// Time's worth of a budget that may be used at once.
const BURST: Duration = Duration::from_secs(5);

/// However small the budget: a handshake and a few requests take as much.
const LEAST_BURST: u64 = 32;

/// A request comes with a priority and a window of its own.
const FOR_A_REQUEST: u64 = 2;

/// A piece of an answer is followed by a window for its stream, one for the connection, and, where clients
/// measure the path, a ping.
const FOR_A_PIECE: u64 = 4;

/// A reset is paid for by this many answers that were brought to their end.
const ANSWERS_FOR_A_RESET: u64 = 4;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frequency {
    pub(crate) amount: u32,
    pub(crate) per: Duration,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calm {
    /// Frames that carry nothing.
    pub(crate) control: Frequency,
    /// Streams that are given up, by whoever.
    pub(crate) resets: Frequency,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Settings,
    Ping,
    Priority,
    WindowUpdate,
    EmptyData,
    Continuation,
    Unknown,
    /// Streams that the client opened and gave up (CVE-2023-44487).
    Reset,
    /// Streams that the client made us give up (CVE-2025-8671).
    MadeReset,
    /// The HTTP/2 library found it first: pieces of heads, pieces of bodies, resets before a stream was taken.
    Other,
}

impl Excess {
    /// The word in metrics and log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Excess::Settings => "http2_settings",
            Excess::Ping => "http2_ping",
            Excess::Priority => "http2_priority",
            Excess::WindowUpdate => "http2_window_update",
            Excess::EmptyData => "http2_empty_data",
            Excess::Continuation => "http2_continuation",
            Excess::Unknown => "http2_unknown_frame",
            Excess::Reset => "http2_reset",
            Excess::MadeReset => "http2_made_reset",
            Excess::Other => "http2_other",
        }
    }
}

/// What is left of a connection's budgets.
#[derive(Debug)]
pub(super) struct Temper {
    control: Budget,
    /// In parts of a reset, of which an answer pays one.
    resets: Budget,
}

impl Temper {
    pub(super) fn new(calm: Calm, now: Duration) -> Temper {
        Temper {
            control: Budget::new(calm.control, 1, now),
            resets: Budget::new(calm.resets, ANSWERS_FOR_A_RESET, now),
        }
    }

    /// The client sent this frame.
    ///
    /// # Errors
    /// There was too much of it.
    pub(super) fn received(
        &mut self,
        frame: Frame,
        now: impl FnOnce() -> Duration,
    ) -> Result<(), Excess> {
        let excess = match frame.kind {
            HEADERS => {
                self.control.earn(FOR_A_REQUEST);
                return Ok(());
            }
            DATA if !is_empty(frame) => return Ok(()),
            RST_STREAM => {
                return self.resets.spend(ANSWERS_FOR_A_RESET, now).ok_or(Excess::Reset);
            }
            DATA => Excess::EmptyData,
            SETTINGS => Excess::Settings,
            PING => Excess::Ping,
            PRIORITY => Excess::Priority,
            WINDOW_UPDATE => Excess::WindowUpdate,
            CONTINUATION => Excess::Continuation,
            _ => Excess::Unknown,
        };
        self.control.spend(1, now).ok_or(excess)
    }

    /// The client was sent this frame.
    ///
    /// # Errors
    /// It made us send too much of it.
    pub(super) fn sent(
        &mut self,
        frame: Frame,
        now: impl FnOnce() -> Duration,
    ) -> Result<(), Excess> {
        if frame.kind == RST_STREAM {
            return self.resets.spend(ANSWERS_FOR_A_RESET, now).ok_or(Excess::MadeReset);
        }
        if frame.kind == DATA && frame.length > 0 {
            self.control.earn(FOR_A_PIECE);
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
            self.resets.earn(1);
        }
        Ok(())
    }
}

/// A frame of a body that brings nothing of it, not even its end.
fn is_empty(frame: Frame) -> bool {
    let carries = match frame.flags & PADDED {
        0 => frame.length,
        _ => frame.length.saturating_sub(MOST_PADDING),
    };
    carries == 0 && frame.flags & END_STREAM == 0
}

/// Units that time brings back. The clock is read only when they are used up, which in quiet times is never.
#[derive(Debug)]
struct Budget {
    left: u64,
    most: u64,
    /// In this time one comes back.
    interval: Duration,
    /// Until then time has been made use of.
    since: Duration,
}

impl Budget {
    /// Each of the amount is so many `units`.
    fn new(frequency: Frequency, units: u64, now: Duration) -> Budget {
        let amount = u64::from(frequency.amount.max(1)) * units;
        let nanos = u64::try_from(frequency.per.as_nanos()).unwrap_or(u64::MAX) / amount;
        let interval = Duration::from_nanos(nanos.max(1));
        let burst = BURST.as_nanos() / interval.as_nanos();
        let most = u64::try_from(burst).unwrap_or(u64::MAX).max(LEAST_BURST * units);
        Budget { left: most, most, interval, since: now }
    }

    fn earn(&mut self, units: u64) {
        self.left = self.left.saturating_add(units).min(self.most);
    }

    fn spend(&mut self, units: u64, now: impl FnOnce() -> Duration) -> Option<()> {
        if self.left < units {
            let now = now();
            let back = now.saturating_sub(self.since).as_nanos() / self.interval.as_nanos();
            self.since = now;
            self.earn(u64::try_from(back).unwrap_or(u64::MAX));
        }
        self.left = self.left.checked_sub(units)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const CALM: Calm = Calm {
        control: Frequency { amount: 200, per: SECOND },
        resets: Frequency { amount: 40, per: SECOND },
    };

    fn frame(kind: u8, flags: u8, length: u32) -> Frame {
        Frame { kind, flags, length, stream: 1 }
    }

    /// So many of it pass at once.
    fn passes(one: Frame) -> usize {
        let mut temper = Temper::new(CALM, Duration::ZERO);
        (0..10_000).take_while(|_| temper.received(one, || Duration::ZERO).is_ok()).count()
    }

    #[test]
    fn a_flood_is_stopped_within_2000_frames() {
        for kind in [PRIORITY, SETTINGS, 5, PING, 7, WINDOW_UPDATE, CONTINUATION, 10, 255] {
            assert_eq!(passes(frame(kind, 0, 8)), 1000, "{kind}");
        }
        assert_eq!(passes(frame(RST_STREAM, 0, 4)), 200);
        assert_eq!(passes(frame(DATA, 0, 0)), 1000);
        assert_eq!(passes(frame(DATA, PADDED, 256)), 1000);
    }

    #[test]
    fn what_carries_something_is_free() {
        for one in [
            frame(DATA, 0, 1),
            frame(DATA, END_STREAM, 0),
            frame(DATA, PADDED, 257),
            frame(HEADERS, 0, 9),
        ] {
            assert_eq!(passes(one), 10_000, "{one:?}");
        }
    }

    #[test]
    fn a_long_download_with_windows_and_pings_is_no_flood() {
        let mut temper = Temper::new(CALM, Duration::ZERO);
        for _ in 0..100_000 {
            temper.sent(frame(DATA, 0, 16_384), || Duration::ZERO).expect("ours");
            for kind in [WINDOW_UPDATE, WINDOW_UPDATE, PING, PING] {
                temper.received(frame(kind, 0, 4), || Duration::ZERO).expect("paid for");
            }
        }
    }

    #[test]
    fn rapid_resets_stop_though_each_was_a_request_and_a_few_among_answers_do_not() {
        let mut temper = Temper::new(CALM, Duration::ZERO);
        let pairs = (0..10_000).take_while(|_| {
            temper.received(frame(HEADERS, 5, 20), || Duration::ZERO).is_ok()
                && temper.received(frame(RST_STREAM, 0, 4), || Duration::ZERO).is_ok()
        });
        assert_eq!(pairs.count(), 200);
        let mut temper = Temper::new(CALM, Duration::ZERO);
        for _ in 0..10_000 {
            temper.received(frame(RST_STREAM, 0, 4), || Duration::ZERO).expect("paid for");
            for _ in 0..4 {
                temper.sent(frame(DATA, END_STREAM, 9), || Duration::ZERO).expect("ours");
            }
        }
        let made = (0..10_000)
            .take_while(|_| temper.sent(frame(RST_STREAM, 0, 4), || Duration::ZERO).is_ok());
        assert_eq!(made.count(), 200);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_burst_and_rate(
            pauses in proptest::collection::vec(0_u64..40, 1..3000),
        ) {
            let mut temper = Temper::new(CALM, Duration::ZERO);
            let (mut now, mut passed) = (Duration::ZERO, 0_u64);
            for pause in pauses {
                now += Duration::from_millis(pause);
                passed += u64::from(temper.received(frame(PING, 0, 8), || now).is_ok());
                prop_assert!(passed <= 1000 + 200 * (now.as_millis() as u64) / 1000);
            }
        }
    }
}
