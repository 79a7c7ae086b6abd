//! From an accepted connection to a finished exchange: the only room, with `upstream/peer.rs`, that
//! names Pingora.
//!
//! | step of a request | room |
//! |---|---|
//! | connections are accepted, each thread for itself | `accept`, `listen` |
//! | who may connect | `door`; `reserve` where descriptors run out |
//! | TLS, where a listener has certificates | `tls` |
//! | the head is checked and timed before Pingora sees it | `guard` |
//! | what one request carries through all hooks | `ctx` |
//! | a body that a plugin wants is held, or shown in pieces | `body` |
//! | what a request has to do with the cache | `caching`, and `renewal` of what is stale |
//! | connections to instances are lent and kept | `link` |
//! | Pingora calls | `handler`, which delegates to `hook/*` |
//! | a failure becomes an answer | `classify`, `answer` |
//! | an answer tells how it came about, if that was asked for | `trace` |

mod accept;
mod answer;
mod body;
mod caching;
mod classify;
mod connection;
mod ctx;
mod door;
mod drain;
mod guard;
mod handler;
mod hook;
mod lazy_deadline;
mod link;
mod listen;
mod message;
mod renewal;
mod request_id;
mod reserve;
mod tls;
mod trace;

pub(crate) use accept::{Stage, Worker};
pub(crate) use body::BodyRoom;
pub(crate) use door::DoorRules;
pub(crate) use guard::{Calm, Frequency, HeadLimits, Patience};
pub(crate) use listen::{Bound, Listeners};
pub(crate) use request_id::RequestId;
pub(crate) use reserve::Reserve;
pub(crate) use tls::{Certificate, PairFile, Tls, TlsGround};
