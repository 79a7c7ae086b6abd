//! An explanation for people: the outcome first, then each step of the way, then the instances.

use crate::decide::{Call, Changes, Matched, Said};
use crate::explain::{CacheLine, Candidate, Explanation, Kept, Outcome, ServiceLine, Source};
use crate::snapshot::Standing;

/// Where what a step says begins.
const INDENT: usize = 10;

/// Words of others are cut here.
const MOST_WORDS: usize = 240;

/// `why`: nobody could be asked.
pub(super) fn text(explanation: &Explanation, why: Option<&str>) -> String {
    let mut out = Text::default();
    asked(&mut out, explanation, why);
    out.line("");
    out.line(&format!("=> {}", outcome(explanation)));
    out.line("");
    steps(&mut out, explanation);
    instances(&mut out, explanation);
    out.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A step of the way with what belongs to it, one below the other.
    fn step(&mut self, name: &str, lines: impl IntoIterator<Item = String>) {
        for (number, line) in lines.into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            self.line(&format!("{name:<INDENT$}{line}"));
        }
    }

    /// Rows whose cells stand below each other.
    fn table(&mut self, indent: &str, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let cells: Vec<String> = cells.collect();
            let blank = " ".repeat(indent.len());
            let before = if number == 0 { indent } else { &blank };
            self.line(&format!("{before}{}", cells.join("  ")));
        }
    }
}

/// Plugins and configurations say what they like; a terminal is not theirs to control.
fn clean(words: &str) -> String {
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MOST_WORDS).collect()
}

fn asked(out: &mut Text, it: &Explanation, why: Option<&str>) {
    let asked = &it.request;
    let by = match asked.client == asked.peer {
        true => String::new(),
        false => format!(", by the trusted proxy {}", asked.peer),
    };
    let (method, host, path) = (&asked.method, clean(&asked.host), clean(&asked.path));
    out.line(&format!("{method} {}://{host}{path} from {}{by}", asked.scheme, asked.client));
    let place = format!("edge {} in {}", it.edge, it.region);
    match it.source {
        Source::Edge => out.line(&format!("{place}, snapshot {}, as things stand", it.snapshot)),
        Source::File => {
            out.line(&format!("{place}, as if just started: every instance is well and idle"));
            if let Some(why) = why {
                out.line(&format!("({})", clean(why)));
            }
        }
    }
}

fn outcome(it: &Explanation) -> String {
    match &it.told.outcome {
        Outcome::Instance { id, among: 0 | 1 } => format!("goes to {id}, at once"),
        Outcome::Instance { id, among } => {
            let others = among - 1;
            format!("goes at once to {id} or to one of {others} as good: chance decides")
        }
        Outcome::Wait { position, timeout_seconds } => format!(
            "waits as number {position} in line, {} at most: every instance it may go to is full",
            time(*timeout_seconds)
        ),
        Outcome::Kept { status, age_seconds } => {
            format!("is given what the cache keeps: {status}, {} old", time(*age_seconds))
        }
        Outcome::Component { revision, digest } => format!(
            "is answered by the service's component, revision {revision}, sha256 {:.12}",
            clean(digest)
        ),
        Outcome::Answered { status, plugin } => {
            format!("is answered with {status} by the plugin {plugin}")
        }
        Outcome::Redirected { status, to } => {
            format!("is sent to {} with {status}: its service has force_https", clean(to))
        }
        Outcome::Refused { status, fault, by, retry_after_seconds } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let again = retry_after_seconds.map(|after| format!(", again in {}", time(after)));
            let why = meaning(fault).map(|why| format!(": {why}")).unwrap_or_default();
            format!("is refused{by} with {status} {fault}{}{why}", again.unwrap_or_default())
        }
    }
}

/// What is not clear from the fault's name.
fn meaning(fault: &str) -> Option<&'static str> {
    Some(match fault {
        "no_route" => "no service takes this host and path",
        "bad_target" => "the path climbs above its root or has a broken escape",
        "no_instance" => "no instance is healthy, not draining and bears what is required",
        "queue_full" => "every instance is full, and so is the queue",
        "component_full" => "the component answers as many requests as it may",
        "overloaded" => "every instance has been full for too long",
        _ => return None,
    })
}

