//! What this process is told by its surroundings: asked here, once, and handed to those who need it.

use hither_config::Environment;
use std::num::NonZeroUsize;

/// Host name, cores and environment variables, for the configuration's defaults.
pub(crate) fn environment() -> Environment {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Environment::new(host_name(), cores, |name| std::env::var(name).ok())
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "edge".to_owned(), |name| name.trim().to_owned())
}
