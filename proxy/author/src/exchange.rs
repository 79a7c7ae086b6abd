//! One exchange on the bench: every hook in the order in which a proxy asks, each seeing what those before
//! it changed. The first answer in the service's place ends it.

use std::sync::Arc;

use hither_plugin_host::{
    Bearer, BodyMode, Classified, Hook, RequestVerdict, ResponseVerdict, Revision, Routing, Side,
    WholeVerdict,
};
use serde_json::Value;

use crate::answer::{self, Answers};
use crate::message::{RequestFile, ResponseFile, Seen};
use crate::workbench::{request_head, response_head};

pub(crate) struct Exchange {
    revision: Arc<Revision>,
    request: RequestFile,
    memo: u64,
    answers: Answers,
}

/// Whether the exchange goes on.
#[derive(PartialEq)]
enum Then {
    Next,
    Over,
}

impl Exchange {
    pub(crate) fn of(revision: Arc<Revision>, request: &RequestFile) -> Self {
        Self { revision, request: request.clone(), memo: 0, answers: Answers::default() }
    }

    pub(crate) fn ask(mut self, response: &ResponseFile) -> Answers {
        for hook in [Hook::RateLimit, Hook::RequestFilter, Hook::Routing, Hook::ResponseFilter] {
            if !self.revision.hooks().contains(hook) {
                continue;
            }
            let then = match hook {
                Hook::RateLimit => self.classify(),
                Hook::RequestFilter => self.filter_request(),
                Hook::Routing => self.route(),
                _ => self.filter_response(response),
            };
            if then == Then::Over {
                break;
            }
        }
        self.answers
    }

    fn add(&mut self, hook: Hook, answer: Value, over: bool) -> Then {
        self.answers.add(hook, answer);
        if over { Then::Over } else { Then::Next }
    }

    fn classify(&mut self) -> Then {
        let outcome = self.revision.classify(&request_head(&self.request, &seen(&self.request)));
        let (answer, over) = match &outcome.outcome {
            Err(failure) => (answer::failure(failure), true),
            Ok(said) => (answer::classified(said), matches!(said, Classified::Deny(_))),
        };
        self.add(Hook::RateLimit, answer, over)
    }

    fn filter_request(&mut self) -> Then {
        let report = self.revision.on_request(&request_head(&self.request, &seen(&self.request)));
        let (answer, over) = match &report.outcome {
            Err(failure) => (answer::failure(failure), true),
            Ok(said) => (answer::request(said), matches!(said, RequestVerdict::Respond(_))),
        };
        let then = self.add(Hook::RequestFilter, answer, over);
        let Ok(RequestVerdict::Next(patch)) = report.outcome else { return then };
        patch.edits.apply(&mut self.request.headers);
        self.request.redirect(patch.path.as_ref(), patch.authority.as_ref());
        self.memo = patch.memo;
        let body = std::mem::take(&mut self.request.body);
        self.body(Side::Request, patch.body, &body)
    }

    fn route(&mut self) -> Then {
        let report = self.revision.select(&request_head(&self.request, &seen(&self.request)));
        let (answer, over) = match &report.outcome {
            Err(failure) => (answer::failure(failure), true),
            Ok(said) => (answer::routing(said), matches!(said, Routing::Respond(_))),
        };
        if let Ok(Routing::Route(target)) = &report.outcome {
            self.memo = target.memo;
        }
        self.add(Hook::Routing, answer, over)
    }

    fn filter_response(&mut self, response: &ResponseFile) -> Then {
        let RequestFile { path, facts, .. } = &self.request;
        let seen = Seen { headers: &response.headers, path, facts };
        let report = self.revision.on_response(&response_head(response, &seen), self.memo);
        let (answer, over) = match &report.outcome {
            Err(failure) => (answer::failure(failure), true),
            Ok(said) => (answer::response(said), matches!(said, ResponseVerdict::Respond(_))),
        };
        let then = self.add(Hook::ResponseFilter, answer, over);
        let Ok(ResponseVerdict::Next(patch)) = report.outcome else { return then };
        self.body(Side::Response, patch.body, &response.body)
    }

    /// A body as the plugin wants it: all at once, or as one piece, which is the last.
    fn body(&mut self, side: Side, mode: BodyMode, body: &[u8]) -> Then {
        let bearer = Bearer { exchange: 1, config: 0, memo: self.memo };
        let (answer, over) = match mode {
            BodyMode::None => return Then::Next,
            BodyMode::Buffered(_) => match self.revision.on_whole(side, bearer, body).outcome {
                Err(failure) => (answer::failure(&failure), true),
                Ok(said) => (answer::whole(&said), matches!(said, WholeVerdict::Respond(_))),
            },
            BodyMode::Streamed => {
                let stream = self.revision.stream(side, bearer);
                match stream.and_then(|mut stream| stream.chunk(body, true).outcome) {
                    Err(failure) => (answer::failure(&failure), true),
                    Ok(said) => (answer::chunk(&said), false),
                }
            }
        };
        self.add(side.hook(), answer, over)
    }
}

fn seen(request: &RequestFile) -> Seen<'_> {
    Seen { headers: &request.headers, path: &request.path, facts: &request.facts }
}
