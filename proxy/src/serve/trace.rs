//! `Hither-Trace`: how an answer came about, for who asked for it and may know. It must cost nothing
//! where nobody may ask, and next to nothing where nobody does.
//!
//! A list of structured fields (RFC 9651), one member for each thing that had a say:
//!
//! ```text
//! service;name="web";host="*";path="/", limit;name="each";is="open";left=4, plugin;name="router";hook=
//! "routing";said="routed";ms=0.103, cache;is="miss", queue;ms=0.000, instance;id="ams-1";region="ams";
//! class="0-1ms";band="open";load=3;soft=20;hard=25, attempts;n=1
//! ```

use super::ctx::Ctx;
use super::message::with_parts;
use crate::decide::{Attempt, Call, Record, Said};
use crate::snapshot::TraceOrigin;
use hither_config::ConcurrencyPlan;
use http::{HeaderName, HeaderValue};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::fmt::Write;
use std::time::Duration;

const HITHER_TRACE: HeaderName = HeaderName::from_static("hither-trace");

/// Clients and the proxies before them take fields of this length.
const MAX_LINE: usize = 2048;

/// Has it written down what happens, where the request asks for it and may. The field is for us
/// alone: neither plugins nor the instance see it, and what may be a token goes no further.
pub(super) fn begin(session: &mut Session, ctx: &mut Ctx) {
    let Some(snapshot) = ctx.sight.snapshot() else { return };
    let Some(rule) = &snapshot.trace else { return };
    if !session.req_header().headers.contains_key(&rule.header) {
        return;
    }
    let shown = with_parts(session.req_header_mut(), |parts| parts.headers.remove(&rule.header));
    let (Some(shown), Some(connection)) = (shown, &ctx.connection) else { return };
    let rules = snapshot.listener(&connection.listener);
    let origin = TraceOrigin {
        peer: connection.peer.ip().to_canonical(),
        peer_trusted: ctx.hop.trusted,
        client: ctx.client,
        client_trusted: rules.is_some_and(|rules| rules.trusts(ctx.client)),
    };
    if rule.allows(&shown, origin) {
        ctx.exchange.keep_record();
    }
}

/// Tells what was written down, if anything was.
pub(super) fn tell(response: &mut ResponseHeader, ctx: &Ctx) {
    let Some(record) = ctx.exchange.record() else { return };
    if let Ok(value) = HeaderValue::from_str(&line(record, ctx)) {
        // Refused only by a head that is full already.
        let _ = response.insert_header(HITHER_TRACE, value);
    }
}

fn line(record: &Record, ctx: &Ctx) -> String {
    let mut line = Line::default();
    if let Some(matched) = &record.matched {
        line.member("service").text("name", &matched.service);
        line.text("host", &matched.host).text("path", &matched.path_prefix);
    }
    for limit in &record.limits {
        let word = match (limit.passes, limit.shadow) {
            (true, _) => "open",
            (false, false) => "spent",
            (false, true) => "spent-in-shadow",
        };
        line.member("limit")
            .text("name", &limit.name)
            .text("is", word)
            .number("left", limit.remaining);
    }
    for call in &record.calls {
        line.member("plugin").text("name", &call.plugin).text("hook", &call.hook);
        line.text("said", said(call));
        match call.seconds {
            Some(seconds) => line.time("ms", Duration::from_secs_f64(seconds)),
            None => line.text("from", "memory"),
        };
    }
    if let Some(caching) = &ctx.cache {
        line.member("cache").text("is", caching.name());
    }
    let limits = ctx.sight.snapshot().zip(ctx.sight.service_name()).and_then(|(snapshot, name)| {
        snapshot.plan.services.get(name).map(|service| &service.concurrency)
    });
    if let Some(answering) = &ctx.answering {
        let answerer = answering.answerer();
        line.member("component").number("revision", answerer.revision());
        line.text("digest", answerer.short_digest());
    } else if ctx.attempts > 0 {
        line.member("queue").time("ms", ctx.times.queue);
    }
    for attempt in &record.attempts {
        line.attempt(attempt, limits);
    }
    if ctx.attempts > 0 {
        line.member("attempts").number("n", ctx.attempts.into());
    }
    line.text
}

fn said(call: &Call) -> &'static str {
    match &call.said {
        Said::Passed => "passed",
        Said::Changed { .. } => "changed",
        Said::Routed { .. } => "routed",
        Said::Counted { refused: None, .. } => "counted",
        Said::Counted { refused: Some(_), .. } => "refused",
        Said::Bypassed => "bypassed",
        Said::Keyed { .. } => "keyed",
        Said::Kept { kept: true } => "kept",
        Said::Kept { kept: false } => "not-kept",
        Said::GaveUp => "gave-up",
        Said::Retried { .. } => "retried",
        Said::Answered { .. } => "answered",
        Said::NotAsked { .. } => "not-asked",
        Said::Failed { rejects: true, .. } => "failed",
        Said::Failed { rejects: false, .. } => "failed-and-skipped",
    }
}

/// The field's value as it grows. Members that find no room are left out, as `more` tells.
#[derive(Default)]
struct Line {
    text: String,
    full: bool,
}

impl Line {
    fn member(&mut self, name: &str) -> &mut Line {
        // Room for any member: names are of 64 bytes, hosts of 255, and a path is cut.
        if self.text.len() > MAX_LINE - 1024 && !self.full {
            self.full = true;
            self.text.push_str(", more");
        }
        if !self.full {
            let comma = if self.text.is_empty() { "" } else { ", " };
            self.push(format_args!("{comma}{name}"));
        }
        self
    }

    fn attempt(&mut self, attempt: &Attempt, limits: Option<&ConcurrencyPlan>) {
        self.member("instance").text("id", &attempt.instance).text("region", &attempt.region);
        self.text("class", attempt.class).text("band", attempt.band);
        self.number("load", attempt.in_flight.into());
        if let Some(limits) = limits {
            self.number("soft", limits.soft_limit.get().into());
            if let Some(hard) = limits.hard_limit {
                self.number("hard", hard.get().into());
            }
        }
    }

    /// A string has visible ASCII and blanks only (RFC 9651 section 3.3.3); others are left out.
    fn text(&mut self, key: &str, value: &str) -> &mut Line {
        const MOST: usize = 256;
        let visible = value.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'));
        let visible: String = visible.take(MOST).collect();
        self.push(format_args!(";{key}=\"{visible}\""));
        self
    }

    fn number(&mut self, key: &str, value: u64) -> &mut Line {
        self.push(format_args!(";{key}={value}"));
        self
    }

    fn time(&mut self, key: &str, time: Duration) -> &mut Line {
        let micros = time.as_micros();
        self.push(format_args!(";{key}={}.{:03}", micros / 1000, micros % 1000));
        self
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        if !self.full {
            // Writing to a string does not fail.
            let _ = self.text.write_fmt(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_and_of_visible_ascii_whatever_it_tells() {
        let mut line = Line::default();
        for _ in 0..100 {
            line.member("plugin").text("name", &"\"\\é\r\nx".repeat(400)).number("n", u64::MAX);
        }
        assert!(line.text.len() <= MAX_LINE, "{}", line.text.len());
        assert!(line.text.ends_with(", more"), "{}", line.text);
        assert!(line.text.bytes().all(|b| (b' '..=b'~').contains(&b)));
        let first = line.text.split(", ").next().unwrap_or_default();
        assert_eq!(first, format!("plugin;name=\"{}\";n={}", "x".repeat(256), u64::MAX));
    }
}
