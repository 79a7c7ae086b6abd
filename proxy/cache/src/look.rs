//! What is kept for a request, told to somebody who only asks. It gives nothing and changes nothing.

use crate::ask::Ask;
use crate::object::Object;
use crate::reuse::{Reuse, reuse};
use http::StatusCode;
use std::time::{Duration, Instant};

/// What somebody who only asks is told of what is kept for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A response, in memory.
    Kept {
        /// Its status.
        status: StatusCode,
        /// What it is for the request.
        reuse: Reuse,
        /// How old it is.
        age: Duration,
        /// For how long it is fresh still, or since when it is not.
        rest: Result<Duration, Duration>,
    },
    /// Something, on disk alone.
    OnDisk,
    /// Nothing.
    Nothing,
}

impl Look {
    pub(crate) fn at(object: &Object, ask: &Ask, now: Instant) -> Look {
        let terms = &object.terms;
        Look::Kept {
            status: object.head.status,
            reuse: reuse(terms, ask, now),
            age: terms.age(now),
            rest: terms.rest(now),
        }
    }
}
