//! The body of one message on its way through the plugins that asked for it: a request's in the order of
//! the chain, a response's in reverse, each plugin seeing what the one before left.
//!
//! Before the first plugin that wants the whole body, pieces are shown as they come; that plugin and
//! those after it come once all of it is there. It holds no bytes itself, and must not know where they
//! come from.

use super::plugin::{Failed, Plugin};
use super::said;
use super::trial::{Made, Trial};
use super::{Exchange, Link};
use crate::rollout::{How, Which};
use bytes::Bytes;
use hither_plugin_host::{
    Bearer, BodyMode, BodyStream, ChunkVerdict, Edits, LARGEST_CHUNK, Reply, Report, Side,
    WholeVerdict,
};
use http::header;
use smallvec::SmallVec;
use std::sync::Arc;

/// A body between two plugins, or before the first and after the last.
pub(crate) struct Passage {
    side: Side,
    /// Before the first that wants it whole.
    pieces: SmallVec<[Stage; 1]>,
    /// From then on, with the most bytes that the first of them takes.
    whole: SmallVec<[Stage; 1]>,
    begun: bool,
}

/// One plugin on the way.
struct Stage {
    plugin: Arc<Plugin>,
    /// Where two revisions are compared, and which of them this is.
    trial: Option<(Arc<Trial>, Which)>,
    bearer: Bearer,
    wants: Wants,
}

enum Wants {
    /// At most so many bytes.
    Whole(u64),
    Pieces(Pieces),
}

enum Pieces {
    /// None has come.
    Awaited,
    Passing(BodyStream),
    /// The plugin failed and is skipped, or has seen the last one.
    Over,
}

/// Why a message goes no further.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A plugin answers.
    Reply(Reply),
    /// This plugin failed and its policy is to reject.
    Failed(Arc<str>),
    /// A plugin does not take so much.
    TooLarge,
    /// This plugin aborted it.
    Aborted(Arc<str>),
}

impl Passage {
    pub(super) fn new(side: Side) -> Passage {
        Passage { side, pieces: SmallVec::new(), whole: SmallVec::new(), begun: false }
    }

