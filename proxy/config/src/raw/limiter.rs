//! How many may pass: `[limiter.NAME]`, and the same keys of a service's own limits.

use crate::read::{At, Fields, Shape};
use crate::value::Rate;

/// `[limiter.NAME]`
#[derive(Debug)]
pub(crate) struct RawQuota {
    pub(crate) rate: Option<At<Rate>>,
    pub(crate) burst: Option<At<u32>>,
    pub(crate) shadow: At<bool>,
}

impl Shape for RawQuota {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            rate: fields.required(
                "rate",
                "\"100/s\"",
                "How many, per second (/s), minute (/m) or hour (/h).",
            ),
            burst: fields.bounded_optional(
                "burst",
                "200",
                1..=1_000_000_000,
                "How many may come at once; default: those of one second, at least 1.",
            ),
            shadow: fields.or("shadow", false, "Count and tell, but let everything pass."),
        }
    }
}
