//! What a process uses, as the kernel tells it (proc(5)). Linux only, as are these tests.

use std::fs;
use std::time::Duration;

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

fn status(pid: u32, name: &str) -> String {
    let text = read(pid, "status");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("process {pid} has no {name}; has it ended?")).trim().to_owned()
}

fn read(pid: u32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
