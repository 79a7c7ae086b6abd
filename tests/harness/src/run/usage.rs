//! What a process uses, as the kernel tells it (proc(5)). Linux only, as are these tests.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// User and system time since the start. The kernel counts in ticks, 10 ms on most machines.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = read(pid, "stat");
    // The command's name may hold anything, spaces and brackets too; it ends at the last bracket.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..].split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second())
}

/// A line of `/proc/PID/status` that is given in KiB, such as `VmRSS`, in bytes.
pub(crate) fn memory(pid: u32, name: &str) -> u64 {
    status(pid, name).trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

pub(crate) fn threads(pid: u32) -> usize {
    status(pid, "Threads").parse().unwrap()
}

pub(crate) fn open_fds(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// The limit under which so many more can be opened: it bounds their numbers, and the lowest free one is taken.
pub(crate) fn fds_with_room(pid: u32, more: usize) -> u64 {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: HashSet<u64> = entries
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    let free = (0..).filter(|number| !open.contains(number));
    free.take(more).last().map_or(0, |last| last + 1)
}

/// Sets the soft limit and leaves the hard one.
pub(crate) fn limit_fds(pid: u32, limit: u64) -> u64 {
    let text = read(pid, "limits");
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let hard = line.split_whitespace().nth(4).unwrap().parse().ok();
    let new = Rlimit { current: Some(limit), maximum: hard };
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    let old = prlimit(pid, Resource::Nofile, new).unwrap();
    old.current.unwrap_or(u64::MAX)
}

fn status(pid: u32, name: &str) -> String {
    let text = read(pid, "status");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("process {pid} has no {name}; has it ended?")).trim().to_owned()
}

fn read(pid: u32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