fn steps(out: &mut Text, it: &Explanation) {
    let told = &it.told;
    match &told.matched {
        Some(matched) => out.step("service", [service(matched)]),
        None => {
            out.step("service", ["none; these are there:".to_owned()]);
            let row = |one: &ServiceLine| {
                let hosts = match one.hosts.as_slice() {
                    [] => "any host".to_owned(),
                    hosts => hosts.join(", "),
                };
                vec![one.name.clone(), hosts, format!("path {}", one.path_prefix)]
            };
            let rows: Vec<Vec<String>> = it.services.iter().map(row).collect();
            out.table(&" ".repeat(INDENT), &rows);
        }
    }
    let limits: Vec<Vec<String>> = told.limits.iter().map(limit).collect();
    out.table("limits    ", &limits);
    let later = told.later.iter().map(|name| {
        vec![name.clone(), "response-filter".to_owned(), String::new(), LATER.to_owned()]
    });
    let plugins: Vec<Vec<String>> = told.plugins.iter().map(plugin).chain(later).collect();
    out.table("plugins   ", &plugins);
    if let Some(cache) = &told.cache {
        out.step("cache", [cached(cache)]);
    }
    if let Some(queue) = &told.queue {
        let places = match queue.places {
            0 => "nobody may wait".to_owned(),
            places => format!("{} of {places} places taken", queue.waiting),
        };
        out.step("queue", [places]);
    }
    if told.by_connection {
        let counted = "places are counted for connections: this is the first request of a new one";
        out.step("", [counted.to_owned()]);
    }
}

const LATER: &str = "is asked when the instance has answered";

fn cached(line: &CacheLine) -> String {
    match line {
        CacheLine::Passes { why } => format!("passes it by: {}", clean(why)),
        CacheLine::LooksUp { by_plugin, kept, on_disk } => {
            let key = if *by_plugin { "a plugin's key" } else { "its URL" };
            let found = match kept {
                Some(kept) => found(kept),
                None if *on_disk => {
                    "something is on disk, which is judged when it is read".to_owned()
                }
                None => "nothing is kept".to_owned(),
            };
            format!("is looked up under {key}: {found}")
        }
    }
}

fn found(kept: &Kept) -> String {
    let left = kept.fresh_seconds;
    let state = match left >= 0.0 {
        true => format!("fresh for {}", time(left)),
        false => format!("stale since {}", time(-left)),
    };
    let then = match kept.is.as_str() {
        "fresh" => "",
        "stale_as_wished" => ", which the request takes",
        "stale_while_revalidated" => ", given while it is fetched anew",
        "to_be_validated" => ", so an instance is asked whether it still holds",
        _ => ", but not for a request like this",
    };
    format!("{} of {} ago, {state}{then}", kept.status, time(kept.age_seconds))
}

fn service(matched: &Matched) -> String {
    let Matched { service, by, host, path_prefix } = matched;
    let host = match by.as_str() {
        "default" => "it takes any host that no other does".to_owned(),
        by => format!("host {host} ({by})"),
    };
    format!("{service}: {host}, path {path_prefix}")
}

fn limit(limit: &Standing) -> Vec<String> {
    let left = format!("{} of {} left", limit.remaining, limit.burst);
    let again = || format!("again in {}", time(limit.retry_after_seconds));
    let says = match (limit.passes, limit.shadow) {
        (true, _) => format!("lets it pass, {left}"),
        (false, false) => format!("refuses it, {left}, {}", again()),
        (false, true) => format!("would refuse it, but is in shadow, {left}"),
    };
    let counts = match &*limit.key {
        [] => "counts all clients together".to_owned(),
        [one] if one == "client.address" => "counts each client".to_owned(),
        parts => format!("counts each {}", clean(&parts.join(" and "))),
    };
    vec![limit.name.clone(), says, counts]
}

fn plugin(call: &Call) -> Vec<String> {
    let took = match (&call.said, call.seconds) {
        (Said::NotAsked { .. }, _) => String::new(),
        (_, Some(seconds)) => format!("{:.2} ms", seconds * 1000.0),
        (_, None) => "from memory".to_owned(),
    };
    vec![call.plugin.clone(), call.hook.clone(), took, said(&call.said)]
}

