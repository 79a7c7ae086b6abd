//! A response on its way through the plugins that want its body: in pieces as they pass, or gathered until
//! its last byte with its head kept back, so that the head may still change.
//!
//! It works on what Pingora is about to write, not in Pingora's hooks for bodies: those are not told of
//! the end of a body from an HTTP/2 instance.

use super::hold::Stop;
use super::room::Held;
use crate::chain::{Ended, Passage, ResponseMessage};
use bytes::Bytes;
use http::{HeaderValue, header};
use pingora_core::protocols::http::HttpTask;
use pingora_http::ResponseHeader;

/// A response's body on its way.
pub(in crate::serve) struct Answer {
    passage: Passage,
    /// None: pieces pass.
    gathered: Option<Gathered>,
    /// Its last piece has been shown.
    over: bool,
}

/// What is held back of a response.
pub(in crate::serve) struct Gathered {
    /// The most bytes of it,
    pub(in crate::serve) most: u64,
    /// and of all bodies together.
    pub(in crate::serve) room: u64,
    pub(in crate::serve) body: Held,
    pub(in crate::serve) head: Option<Box<ResponseHeader>>,
}

impl Answer {
    pub(in crate::serve) fn new(passage: Passage, gathered: Option<Gathered>) -> Answer {
        Answer { passage, gathered, over: false }
    }

    /// Whether a head that was kept back has gone out.
    pub(super) fn head_went_out(&self) -> bool {
        self.gathered.is_some() && self.over
    }

    /// Takes what comes next and adds what is due by it.
    pub(super) fn next(
        &mut self,
        task: HttpTask,
        due: &mut Vec<HttpTask>,
    ) -> std::result::Result<(), Stop> {
        if self.over {
            due.push(task);
            return Ok(());
        }
        match task {
            HttpTask::Header(head, end) if end || head.status.is_informational() => {
                self.over = end;
                due.push(HttpTask::Header(head, end));
            }
            HttpTask::Header(head, end) => match &mut self.gathered {
                Some(gathered) => gathered.head = Some(head),
                None => due.push(HttpTask::Header(head, end)),
            },
            HttpTask::Body(data, end) => self.piece(data.unwrap_or_default(), end, end, due)?,
            end @ (HttpTask::Done | HttpTask::Trailer(_)) => {
                self.piece(Bytes::new(), true, false, due)?;
                due.push(end);
            }
            // No plugin reads a tunnel, and a failure is told as it is.
            other @ (HttpTask::UpgradedBody(..) | HttpTask::Failed(_)) => due.push(other),
        }
        Ok(())
    }

    /// `last`: none follows it; `end`: nothing at all does.
    fn piece(
        &mut self,
        data: Bytes,
        last: bool,
        end: bool,
        due: &mut Vec<HttpTask>,
    ) -> std::result::Result<(), Stop> {
        let shown = self.passage.piece(data, last).map_err(Stop::Plugin)?;
        self.over = last;
        let Some(gathered) = &mut self.gathered else {
            if end || !shown.is_empty() {
                due.push(HttpTask::Body(Some(shown), end));
            }
            return Ok(());
        };
        if gathered.body.len() + shown.len() as u64 > gathered.most {
            return Err(Stop::Plugin(Ended::TooLarge));
        }
        gathered.body.add(&shown, gathered.room).map_err(|_| Stop::Room)?;
        if last {
            let whole = Bytes::from(gathered.body.take());
            let (head, whole) = finish(&mut self.passage, gathered.head.take(), whole)?;
            due.extend(head.map(|head| HttpTask::Header(head, false)));
            due.push(HttpTask::Body(Some(whole), end));
        }
        Ok(())
    }
}

/// The plugins that take it whole; then its head, with the length as it is now.
fn finish(
    passage: &mut Passage,
    mut head: Option<Box<ResponseHeader>>,
    whole: Bytes,
) -> std::result::Result<(Option<Box<ResponseHeader>>, Bytes), Stop> {
    let edited = passage.whole(whole, None, |edits| {
        if let Some(head) = &mut head {
            head.apply(edits);
        }
    });
    let whole = edited.map_err(Stop::Plugin)?;
    if let Some(head) = &mut head {
        head.remove_header(&header::TRANSFER_ENCODING);
        // A well-formed value; only a full map refuses it, and then there was no length before.
        let _ = head.insert_header(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    }
    Ok((head, whole))
}
