//! What this process is told by its surroundings: asked here, once, and handed to those who need it.

use hither_config::Environment;
use std::num::NonZeroUsize;
use std::path::Path;

/// Host name, cores, memory and environment variables, for the configuration's defaults.
pub(crate) fn environment() -> Environment {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Environment::new(host_name(), cores, |name| std::env::var(name).ok()).with_memory(memory())
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "edge".to_owned(), |name| name.trim().to_owned())
}

/// Takes as many descriptors as the system lets this process have: the soft limit is for programs that
/// `select(2)`. What cannot be had is done without.
pub(crate) fn take_all_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Bytes of memory that this process takes.
pub(crate) fn resident() -> Option<u64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Bytes of memory that there are for this process: the machine's, or what a container may take.
fn memory() -> Option<u64> {
    let groups = text("/proc/self/cgroup");
    let version2 =
        groups.as_deref().unwrap_or_default().lines().find_map(|line| line.strip_prefix("0::/"));
    let folders = version2.into_iter().flat_map(|group| Path::new(group).ancestors());
    let bounds = folders
        .map(|folder| Path::new("/sys/fs/cgroup").join(folder).join("memory.max"))
        .chain(["/sys/fs/cgroup/memory/memory.limit_in_bytes".into()])
        // "max" is no bound, and no number.
        .filter_map(|file| text(file)?.trim().parse().ok());
    bounds.chain(machine()).min()
}

fn machine() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemTotal:")
}

/// A line of such a file, in bytes.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let facts = text(file)?;
    let line = facts.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

fn text(file: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_takes_less_memory_than_there_is() {
        let (all, own) = (memory().expect("/proc"), resident().expect("/proc"));
        assert!((1 << 16..all).contains(&own), "{own} of {all}");
        assert!(machine().expect("/proc") >= all);
    }
}
