//! Uses every capability, as the path says, and tells in metadata what came of it.

use std::time::Duration;

use hither_plugin::{
    Metric, MetricKind, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, instances,
    log, metrics, plugin, store,
};

struct Capable(Config);

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    greeting: String,
}

#[plugin(request_filter)]
impl Plugin for Capable {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] =
        &["header:{header=x-tenant}", "query:q", "moon.phase?"];
    const METRICS: &'static [Metric] = &[
        Metric { name: "calls", kind: MetricKind::Counter, help: "Calls." },
        Metric { name: "level", kind: MetricKind::Gauge, help: "A level." },
        Metric { name: "size", kind: MetricKind::Histogram, help: "Sizes." },
    ];
    const CONFIG_SCHEMA: &'static str =
        r#"{"type":"object","properties":{"greeting":{"type":"string"}}}"#;

    fn configure(config: Config) -> Result<Self, String> {
        if config.greeting == "bad" {
            return Err("I do not like this greeting".to_owned());
        }
        Ok(Self(config))
    }
}

impl RequestFilter for Capable {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let said = match request.path.as_str() {
            "/log" => {
                let fields = [("name", "value\nforged")];
                log::emit(log::Level::Warn, "hello\nforged", &fields);
                String::new()
            }
            "/count" => {
                let ttl = Duration::from_secs(60);
                store::increment(b"n", 1, ttl).map_or_else(|e| format!("{e:?}"), |n| n.to_string())
            }
            "/fill" => {
                let value = vec![0; 100 << 10];
                let filled = (0_u32..10_000).find_map(|n| {
                    store::set(&n.to_le_bytes(), &value, Duration::from_secs(60)).err()
                });
                format!("{filled:?}")
            }
            "/metrics" => {
                metrics::add(0, 2);
                metrics::set(1, 0.5);
                metrics::observe(2, 10.0);
                String::new()
            }
            "/wrong-metric" => {
                metrics::add(1, 1);
                String::new()
            }
            "/nan" => {
                metrics::set(1, f64::NAN);
                String::new()
            }
            "/instances" => match instances::of_service("web") {
                Ok(found) => {
                    found.iter().map(|one| format!("{}@{} ", one.id, one.region)).collect()
                }
                Err(error) => error,
            },
            "/inputs" => {
                let values = request.values("header:{header=x-tenant}").count();
                let query = request.input("query:q").unwrap_or("none");
                let tenant = request.input("header:{header=x-tenant}").unwrap_or("none");
                format!("{} {tenant} {values} {query}", self.0.greeting)
            }
            _ => String::new(),
        };
        RequestPatch::default().metadata("said", said).memo(7).into()
    }
}
