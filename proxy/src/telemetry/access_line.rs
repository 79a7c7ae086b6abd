//! One request as a line of JSON.

use super::RequestFinished;
use http::HeaderName;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A path in the log is cut here; the whole head may be 32 KiB.
const MAX_TEXT: usize = 2048;

/// W3C Trace Context, section 3.2.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A JSON object under construction.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
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
        string(self.0, cut(value));
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

    fn address(&mut self, key: &str, value: IpAddr) {
        self.key(key);
        self.0.push(b'"');
        match value {
            // Most are, and formatting costs ten times as much.
            IpAddr::V4(v4) => {
                for (place, octet) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.0.push(b'.');
                    }
                    self.0.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                }
            }
            // Writing to a Vec does not fail.
            IpAddr::V6(v6) => drop(write!(self.0, "{v6}")),
        }
        self.0.push(b'"');
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
    // Without a branch for each byte, many at a time: nearly always there is nothing to escape.
    let plain =
        text.bytes().fold(true, |plain, b| plain & (b >= 0x20) & (b != b'"') & (b != b'\\'));
    match plain {
        true => out.extend_from_slice(text.as_bytes()),
        false => escape(out, text),
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

/// Appends the line, its end included.
pub(super) fn write(out: &mut Vec<u8>, event: &RequestFinished<'_>, now: SystemTime) {
    let mut line = Line(out);
    line.0.push(b'{');
    line.seconds("time", now.duration_since(UNIX_EPOCH).unwrap_or_default());
    line.text("edge", event.edge);
    line.text("region", event.region);
    line.maybe("service", event.service);
    line.maybe("component", event.component);
    line.maybe("instance", event.instance);
    line.maybe("instance_region", event.instance_region);
    line.address("client", event.client);
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
    let traceparent = event.headers.and_then(|headers| headers.get(&TRACEPARENT)?.to_str().ok());
    line.maybe("traceparent", traceparent);
    if !event.metadata.is_empty() {
        line.key("meta");
        line.0.push(b'{');
        for (key, value) in event.metadata {
            if line.0.last() != Some(&b'{') {
                line.0.push(b',');
            }
            string(line.0, cut(key));
            line.0.push(b':');
            string(line.0, cut(value));
        }
        line.0.push(b'}');
    }
    line.0.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::serve::RequestId;

    #[test]
    fn a_line_is_json_whatever_the_client_sent() {
        let id = RequestId::random();
        let client = IpAddr::from([127, 0, 0, 1]);
        let mut event = RequestFinished::refused(client, ("edge", "ams"), Fault::BadTarget, &id);
        let path = format!("/\"\\\u{1}é{}", "é".repeat(MAX_TEXT));
        event.path = &path;
        let metadata = [("p.k\n".to_owned(), "\u{7f}v\"".to_owned())];
        event.metadata = &metadata;
        event.times.total = Duration::from_micros(1_000_042);
        let mut text = Vec::new();
        write(&mut text, &event, UNIX_EPOCH + Duration::from_millis(1500));
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["time"], 1.5);
        assert_eq!(value["total"], 1.000042);
        assert_eq!(value["fault"], "bad_target");
        assert_eq!(value["meta"]["p.k\n"], "\u{7f}v\"");
        assert!(value["path"].as_str().is_some_and(|p| p.starts_with("/\"\\\u{1}é")));
    }

    #[test]
    fn addresses_are_written_as_they_are_elsewhere() {
        for text in ["0.0.0.0", "192.0.2.10", "255.255.255.255", "::1", "2001:db8::a:1"] {
            let mut out = Vec::new();
            Line(&mut out).address("client", text.parse().expect("an address"));
            assert_eq!(String::from_utf8(out).expect("text"), format!(",\"client\":\"{text}\""));
        }
    }
}
