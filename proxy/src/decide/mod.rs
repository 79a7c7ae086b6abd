//! What is decided of a request before an instance is sought: who asks, which service, whether limits
//! let it pass, what plugins say, what it has to do with the cache, and what all of that asks of the
//! balancer.
//!
//! `serve` decides real requests here and `explain` imagined ones, so that an explanation is what
//! would happen. It must not know Pingora, sockets or whom it decides for, but for this: in a
//! rehearsal nothing is charged or counted.

mod admit;
mod cached;
mod client;
mod failure;
mod record;
mod subject;
mod wanted;

pub(crate) use admit::{Admitted, Entry, Gathered, REDIRECT, admit, find};
pub(crate) use cached::{Asker, Cached, Lookup, cached};
pub(crate) use client::{Client, Hop};
pub(crate) use failure::Failure;
pub(crate) use record::{Attempt, Call, Changes, Matched, Record, Said};
pub(crate) use wanted::{fault_of, with_wanted};
