//! Hooks beside routing and filters, one file each: how the hook is called, what its answers mean once they
//! are judged.

mod rate_limit;

pub use rate_limit::{Charge, Classified};
