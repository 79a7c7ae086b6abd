//! Hooks beside routing and filters, one file each: how the hook is called, what its answers mean once they
//! are judged.

mod access_log;
mod aside;
mod background;
mod failover;
mod rate_limit;
mod waiting;

pub use access_log::{KeptInputs, Summary};
pub use background::Background;
pub use rate_limit::{Charge, Classified};