    /// The next plugin on the way.
    pub(super) fn add(&mut self, link: &Link, exchange: &Exchange, place: usize, bearer: Bearer) {
        let plugin = link.decider(exchange, place);
        let wants = match exchange.body(place, self.side) {
            BodyMode::None => return,
            BodyMode::Buffered(most) => Wants::Whole(u64::from(most).min(plugin.body())),
            BodyMode::Streamed => Wants::Pieces(Pieces::Awaited),
        };
        let trial = link.trial.clone().map(|trial| (trial, link.which(exchange, place)));
        let stage = Stage { plugin: plugin.clone(), trial, bearer, wants };
        match (&stage.wants, self.whole.is_empty()) {
            (Wants::Pieces(_), true) => self.pieces.push(stage),
            _ => self.whole.push(stage),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.whole.is_empty()
    }

    /// The most bytes that must be held until [`Passage::whole`], where anybody wants them all.
    pub(crate) fn holds(&self) -> Option<u64> {
        match self.whole.first()?.wants {
            Wants::Whole(most) => Some(most),
            Wants::Pieces(_) => None,
        }
    }

    /// Whether anybody before that takes pieces, so that more or less may come of it.
    pub(crate) fn has_pieces(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Whether a plugin has seen a part of it: it cannot be shown again from its beginning.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The next piece, through all who take pieces; `last` when none follows.
    ///
    /// # Errors
    /// The message goes no further.
    pub(crate) fn piece(&mut self, data: Bytes, last: bool) -> Result<Bytes, Ended> {
        self.begun = true;
        let side = self.side;
        self.pieces.iter_mut().try_fold(data, |data, stage| stage.pieces(side, data, last))
    }

    /// The whole body, after its last piece: through the rest. `edit` changes the message's head. What
    /// is said is written down in `exchange`, while a record of it may still be told.
    ///
    /// # Errors
    /// The message goes no further.
    pub(crate) fn whole(
        &mut self,
        body: Bytes,
        mut exchange: Option<&mut Exchange>,
        mut edit: impl FnMut(&Edits),
    ) -> Result<Bytes, Ended> {
        let side = self.side;
        self.whole.iter_mut().try_fold(body, |body, stage| match stage.wants {
            Wants::Whole(most) => stage.whole(side, body, most, exchange.as_deref_mut(), &mut edit),
            Wants::Pieces(_) => stage.pieces(side, body, true),
        })
    }
}

impl Stage {
    fn whole(
        &self,
        side: Side,
        body: Bytes,
        most: u64,
        exchange: Option<&mut Exchange>,
        edit: &mut impl FnMut(&Edits),
    ) -> Result<Bytes, Ended> {
        if body.len() as u64 > most {
            return Err(Ended::TooLarge);
        }
        let plugin = &self.plugin;
        let report = plugin.revision.on_whole(side, self.bearer, &body);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(side.hook(), report, false);
        self.count(made, || match &judged {
            Err(_) => How::Failed,
            Ok(WholeVerdict::Respond(reply)) if reply.status.as_u16() >= 400 => How::Rejected,
            Ok(_) => How::Passed,
        });
        if let Some(exchange) = exchange {
            exchange.write_down(|record| {
                record.called(&plugin.name, side.hook(), time, said::of_whole(&judged));
            });
        }
        match judged {
            Err(failed) => self.failed(&failed).map(|()| body),
            Ok(WholeVerdict::Respond(reply)) => Err(Ended::Reply(reply)),
            Ok(WholeVerdict::Next { body: replaced, edits }) => {
                if replaced.is_some() {
                    // The plugin's bytes are in no coding, unless its edits say so.
                    let remove = vec![header::CONTENT_ENCODING];
                    edit(&Edits { remove, ..Edits::default() });
                }
                edit(&edits);
                Ok(replaced.map_or(body, Bytes::from))
            }
        }
    }

    fn count(&self, made: Made, how: impl FnOnce() -> How) {
        if let Some((trial, which)) = &self.trial {
            trial.count(*which, how(), made);
        }
    }

    fn failed(&self, failed: &Failed) -> Result<(), Ended> {
        match failed.rejects {
            true => Err(Ended::Failed(self.plugin.name.clone())),
            false => Ok(()),
        }
    }

    /// Shows `data` in pieces that a guest can take, and gathers what becomes of them.
    fn pieces(&mut self, side: Side, data: Bytes, last: bool) -> Result<Bytes, Ended> {
        if data.is_empty() && !last {
            return Ok(data);
        }
        // Only where a plugin changes something are bytes copied.
        let mut changed: Option<Vec<u8>> = None;
        let mut at = 0;
        loop {
            let end = data.len().min(at + LARGEST_CHUNK);
            let piece = &data[at..end];
            let verdict = self.chunk(side, piece, last && end == data.len())?;
            match (verdict, &mut changed) {
                (ChunkVerdict::Keep, None) => {}
                (ChunkVerdict::Keep, Some(changed)) => changed.extend_from_slice(piece),
                (ChunkVerdict::Replace(bytes), Some(changed)) => changed.extend_from_slice(&bytes),
                (ChunkVerdict::Replace(bytes), None) if at == 0 => changed = Some(bytes),
                (ChunkVerdict::Replace(bytes), None) => {
                    changed = Some([&data[..at], &bytes].concat());
                }
                (ChunkVerdict::Abort, _) => return Err(Ended::Aborted(self.plugin.name.clone())),
            }
            at = end;
            if at == data.len() {
                return Ok(changed.map_or(data, Bytes::from));
            }
        }
    }

    /// One call; the first one begins the stream.
    fn chunk(&mut self, side: Side, piece: &[u8], last: bool) -> Result<ChunkVerdict, Ended> {
        let Wants::Pieces(state) = &mut self.wants else { return Ok(ChunkVerdict::Keep) };
        let report = match std::mem::replace(state, Pieces::Over) {
            Pieces::Over => return Ok(ChunkVerdict::Keep),
            Pieces::Passing(mut stream) => {
                let report = stream.chunk(piece, last);
                *state = Pieces::Passing(stream);
                report
            }
            Pieces::Awaited => match self.plugin.revision.stream(side, self.bearer) {
                Ok(mut stream) => {
                    let report = stream.chunk(piece, last);
                    *state = Pieces::Passing(stream);
                    report
                }
                Err(failure) => Report::not_made(failure),
            },
        };
        if last || report.outcome.is_err() {
            *state = Pieces::Over;
        }
        let made = Made::of(&report);
        let judged = self.plugin.judge(side.hook(), report, false);
        self.count(made, || if judged.is_err() { How::Failed } else { How::Passed });
        match judged {
            Ok(verdict) => Ok(verdict),
            Err(failed) => self.failed(&failed).map(|()| ChunkVerdict::Keep),
        }
    }
}
