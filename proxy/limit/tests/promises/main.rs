//! What the limiter promises, one file per promise.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

mod headers;
mod keys;
mod limits;
mod named;
mod never_over;

use std::num::NonZeroU32;
use std::time::Duration;

use hither_limit::{Quota, Rate};

fn rate(units: u32, per: Duration) -> Rate {
    Rate { units: NonZeroU32::new(units).expect("not zero"), per }
}

fn quota(units: u32, per: Duration, burst: u32) -> Quota {
    Quota::new(rate(units, per), NonZeroU32::new(burst).expect("not zero"))
}
