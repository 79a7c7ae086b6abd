//! What a guest says of a message: it is refused as a whole, or what is applied leaves a message that is
//! well-formed and framed by the host.

use std::fs;
use std::sync::{Arc, LazyLock};

use hither_plugin_host::{
    Charged, Config, Edits, Environment, Host, HostOptions, HttpCall, HttpError, HttpFuture,
    InputName, Inputs, InstanceView, Level, LogLine, Metric, MetricSink, Protocol, Reply,
    RequestHead, RequestVerdict, ResponseHead, ResponseVerdict, Revision, Routing, Spec, Values,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Framing and addressing, which are the host's (`wit/CHANGES.md`, "Edits").
const HOSTS: [(&str, &str); 6] = [
    ("connection", "keep-alive"),
    ("content-length", "5"),
    ("host", "example.com"),
    ("te", "trailers"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "none"),
];

struct Plugin {
    revision: Arc<Revision>,
    // Its threads watch over the calls.
    _host: Host,
}

static PLUGIN: LazyLock<Plugin> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "without the guest there is nothing to fuzz")]
    let plugin = || {
        let host = Host::new(HostOptions::new(Arc::new(Silence))).expect("a host");
        let bytes = fs::read(hither_guests::guest("any_verdict")).expect("the guest can be read");
        let loaded = host.load(Spec::new("any", bytes)).expect("the guest loads");
        let configs = vec![Config { id: 0, json: b"{}".to_vec() }];
        let revision = loaded.configure(configs).expect("it takes any configuration");
        Plugin { revision, _host: host }
    };
    plugin()
});

/// Verdicts that are right, and some that are not.
pub fn seeds() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 8] = [
        b"rx-a\xffsx-b\x1fvalue\xffax-c\x1fother",
        b"p/path?query=1\xffhexample.org:8080\xffmkey\x1fvalue",
        b"!\xffc\x01\x91\xffbbody\xffscontent-type\x1ftext/plain",
        b"!\xffc\x00\xcc\xffbnot allowed",
        b"c\x02\x57\xffx\xffw\x00\x10",
        b"scontent-length\x1f10\xffatransfer-encoding\x1fchunked\xffrhost",
        b"sx-a\x1fvalue\r\nx-injected: 1\xffsx b\x1f\x00",
        b"eother\xffkkey\xfft\x00\x00\x03\xe8\xffmtier\x1fgold",
    ];
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

/// Has the guest say this of a request and of a response, and applies it.
///
/// # Panics
/// When something malformed or misframed would come of it.
pub fn check(bytes: &[u8]) {
    let inputs = Said(bytes);
    let revision = &PLUGIN.revision;
    let request = RequestHead {
        exchange: 1,
        now_ms: 1,
        config: 0,
        rehearsal: true,
        method: &Method::GET,
        protocol: Protocol::Http11,
        tls: false,
        end_of_stream: true,
        authority: "example.com",
        path: "/",
        inputs: &inputs,
    };
    match revision.on_request(&request).outcome {
        Ok(RequestVerdict::Next(patch)) => {
            edited(&patch.edits);
            target(patch.path.as_ref().map(|path| path.as_str()));
        }
        Ok(RequestVerdict::Respond(reply)) => replied(&reply),
        Ok(RequestVerdict::Pass) | Err(_) => {}
    }
    match revision.select(&request).outcome {
        Ok(Routing::Route(wish)) => {
            edited(&wish.edits);
            target(wish.path.as_ref().map(|path| path.as_str()));
        }
        Ok(Routing::Respond(reply)) => replied(&reply),
        Ok(Routing::Pass) | Err(_) => {}
    }
    let response = ResponseHead {
        exchange: 1,
        now_ms: 1,
        config: 0,
        status: StatusCode::OK,
        from_cache: false,
        end_of_stream: true,
        inputs: &inputs,
    };
    match revision.on_response(&response, 0).outcome {
        Ok(ResponseVerdict::Next(patch)) => {
            edited(&patch.edits);
            assert!(patch.status.is_none_or(usual), "{:?}", patch.status);
        }
        Ok(ResponseVerdict::Respond(reply)) => replied(&reply),
        Ok(ResponseVerdict::Pass) | Err(_) => {}
    }
}

fn edited(edits: &Edits) {
    let hosts =
        HOSTS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let mut headers: HeaderMap = hosts.iter().cloned().collect();
    edits.apply(&mut headers);
    for (name, value) in &hosts {
        let all: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(all, [value], "{name} is the host's");
    }
    headers.iter().for_each(|(name, value)| well_formed(name, value));
}

/// RFC 9110 section 5.5: no CR, LF or NUL, and no blank at either end.
fn well_formed(name: &HeaderName, value: &HeaderValue) {
    let bytes = value.as_bytes();
    let control = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
    assert!(!bytes.iter().any(control), "{name}: {value:?}");
    assert!(bytes.trim_ascii() == bytes, "{name}: {value:?}");
}

fn usual(status: StatusCode) -> bool {
    (200..600).contains(&status.as_u16())
}

fn replied(reply: &Reply) {
    assert!(usual(reply.status), "{}", reply.status);
    let empty = matches!(reply.status.as_u16(), 204 | 304);
    assert!(!empty || reply.body.is_empty(), "{} with a body", reply.status);
    for (name, value) in &reply.headers {
        assert!(HOSTS.iter().all(|(hosts, _)| name != hosts), "{name} is the host's");
        well_formed(name, value);
    }
}

/// RFC 9112 section 3.2.1: origin form, of visible ASCII.
fn target(path: Option<&str>) {
    let Some(path) = path else { return };
    assert!(path.starts_with('/'), "{path:?}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{path:?}");
}

struct Said<'a>(&'a [u8]);

impl Inputs for Said<'_> {
    fn read<'a>(&'a self, _: &InputName, values: &mut Values<'a>) {
        values.push(self.0);
    }
}

/// Surroundings in which nothing is heard and nobody answers.
pub(crate) struct Silence;

struct Nowhere;

impl MetricSink for Nowhere {
    fn add(&self, _: usize, _: u64) {}
    fn set(&self, _: usize, _: f64) {}
    fn observe(&self, _: usize, _: f64) {}
}

impl Environment for Silence {
    fn log_enabled(&self, _: &str, _: Level) -> bool {
        false
    }
    fn log(&self, _: &LogLine<'_>) {}
    fn metrics(&self, _: &str, _: &[Metric]) -> Result<Arc<dyn MetricSink>, String> {
        Ok(Arc::new(Nowhere))
    }
    fn instances(&self, _: &str) -> Option<Vec<InstanceView>> {
        None
    }
    fn take(&self, _: &str, _: &[u8], _: u32) -> Option<Charged> {
        None
    }
    fn peek(&self, _: &str, _: &[u8], _: u32) -> Option<Charged> {
        None
    }
    fn purge_tag(&self, _: &str, _: &str) -> u64 {
        0
    }
    fn purge_url(&self, _: &str, _: &str) -> Result<u64, String> {
        Ok(0)
    }
    fn call(&self, _: HttpCall) -> HttpFuture {
        Box::pin(std::future::ready(Err(HttpError::Timeout)))
    }
}
