//! What a process writes, line by line, gathered by a thread of its own, so that a busy test never makes the
//! process wait for its log to be read.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use crate::eventually::within;

/// The oldest lines are forgotten past this number: 10 s of load writes about half of it.
const MAX_LINES: usize = 500_000;

/// The lines that one stream of a process has written so far.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    lines: VecDeque<String>,
    /// How many there were, the forgotten ones included.
    total: usize,
    ended: bool,
}

impl Lines {
    /// Gathers until the source ends.
    pub(crate) fn gather(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                sink.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
            sink.0.lock().ended = true;
        });
        lines
    }

    fn push(&self, line: String) {
        let mut written = self.0.lock();
        if written.lines.len() == MAX_LINES {
            written.lines.pop_front();
        }
        written.lines.push_back(line);
        written.total += 1;
    }

    /// All lines so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.lock().lines.iter().cloned().collect()
    }

    /// How many lines there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().total
    }

    /// The last lines as one text, for messages.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let written = self.0.lock();
        let skip = written.lines.len().saturating_sub(count);
        written.lines.iter().skip(skip).fold(String::new(), |text, line| text + line + "\n")
    }

    /// The lines that are JSON, in order.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        self.0.lock().lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Whether the process has closed the stream, so that nothing can follow.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.0.lock().ended
    }

    /// Waits until a line is one that `wanted` takes, among those already there and those to come.
    ///
    /// # Panics
    /// After `deadline`, with the last lines.
    pub async fn wait_for<T>(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> T {
        let found = within(deadline, what, || {
            let found = self.0.lock().lines.iter().find_map(|line| wanted(line));
            async { found.ok_or_else(|| "no such line".to_owned()) }
        });
        match found.await {
            Ok(value) => value,
            Err(failure) => panic!("{failure}\n{}", self.tail(100)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_gathered_whole_whatever_their_bytes() {
        let lines = Lines::gather(&b"one\n\xFF\xFE\n{\"a\":1}\nlast"[..]);
        lines
            .wait_for(Duration::from_secs(10), "the last line", |line| {
                (line == "last").then_some(())
            })
            .await;
        assert_eq!(lines.count(), 4);
        assert_eq!(lines.json(), [serde_json::json!({"a": 1})]);
        assert_eq!(lines.tail(1), "last\n");
    }
}
