//! Calls with a body: all of it at once, or piece by piece on one instance that is kept meanwhile, so that
//! a parser's state holds from the first piece to the last. Who may hold how many bytes is the caller's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::breaker::{End, Ticket};
use crate::fault::Failure;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::judge;
use crate::report::Report;
use crate::revision::{FRESH_START, Occasion, Revision};
use crate::verdict::{ChunkVerdict, Edits, WholeVerdict};

/// The most bytes of a streamed body that a guest is shown at once.
pub const LARGEST_CHUNK: usize = 64 << 10;

/// Whose body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Request,
    /// The instance's.
    Response,
}

impl Side {
    /// The hook for it.
    pub fn hook(self) -> Hook {
        match self {
            Self::Request => Hook::RequestBody,
            Self::Response => Hook::ResponseBody,
        }
    }
}

/// What a body belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The same number in every hook of one request.
    pub exchange: u64,
    /// Which configuration applies.
    pub config: u32,
    /// What an earlier hook of this plugin left.
    pub memo: u64,
}

impl Bearer {
    fn occasion(self) -> Occasion {
        Occasion { exchange: self.exchange, config: self.config, rehearsal: false }
    }
}

/// How many instances are kept for bodies that pass. At most half of a plugin's may be: slow bodies must
/// not take the last one from all other calls.
#[derive(Debug)]
pub(crate) struct Streams {
    open: AtomicUsize,
    most: usize,
}

impl Streams {
    pub(crate) fn of(instances: usize) -> Self {
        Self { open: AtomicUsize::new(0), most: instances.div_ceil(2) }
    }

    fn enter(&self) -> Result<(), Failure> {
        let more = |open: usize| (open < self.most).then_some(open + 1);
        let entered = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.map(drop).map_err(|_| {
            Failure::NoInstance(format!(
                "{} of this plugin are kept by bodies that pass",
                self.most
            ))
        })
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Revision {
    /// `on-whole` of the hook for this side. A plugin without it keeps the body.
    pub fn on_whole(&self, side: Side, bearer: Bearer, body: &[u8]) -> Report<WholeVerdict> {
        let pass = WholeVerdict::Next { body: None, edits: Edits::default() };
        let (exchange, memo) = (self.shown_exchange(bearer), bearer.memo);
        self.call(
            bearer.occasion(),
            judge::whole,
            pass,
            |Instance { store, interfaces, .. }| {
                Some(match side {
                    Side::Request => {
                        interfaces.request_body.as_ref()?.call_on_whole(store, exchange, memo, body)
                    }
                    Side::Response => interfaces
                        .response_body
                        .as_ref()?
                        .call_on_whole(store, exchange, memo, body),
                })
            },
        )
    }

    /// A plugin whose verdicts are by inputs is not shown which exchange it is.
    fn shown_exchange(&self, bearer: Bearer) -> u64 {
        if self.by_inputs() { 0 } else { bearer.exchange }
    }

    /// Begins to show a body piece by piece: an instance is taken, and kept until the stream is dropped.
    ///
    /// # Errors
    /// There is no instance for it, or the plugin is left alone.
    pub fn stream(self: &Arc<Self>, side: Side, bearer: Bearer) -> Result<BodyStream, Failure> {
        let began = Instant::now();
        if self.configured(bearer.config).is_none() {
            return Err(Failure::Unconfigured {
                config: bearer.config,
                reason: "this revision was not given it".to_owned(),
            });
        }
        self.streams.enter()?;
        // From here on its drop leaves again.
        let mut stream = BodyStream {
            revision: Arc::clone(self),
            side,
            bearer,
            ticket: Ticket::Usual,
            instance: None,
            start: Duration::ZERO,
        };
        stream.ticket = self.gate.ask(began, false).ok_or(Failure::Open)?;
        let mut fresh = false;
        let leased = self.lease(&mut fresh, self.loaded().budget.time * FRESH_START).map(
            |(lease, instance)| {
                let _ = lease.carry();
                instance
            },
        );
        match leased {
            Ok(instance) => stream.instance = Some(instance),
            Err(failure) => {
                self.gate.tell(Instant::now(), &stream.ticket, end_of(&failure));
                return Err(failure);
            }
        }
        stream.start = began.elapsed();
        Ok(stream)
    }
}

fn end_of(failure: &Failure) -> End {
    if failure.blames_plugin() { End::Failed } else { End::NotMade }
}

/// A body on its way through one plugin. Dropped before the last piece has passed, or after a failed
/// call, it takes its instance with it: nobody can tell what that instance was in the middle of.
pub struct BodyStream {
    revision: Arc<Revision>,
    side: Side,
    bearer: Bearer,
    ticket: Ticket,
    /// None once the last piece has passed, or a call has failed.
    instance: Option<Box<Instance>>,
    /// What it took to get the instance, until a report has told it.
    start: Duration,
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, bearer, .. } = self;
        f.debug_struct("BodyStream")
            .field("side", side)
            .field("bearer", bearer)
            .finish_non_exhaustive()
    }
}

