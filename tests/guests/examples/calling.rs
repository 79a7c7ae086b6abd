//! Calls a service in every hook that may wait: `/call/SERVICE/REST` asks that service for `/REST` and answers
//! with what came of it; any other request is let in if the service `auth` says so. Counts in its own memory,
//! so that a test can tell whether an instance was kept.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use hither_plugin::http::{Call, Error};
use hither_plugin::{
    AccessLog, Background, Decision, Edits, NoConfig, Plugin, RateLimit, RateVerdict, Reply,
    Request, RequestFilter, RequestPatch, RequestVerdict, Routing, Summary, Target, plugin,
};

struct Calling {
    calls: Cell<u64>,
    configured: String,
}

#[plugin(routing, request_filter, rate_limit, access_log, background)]
impl Plugin for Calling {
    type Config = NoConfig;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-user"];
    const TICK: &'static str = "200ms";

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self { calls: Cell::new(0), configured: said(Call::get("auth", "/configure")) })
    }
}

fn said(call: Call) -> String {
    match call.send() {
        Ok(answer) => {
            let kind = answer.header("x-kind").unwrap_or("plain").to_owned();
            format!("{} {kind} {}", answer.status, String::from_utf8_lossy(&answer.body))
        }
        Err(Error::Unavailable(why)) => format!("unavailable: {why}"),
        Err(error) => format!("{error:?}"),
    }
}

impl RequestFilter for Calling {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        self.calls.set(self.calls.get() + 1);
        let mut parts = request.path.trim_start_matches('/').splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        let (what, service, rest) = (next(), next(), format!("/{}", next()));
        let text = match what {
            "call" => said(Call::get(service, rest)),
            "post" => said(Call::post(service, rest, "four").header("x-kind", "asked")),
            "short" => said(Call::get(service, rest).timeout(Duration::from_millis(50))),
            "framed" => said(Call::get(service, rest).header("content-length", "3")),
            "twice" => {
                format!("{} {}", said(Call::get(service, &rest)), said(Call::get(service, rest)))
            }
            "spin" => {
                let _ = said(Call::get(service, rest));
                loop {
                    black_box(());
                }
            }
            "calls" => self.calls.get().to_string(),
            "configured" => self.configured.clone(),
            "hooks" => return RequestVerdict::Pass,
            _ => {
                let user = request.header("x-user").unwrap_or("nobody");
                let path = format!("/may/{user}");
                return match Call::get("auth", path).send() {
                    Ok(answer) if answer.status == 200 => {
                        let edits = Edits::default().set("x-role", answer.body);
                        RequestPatch::default().edit(edits).into()
                    }
                    Ok(answer) => Reply::new(403).body(answer.body).into(),
                    Err(_) => Reply::new(503).body("nobody can say").into(),
                };
            }
        };
        Reply::new(200).body(text).into()
    }
}

impl Routing for Calling {
    fn select(&self, request: &Request) -> Decision {
        match request.path.as_str() {
            "/hooks" => Target::default()
                .path(format!("/{}", said(Call::get("auth", "/routing")).len()))
                .into(),
            _ => Decision::Pass,
        }
    }
}

impl RateLimit for Calling {
    fn classify(&self, request: &Request) -> RateVerdict {
        match request.path.as_str() {
            "/deny" => Reply::new(403).body(said(Call::get("auth", "/deny"))).into(),
            _ => RateVerdict::Allow,
        }
    }
}

impl AccessLog for Calling {
    fn on_complete(&self, done: &[Summary]) {
        for one in done {
            said(Call::post("audit", "/log", one.status.to_string()));
        }
    }
}

impl Background for Calling {
    fn on_tick(&self, _: u64) {
        said(Call::get("audit", "/tick"));
    }
}
