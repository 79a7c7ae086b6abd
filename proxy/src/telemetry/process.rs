//! What the kernel says of this process: CPU time, memory, descriptors.

/// One look at `/proc/self`. What cannot be read is zero: telemetry must not fail a scrape.
pub(super) struct Process {
    /// Seconds, user and system.
    pub(super) cpu: f64,
    /// Bytes.
    pub(super) resident: i64,
    pub(super) descriptors: i64,
}

/// `sysconf(_SC_CLK_TCK)` on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE: i64 = 4096;

impl Process {
    pub(super) fn look() -> Process {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The command's name may hold blanks and parentheses; the fields after it do not.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |n: usize| fields.get(n).and_then(|f| f.parse::<i64>().ok()).unwrap_or(0);
        let descriptors =
            std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as i64);
        Process {
            cpu: (field(11) + field(12)) as f64 / TICKS_PER_SECOND,
            resident: field(21) * PAGE,
            descriptors,
        }
    }
}
