//! `[cache]` and `[service.NAME.cache]`.

use std::time::Duration;

use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{FilePath, Size};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Less holds nothing that is worth the trouble.
const LEAST_MEMORY: Size = Size::new(1 << 20);
const MOST_MEMORY: Size = Size::new(1 << 44);
const MOST_DISK: Size = Size::new(1 << 50);

/// `[cache]`
#[derive(Debug)]
pub(crate) struct RawCache {
    pub(crate) memory: At<Size>,
    pub(crate) disk: Option<At<FilePath>>,
    pub(crate) disk_size: Option<At<Size>>,
}

impl Shape for RawCache {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            memory: fields.bounded(
                "memory",
                Size::new(256 << 20),
                LEAST_MEMORY..=MOST_MEMORY,
                "The most memory of all responses together that are kept; beside it, those that are \
                 being fetched take half as much at most.",
            ),
            disk: fields.optional(
                "disk",
                "\"/var/cache/hither\"",
                "A folder of the cache's own, where responses are kept as well and survive a restart; \
                 default: none.",
            ),
            disk_size: fields.bounded_optional(
                "disk_size",
                "\"10GiB\"",
                LEAST_MEMORY..=MOST_DISK,
                "The most bytes of that folder; default: \"10GiB\".",
            ),
        }
    }
}

/// `[service.NAME.cache]`
#[derive(Debug)]
pub(crate) struct RawCaching {
    pub(crate) spot: Spot,
    pub(crate) enabled: At<bool>,
    pub(crate) default_ttl: At<Duration>,
    pub(crate) stale_while_revalidate: At<Duration>,
    pub(crate) stale_if_error: At<Duration>,
    pub(crate) max_object: At<Size>,
}

impl Shape for RawCaching {
    fn read(fields: &mut Fields<'_>) -> Self {
        let mut time = |key: &'static str, help: &'static str| {
            fields.bounded(key, Duration::ZERO, Duration::ZERO..=YEAR, help)
        };
        let default_ttl = time(
            "default_ttl",
            "How long a response is fresh that does not say it; 0s: as its Last-Modified suggests.",
        );
        let stale_while_revalidate = time(
            "stale_while_revalidate",
            "So long after that it is given while it is fetched anew, unless it says otherwise.",
        );
        let stale_if_error = time(
            "stale_if_error",
            "So long after that it is given while it cannot be fetched, unless it says otherwise.",
        );
        Self {
            spot: fields.spot(),
            enabled: fields.or("enabled", true, "Whether responses are kept."),
            default_ttl,
            stale_while_revalidate,
            stale_if_error,
            max_object: fields.bounded(
                "max_object",
                Size::new(8 << 20),
                Size::new(1)..=MOST_MEMORY,
                "The largest body that is kept; larger ones pass.",
            ),
        }
    }
}