impl BodyStream {
    /// `on-chunk` with the next piece, of which [`LARGEST_CHUNK`] is the most; `last` when none follows.
    /// After the last one, an abort or a failed call there is nothing to call: that is a failure, too.
    pub fn chunk(&mut self, data: &[u8], last: bool) -> Report<ChunkVerdict> {
        let Some(mut instance) = self.instance.take() else {
            let over = Failure::NoInstance("the stream has ended".to_owned());
            return Report::not_made(over);
        };
        let began = Instant::now();
        let outcome = self.run(&mut instance, began, data, last);
        let memory = instance.memory();
        match &outcome {
            Ok(ChunkVerdict::Abort) | Err(_) => self.throw_away(instance),
            Ok(_) if last => self.revision.take_back(instance),
            Ok(_) => self.instance = Some(instance),
        }
        let now = Instant::now();
        let end = outcome.as_ref().map_or_else(end_of, |_| End::Good);
        let ticket = std::mem::replace(&mut self.ticket, Ticket::Usual);
        self.revision.gate.tell(now, &ticket, end);
        let time = now.duration_since(began) + std::mem::take(&mut self.start);
        Report { outcome, time, memory, fresh: false, remembered: false }
    }

    fn throw_away(&self, instance: Box<Instance>) {
        drop(self.revision.pool.resume(Some(instance)));
    }

    fn run(
        &self,
        instance: &mut Instance,
        now: Instant,
        data: &[u8],
        last: bool,
    ) -> Result<ChunkVerdict, Failure> {
        let Bearer { exchange, config, memo } = self.bearer;
        let shown = self.revision.shown_exchange(self.bearer);
        let loaded = self.revision.loaded();
        let time = loaded.budget.time;
        instance.begin(&loaded.bounded(), now, time, Some(exchange), config);
        let Instance { store, interfaces, .. } = &mut *instance;
        let returned = match self.side {
            Side::Request => {
                let hook = interfaces.request_body.as_ref();
                hook.map(|hook| hook.call_on_chunk(store, shown, memo, data, last))
            }
            Side::Response => {
                let hook = interfaces.response_body.as_ref();
                hook.map(|hook| hook.call_on_chunk(store, shown, memo, data, last))
            }
        };
        instance.end();
        match returned {
            None => Ok(ChunkVerdict::Keep),
            Some(Err(error)) => Err(instance.failure(&error)),
            Some(Ok(raw)) => {
                judge::chunk(raw, self.revision.bounds()).map_err(Failure::InvalidOutput)
            }
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        // A probe of which nothing came must not keep the breaker waiting.
        if self.ticket != Ticket::Usual {
            self.revision.gate.tell(Instant::now(), &self.ticket, End::NotMade);
        }
        if let Some(instance) = self.instance.take() {
            self.throw_away(instance);
        }
        self.revision.streams.leave();
    }
}
