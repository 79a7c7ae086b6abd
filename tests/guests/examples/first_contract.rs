//! Was built against the first contract as it stood, from the copy in `contracts/`: every hook and every
//! capability but those that exclude others. It uses no SDK, so nothing of today's gets into it.
#![allow(missing_docs, unsafe_code, reason = "generated")]

use exports::hither::plugin::{
    access_log, background, cache_policy, failover, lifecycle, rate_limit, request_body,
    request_filter, response_body, response_filter, routing,
};
use hither::plugin::types::{
    BodyMode, ChunkVerdict, Edits, Field, Pair, Request, RequestPatch, RequestVerdict, Response,
    ResponsePatch, ResponseVerdict, Summary, WholeVerdict,
};
use hither::plugin::{instances, limits, log, metrics, secrets, store};

hither_plugin::wit_bindgen::generate!({
    path: "contracts/0.1.0",
    inline: "
        package test:first;
        world everything {
            include hither:plugin/body-filter@0.1.0;
            include hither:plugin/router@0.1.0;
            include hither:plugin/cache@0.1.0;
            include hither:plugin/limiter@0.1.0;
            include hither:plugin/logger@0.1.0;
            export hither:plugin/failover@0.1.0;
            export hither:plugin/background@0.1.0;
            import hither:plugin/log@0.1.0;
            import hither:plugin/metrics@0.1.0;
            import hither:plugin/store@0.1.0;
            import hither:plugin/limits@0.1.0;
            import hither:plugin/instances@0.1.0;
            import hither:plugin/secrets@0.1.0;
        }
    ",
    runtime_path: "hither_plugin::wit_bindgen::rt",
    generate_all,
});

struct First;

fn pair(name: &str, value: impl ToString) -> Pair {
    Pair { name: name.to_owned(), value: value.to_string() }
}

impl lifecycle::Guest for First {
    fn describe() -> lifecycle::Manifest {
        lifecycle::Manifest {
            name: "first-contract".to_owned(),
            version: "1.0.0".to_owned(),
            request_inputs: vec!["header:x-say".to_owned(), "moon.phase?".to_owned()],
            response_inputs: vec!["edge.region".to_owned()],
            metrics: vec![lifecycle::Metric {
                name: "asked".to_owned(),
                kind: lifecycle::MetricKind::Counter,
                help: "Requests.".to_owned(),
            }],
            config_schema: String::new(),
            extra: vec![pair("tick", "1s")],
        }
    }

    fn configure(_: u32, config: Vec<u8>) -> Result<(), String> {
        if config == b"{}" { Ok(()) } else { Err("only {} was known then".to_owned()) }
    }

    fn release(_: u32) {}
}

impl routing::Guest for First {
    fn select(_: Request) -> routing::Decision {
        routing::Decision::Route(routing::Target {
            service: None,
            require: vec![pair("region", "ams")],
            prefer: Vec::new(),
            affinity: Vec::new(),
            path: None,
            authority: None,
            edits: None,
            timeout_ms: Some(1500),
            memo: 1,
        })
    }
}

impl failover::Guest for First {
    fn on_failure(_: Request, _: u64, attempt: failover::Attempt) -> failover::Decision {
        failover::Decision::Retry(vec![pair("id", attempt.instance)])
    }
}

impl request_filter::Guest for First {
    fn on_request(request: Request) -> RequestVerdict {
        metrics::add(0, 1);
        log::emit(log::Level::Info, "asked", &[]);
        let stored = store::increment(b"asked", 1, 60_000).unwrap_or_default();
        let limited = limits::peek("none", b"").is_err();
        let known = instances::of_service("web").map_or(0, |list| list.len());
        let secret = secrets::equals("none", b"").is_err();
        let said = request.inputs.first().map(|input| input.value.clone()).unwrap_or_default();
        RequestVerdict::Next(RequestPatch {
            edits: Some(Edits {
                remove: vec!["x-say".to_owned()],
                set: vec![Field { name: "x-first".to_owned(), value: said }],
                append: Vec::new(),
            }),
            path: None,
            authority: None,
            metadata: vec![pair("told", format!("{stored} {limited} {known} {secret}"))],
            body: BodyMode::Buffered(1024),
            response_hooks: true,
            memo: 2,
        })
    }
}

impl request_body::Guest for First {
    fn on_whole(_: u64, _: u64, body: Vec<u8>) -> WholeVerdict {
        WholeVerdict::Replace(body.to_ascii_uppercase())
    }

    fn on_chunk(_: u64, _: u64, _: Vec<u8>, _: bool) -> ChunkVerdict {
        ChunkVerdict::Keep
    }
}

impl response_filter::Guest for First {
    fn on_response(response: Response, memo: u64) -> ResponseVerdict {
        ResponseVerdict::Next(ResponsePatch {
            status: Some(response.status + 1),
            edits: None,
            metadata: vec![pair("memo", memo)],
            body: BodyMode::Streamed,
        })
    }
}

impl response_body::Guest for First {
    fn on_whole(_: u64, _: u64, _: Vec<u8>) -> WholeVerdict {
        WholeVerdict::Keep
    }

    fn on_chunk(_: u64, _: u64, _: Vec<u8>, _: bool) -> ChunkVerdict {
        ChunkVerdict::Abort
    }
}

impl cache_policy::Guest for First {
    fn on_lookup(_: Request) -> cache_policy::Lookup {
        cache_policy::Lookup::CustomKey(cache_policy::Key {
            primary: b"key".to_vec(),
            vary: vec!["accept".to_owned()],
            memo: 3,
        })
    }

    fn on_store(_: Response, _: u64) -> cache_policy::Storage {
        cache_policy::Storage::Store(cache_policy::Freshness {
            ttl_ms: 1000,
            stale_while_revalidate_ms: 0,
            stale_if_error_ms: 0,
            tags: vec!["first".to_owned()],
        })
    }
}

impl rate_limit::Guest for First {
    fn classify(_: Request) -> rate_limit::Verdict {
        let check =
            rate_limit::Check { limiter: "plans".to_owned(), key: b"key".to_vec(), cost: 2 };
        rate_limit::Verdict::Checks(vec![check])
    }
}

impl access_log::Guest for First {
    fn on_complete(done: Vec<Summary>) {
        for one in done {
            log::emit(log::Level::Info, &format!("{} {}", one.service, one.status), &[]);
        }
    }
}

impl background::Guest for First {
    fn on_tick(now_ms: u64) {
        log::emit(log::Level::Info, &format!("tick {now_ms}"), &[]);
    }
}

export!(First);
