//! Classifies requests as the path says, under the key in `x-key`, and charges by the capability for
//! `/take/LIMITER/COST` and `/peek/LIMITER/`.

use hither_plugin::{
    Check, NoConfig, Plugin, RateLimit, RateVerdict, Reply, Request, RequestFilter, RequestVerdict,
    limits, plugin,
};

struct Limiting;

#[plugin(rate_limit, request_filter)]
impl Plugin for Limiting {
    type Config = NoConfig;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-key"];

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl RateLimit for Limiting {
    fn classify(&self, request: &Request) -> RateVerdict {
        let key = request.header("x-key").unwrap_or("nobody");
        let own = || Check::new("per-key", key);
        match request.path.as_str() {
            "/one" => own().into(),
            "/two" => RateVerdict::Checks(vec![own(), Check::new("per-key", "all").cost(5)]),
            "/both" => RateVerdict::Checks(vec![Check::new("wide", key), own()]),
            "/deny" => Reply::new(403).body("no key, no service").into(),
            "/unknown" => Check::new("other", key).into(),
            "/many" => RateVerdict::Checks((0..17).map(|_| own()).collect()),
            "/long" => Check::new("per-key", vec![0; 1025]).into(),
            "/trap" => std::process::abort(),
            _ => RateVerdict::Allow,
        }
    }
}

impl RequestFilter for Limiting {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let key = request.header("x-key").unwrap_or("nobody").as_bytes();
        let mut parts = request.path.trim_start_matches('/').splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        let (what, limiter, cost) = (next(), next(), next());
        let said = match what {
            "take" => limits::take(limiter, key, cost.parse().unwrap_or(0)),
            "peek" => limits::peek(limiter, key),
            _ => return RequestVerdict::Pass,
        };
        let text = said.map(|outcome| {
            let word = if outcome.allowed { "allowed" } else { "refused" };
            format!("{word}, {} left, {} ms", outcome.remaining, outcome.retry_after_ms)
        });
        Reply::new(200).body(text.unwrap_or_else(|why| why)).into()
    }
}
