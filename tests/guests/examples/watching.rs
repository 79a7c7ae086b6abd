//! Tells in its log of exchanges that have ended, and counts its ticks in the store and in its own memory; or
//! misbehaves in either, as its configuration says. `/ticks` answers with both counts, `/tls` with whether it was
//! asked for over TLS.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use hither_plugin::{
    AccessLog, Background, Plugin, Reply, Request, RequestFilter, RequestPatch, RequestVerdict,
    Summary, log, plugin, store,
};

struct Watching {
    config: Config,
    ticks: Cell<u64>,
}

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tick: String,
    #[serde(default)]
    log: String,
}

#[plugin(request_filter, access_log, background)]
impl Plugin for Watching {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-key", "query:memo"];
    const TICK: &'static str = "100ms";

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { config, ticks: Cell::new(0) })
    }
}

fn misbehave(what: &str) {
    match what {
        "trap" => std::process::abort(),
        "loop" => loop {
            black_box(());
        },
        _ => {}
    }
}

const AN_HOUR: Duration = Duration::from_secs(3600);

fn count(key: &str, by: i64) -> i64 {
    store::increment(key.as_bytes(), by, AN_HOUR).unwrap_or(-1)
}

impl RequestFilter for Watching {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        if request.path == "/ticks" {
            let text = format!("{} {} {}", count("ticks", 0), count("state", 0), count("done", 0));
            return Reply::new(200).body(text).into();
        }
        if request.path == "/tls" {
            return Reply::new(200).body(request.tls.to_string()).into();
        }
        let memo = request.input("query:memo").and_then(|memo| memo.parse().ok());
        RequestPatch::default().memo(memo.unwrap_or(0)).into()
    }
}

impl AccessLog for Watching {
    fn on_complete(&self, done: &[Summary]) {
        misbehave(&self.config.log);
        count("done", done.len() as i64);
        for one in done {
            let fields = [
                ("name", self.config.name.clone()),
                ("status", one.status.to_string()),
                ("memo", one.memo.to_string()),
                ("service", one.service.clone()),
                ("instance", one.instance.clone()),
                ("region", one.region.clone()),
                ("cache", one.cache.clone()),
                ("fault", one.fault.clone()),
                ("bytes", format!("{}/{}", one.request_bytes, one.response_bytes)),
                ("key", one.header("x-key").unwrap_or_default().to_owned()),
                ("took", (one.duration_us >= one.upstream_us).to_string()),
            ];
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            log::emit(log::Level::Info, "done", &fields);
        }
    }
}

impl Background for Watching {
    fn on_tick(&self, _: u64) {
        count("ticks", 1);
        misbehave(&self.config.tick);
        self.ticks.set(self.ticks.get() + 1);
        // What its own memory says, for whoever asks whether it is one instance.
        let known = count("state", 0);
        count("state", self.ticks.get() as i64 - known);
    }
}
