//! The access log: one JSON line per request, written by a thread of its own.
//!
//! A request never waits for a disk: when the writer cannot keep up, lines are dropped and counted.

use super::RequestFinished;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lines that may wait for the writer.
const WAITING_LINES: usize = 16 * 1024;

/// A path in the log is cut here; the whole head may be 32 KiB.
const MAX_TEXT: usize = 2048;

/// Where the lines go.
pub(crate) struct AccessLog {
    lines: Option<SyncSender<Vec<u8>>>,
}

impl AccessLog {
    /// No access log.
    pub(crate) fn off() -> AccessLog {
        AccessLog { lines: None }
    }

    /// To standard output.
    ///
    /// # Errors
    /// No thread could be started.
    pub(crate) fn stdout() -> io::Result<AccessLog> {
        AccessLog::to(io::stdout())
    }

    /// Appended to a file, which is made if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened for writing, or no thread could be started.
    pub(crate) fn file(path: &Path) -> io::Result<AccessLog> {
        AccessLog::to(std::fs::OpenOptions::new().create(true).append(true).open(path)?)
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<AccessLog> {
        let (lines, waiting) = sync_channel(WAITING_LINES);
        thread::Builder::new().name("access-log".into()).spawn(move || write_all(out, &waiting))?;
        Ok(AccessLog { lines: Some(lines) })
    }

    pub(super) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Hands the line to the writer; false when it had to be dropped.
    pub(super) fn write(&self, event: &RequestFinished<'_>) -> bool {
        self.lines
            .as_ref()
            .is_none_or(|lines| lines.try_send(line(event, SystemTime::now())).is_ok())
    }
}

/// Writes lines until the log is replaced. Flushes whenever nothing waits.
fn write_all(out: impl Write, waiting: &Receiver<Vec<u8>>) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Ok(line) = waiting.recv() {
        // A full disk must not end the thread: later lines may find room again.
        let _ = out.write_all(&line);
        while let Ok(line) = waiting.try_recv() {
            let _ = out.write_all(&line);
        }
        let _ = out.flush();
    }
}

/// A JSON object under construction.
struct Line(Vec<u8>);

impl Line {
    fn key(&mut self, key: &str) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        string(&mut self.0, cut(value));
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Seconds with microseconds, without the cost of formatting a float.
    fn seconds(&mut self, key: &str, value: Duration) {
        self.key(key);
        let micros = value.as_micros() as u64;
        self.0.extend_from_slice(itoa::Buffer::new().format(micros / 1_000_000).as_bytes());
        self.0.push(b'.');
        let mut fraction = [b'0'; 6];
        let mut rest = micros % 1_000_000;
        for digit in fraction.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.0.extend_from_slice(&fraction);
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        escape(out, text);
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        let escaped = match c {
            '"' => CharEscape::Quote,
            '\\' => CharEscape::ReverseSolidus,
            c if (c as u32) < 0x20 => CharEscape::AsciiControl(c as u8),
            c => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        // Writing to a Vec does not fail.
        let _ = CompactFormatter.write_char_escape(out, escaped);
    }
}

fn line(event: &RequestFinished<'_>, now: SystemTime) -> Vec<u8> {
    let mut line = Line(Vec::with_capacity(640));
    line.0.push(b'{');
    line.seconds("time", now.duration_since(UNIX_EPOCH).unwrap_or_default());
    line.text("edge", event.edge);
    line.text("region", event.region);
    line.maybe("service", event.service);
    line.maybe("component", event.component);
    line.maybe("instance", event.instance);
    line.maybe("instance_region", event.instance_region);
    line.key("client");
    let _ = write!(line.0, "\"{}\"", event.client);
    line.text("method", event.method);
    line.text("host", event.host);
    line.text("path", event.path);
    line.text("protocol", event.protocol);
    line.number("status", u64::from(event.status));
    if let Some(fault) = event.fault {
        line.text("fault", fault.reason());
        line.text("blame", fault.blame().name());
    }
    line.maybe("cache", event.cache);
    line.maybe("limit", event.limit);
    line.maybe("plugin", event.plugin);
    if event.attempts > 1 {
        line.number("attempts", u64::from(event.attempts));
    }
    line.number("request_bytes", event.request_bytes);
    line.number("response_bytes", event.response_bytes);
    let times = &event.times;
    line.seconds("total", times.total);
    if let Some(first_byte) = times.first_byte {
        line.seconds("first_byte", first_byte);
    }
    for (key, time) in
        [("queue", times.queue), ("plugins", times.plugins), ("connect", times.connect)]
    {
        if !time.is_zero() {
            line.seconds(key, time);
        }
    }
    if let Some(app) = times.app {
        line.seconds("app", app);
    }
    line.text("request_id", event.id);
    // W3C Trace Context, section 3.2.
    let traceparent = event.headers.and_then(|headers| headers.get("traceparent")?.to_str().ok());
    line.maybe("traceparent", traceparent);
    if !event.metadata.is_empty() {
        line.key("meta");
        line.0.push(b'{');
        for (key, value) in event.metadata {
            if line.0.last() != Some(&b'{') {
                line.0.push(b',');
            }
            string(&mut line.0, cut(key));
            line.0.push(b':');
            string(&mut line.0, cut(value));
        }
        line.0.push(b'}');
    }
    line.0.extend_from_slice(b"}\n");
    line.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::serve::RequestId;

    #[test]
    fn a_line_is_json_whatever_the_client_sent() {
        let id = RequestId::random();
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        let mut event = RequestFinished::refused(client, ("edge", "ams"), Fault::BadTarget, &id);
        let path = format!("/\"\\\u{1}é{}", "é".repeat(MAX_TEXT));
        event.path = &path;
        let metadata = [("p.k\n".to_owned(), "\u{7f}v\"".to_owned())];
        event.metadata = &metadata;
        event.times.total = Duration::from_micros(1_000_042);
        let text = line(&event, UNIX_EPOCH + Duration::from_millis(1500));
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["time"], 1.5);
        assert_eq!(value["total"], 1.000042);
        assert_eq!(value["fault"], "bad_target");
        assert_eq!(value["meta"]["p.k\n"], "\u{7f}v\"");
        assert!(value["path"].as_str().is_some_and(|p| p.starts_with("/\"\\\u{1}é")));
    }

    #[test]
    fn a_stalled_writer_costs_lines_and_no_time() {
        struct Stalled(std::sync::mpsc::Receiver<()>);
        impl Write for Stalled {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, gate) = std::sync::mpsc::channel();
        let log = AccessLog::to(Stalled(gate)).expect("thread");
        let id = RequestId::random();
        let client = std::net::IpAddr::from([127, 0, 0, 1]);
        let event = RequestFinished::refused(client, ("edge", "ams"), Fault::BadTarget, &id);
        let dropped = (0..3 * WAITING_LINES).filter(|_| !log.write(&event)).count();
        assert!(dropped > 0, "a bounded channel must drop");
        drop(release);
    }
}