fn said(said: &Said) -> String {
    match said {
        Said::Passed => "passes it as it is".to_owned(),
        Said::Answered { status } => format!("answers it with {status}"),
        Said::Bypassed => "has it pass by the cache".to_owned(),
        Said::Keyed { own, vary } => {
            let key = if *own { "gives it a key of its own" } else { "leaves it its key" };
            match vary.as_slice() {
                [] => key.to_owned(),
                vary => format!("{key}, with {}", clean(&vary.join(" and "))),
            }
        }
        Said::Kept { kept: true } => "has the answer kept".to_owned(),
        Said::Kept { kept: false } => "does not have the answer kept".to_owned(),
        Said::GaveUp => "gives it up".to_owned(),
        Said::Retried { .. } => "has it tried again".to_owned(),
        Said::NotAsked { part } => {
            format!("is not asked: the {} is not in its `when`", clean(part))
        }
        Said::Counted { limiters, refused } => {
            let by = clean(&limiters.join(" and "));
            match refused {
                None => format!("counts it by {by}"),
                Some(refused) => format!("counts it by {by}: {} refuses it", clean(refused)),
            }
        }
        Said::Failed { why, rejects } => {
            let then = if *rejects { "so the request ends here" } else { "and is skipped" };
            format!("failed, {then}: {}", clean(why))
        }
        Said::Changed { changes } => {
            let list = changed(changes);
            if list.is_empty() { "takes note of it".to_owned() } else { list.join(", ") }
        }
        Said::Routed { require, prefer, affinity, timeout_seconds, changes } => {
            let labels = |labels: &[(String, String)]| {
                let each = labels.iter().map(|(key, value)| clean(&format!("{key}={value}")));
                each.collect::<Vec<_>>().join(" and ")
            };
            let mut list = Vec::new();
            if !require.is_empty() {
                list.push(format!("requires {}", labels(require)));
            }
            if !prefer.is_empty() {
                list.push(format!("prefers {}", labels(prefer)));
            }
            if *affinity {
                list.push("keeps its key on one instance".to_owned());
            }
            if let Some(timeout) = timeout_seconds {
                list.push(format!("gives it {}", time(*timeout)));
            }
            list.extend(changed(changes));
            if list.is_empty() { "lets it go anywhere".to_owned() } else { list.join(", ") }
        }
    }
}

fn changed(changes: &Changes) -> Vec<String> {
    let mut list = Vec::new();
    if !changes.headers.is_empty() {
        list.push(format!("changes {}", changes.headers.join(", ")));
    }
    list.extend(changes.host.as_ref().map(|host| format!("changes the host to {}", clean(host))));
    list.extend(changes.path.as_ref().map(|path| format!("changes the path to {}", clean(path))));
    list
}

fn instances(out: &mut Text, it: &Explanation) {
    let told = &it.told;
    if told.candidates.is_empty() {
        return;
    }
    out.line("");
    out.line("instances in the order of preference (in flight / soft limit / hard limit)");
    let heads = ["", "instance", "region", "round trip", "class", "band", "in flight", "why"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(told.candidates.iter().map(candidate));
    out.table("", &rows);
    if told.omitted > 0 {
        out.line(&format!(
            "   and {} more; --candidates {} shows them",
            told.omitted,
            told.candidates.len() + told.omitted
        ));
    }
}

fn candidate(one: &Candidate) -> Vec<String> {
    let hard = one.hard_limit.map_or("-".to_owned(), |limit| limit.to_string());
    let rtt = one.rtt_seconds.map_or("unknown".to_owned(), time);
    let why = match one.load > one.in_flight {
        true => format!("{} (counts as {})", one.reason, one.load),
        false => one.reason.clone(),
    };
    let class = if one.rtt_seconds.is_none() { "-" } else { &one.class };
    vec![
        if one.verdict == "chosen" { "=>" } else { "" }.to_owned(),
        one.id.clone(),
        one.region.clone(),
        rtt,
        class.to_owned(),
        one.band.clone(),
        format!("{}/{}/{hard}", one.in_flight, one.soft_limit),
        clean(&why),
    ]
}

/// A time as people say it.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.1} ms", s * 1000.0),
        s if s < 10.0 && s.fract() > 0.05 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}
