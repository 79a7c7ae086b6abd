//! May it pass? Rate limits counted on this edge, as pure policy.
//!
//! A [`Limiter`] holds the limits of one service. [`Limiter::check`] charges all of them or none
//! and tells which one refused. [`Named`] holds limits of which others choose, with keys of their own. Time is handed in, as nanoseconds of any monotonic clock; nothing
//! is locked but one of 256 parts of a table of keys.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//! use hither_limit::{KeyPart, KeySeed, LimitSpec, Limiter, Rate, Subject, Value};
//!
//! struct From(std::net::IpAddr);
//! impl Subject for From {
//!     fn client(&self) -> std::net::IpAddr {
//!         self.0
//!     }
//!     fn value(&self, _: &KeyPart, with: &mut dyn FnMut(Value<'_>)) {
//!         with(Value::Absent)
//!     }
//! }
//!
//! let one = NonZeroU32::MIN;
//! let spec = LimitSpec {
//!     name: "per-client".into(),
//!     key: vec![KeyPart::ClientAddress],
//!     rate: Rate { units: one, per: Duration::from_secs(1) },
//!     burst: one,
//!     shadow: false,
//! };
//! let limiter = Limiter::new(vec![spec], KeySeed::new([7; 16])).unwrap();
//! let subject = From("192.0.2.1".parse().unwrap());
//!
//! assert!(limiter.refusal(&limiter.check(&subject, 1, 0)).is_none());
//! let outcome = limiter.check(&subject, 1, 0);
//! let refusal = limiter.refusal(&outcome).unwrap();
//! assert_eq!(refusal.spec.name, "per-client");
//! assert_eq!(refusal.decision.retry_after_seconds(), 1);
//! let mut header = String::new();
//! limiter.write_rate_limit(&outcome, &mut header).unwrap();
//! assert_eq!(header, r#""per-client";r=0;t=1"#);
//! assert_eq!(limiter.policy(), Some(r#""per-client";q=1;w=1"#));
//! ```

mod gcra;
mod headers;
mod key;
mod limiter;
mod named;
mod quota;
mod shard;
mod table;

pub use gcra::Gcra;
pub use key::{Key, KeyList, KeySeed, Value};
pub use limiter::{
    DuplicateName, KeyPart, LimitSpec, Limiter, MAX_KEYS, Outcome, Subject, Verdict,
};
pub use named::{Check, Named, NamedSpec, Ruling, Rulings, UnknownName};
pub use quota::{Decision, Quota, Rate};
pub use table::KeyedGcra;
