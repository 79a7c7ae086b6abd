//! What may be kept and given again, and the memory it is kept in.
//!
//! Pingora's cache machinery carries responses to and from here: it looks up, lets one request fetch while
//! others wait, streams what comes to all of them, and revalidates. What it leaves open, or does not as
//! RFC 9111 has it, is decided here, in pure functions over heads and times:
//!
//! | question | room |
//! |---|---|
//! | may this request be looked up at all? | `ask` |
//! | what do the directives say? | `control` |
//! | is this response kept, and under which terms? | `terms` |
//! | does a stored response answer this request? | `reuse` |
//! | does a condition hold; what does a 304 change? | `condition` |
//! | what tells responses apart? | `key` |
//! | what does an unsafe request make invalid? | `unsafe_method` |
//! | what is the client told of it (RFC 9211)? | `told` |
//!
//! Most hits are `at_hand`: they need nothing of that, and are given at once.
//!
//! What is kept lies in `store` (moka) as `object`s with a `body`; `passes` remembers what is not kept,
//! `lock` whose turn it is to fetch. It must not know plugins, services' configuration or the admin API:
//! what it needs of a request rides in a [`Ticket`].

mod ask;
mod at_hand;
mod body;
mod cache;
mod condition;
mod control;
mod disk;
mod key;
mod lock;
mod look;
mod marks;
mod object;
mod page;
mod passes;
mod reuse;
mod store;
mod terms;
mod ticket;
mod told;
mod unsafe_method;

pub use ask::{Ask, Pass};
pub use at_hand::AtHand;
pub use cache::{Cache, Purge, Renewal};
pub use condition::{may_be_cut, not_modified, update};
pub use control::{CDN_CACHE_CONTROL, Directives, Wants};
pub use disk::{DiskFigures, DiskOptions};
pub use key::{Target, variant};
pub use look::Look;
pub use pingora_cache::key::HashBinary;
pub use reuse::{Reuse, on_error, reuse};
pub use terms::{Arrival, Given, Refusal, TAG_FIELDS, Terms, Wishes, content_length, given, terms};
pub use ticket::{Class, Ticket};
pub use told::{Forward, Told};
pub use unsafe_method::{invalidated, is_unsafe};
