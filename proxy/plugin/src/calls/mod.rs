//! Hooks beside routing and filters, one file each: how the hook is called, what its answers mean once they
//! are judged.

mod access_log;
mod aside;
mod background;
mod cache_policy;
mod failover;
mod rate_limit;
mod waiting;

pub use access_log::{KeptInputs, Summary};
pub use background::Background;
pub use cache_policy::{CacheKey, Freshness, Lookup, Storage};
pub use rate_limit::{Charge, Classified};
