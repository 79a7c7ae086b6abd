//! A body hook finds the configuration that its filter named; refusals look as the proxy's own.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use hither_plugin::config::{FieldName, PathPattern, Size, Span};
use hither_plugin::{
    Body, Method, Plugin, Reply, Request, RequestBody, RequestFilter, RequestPatch, RequestVerdict,
    WholeVerdict, configured, plugin, test,
};

#[derive(Debug, serde::Deserialize)]
struct Signature {
    text: String,
    most: Size,
}

#[plugin(request_filter, request_body)]
impl Plugin for Signature {
    type Config = Self;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:{by=x-by}"];
    fn configure(config: Self) -> Result<Self, String> {
        Ok(config)
    }
}

impl RequestFilter for Signature {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let most = u32::try_from(self.most.0).unwrap_or(u32::MAX);
        RequestPatch::default().whole_body(most).memo(request.config.into()).into()
    }
}

impl RequestBody for Signature {
    fn on_whole_request(about: Body, mut body: Vec<u8>) -> WholeVerdict {
        let config = u32::try_from(about.memo).unwrap_or(u32::MAX);
        let text = configured(config, |signature: &Self| signature.text.clone());
        text.map_or(WholeVerdict::Keep, |text| {
            body.extend_from_slice(text.as_bytes());
            WholeVerdict::Replace(body)
        })
    }
}

#[test]
fn a_body_hook_finds_the_configuration_that_its_filter_named() {
    let plugins = ["one", "two"].map(|text| {
        let config = format!(r#"{{"text":"{text}","most":"1KiB"}}"#);
        test::configure::<Signature>(&config).unwrap()
    });
    for (plugin, text) in plugins.iter().zip(["one", "two"]) {
        let RequestVerdict::Next(patch) = plugin.on_request(&plugin.get("/").build()) else {
            unreachable!("it always patches");
        };
        let about = Body { exchange: 1, memo: patch.memo };
        let signed = Signature::on_whole_request(about, b"by ".to_vec());
        assert_eq!(signed, WholeVerdict::Replace(format!("by {text}").into_bytes()));
    }
    let nobodys = Body { exchange: 1, memo: 99 };
    assert_eq!(Signature::on_whole_request(nobodys, Vec::new()), WholeVerdict::Keep);
}

#[test]
fn a_problem_is_told_as_the_proxy_tells_its_own() {
    let reply = Reply::problem(403, "Forbidden", "not \"here\"");
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "not \"here\"",
    });
    assert_eq!((reply.status, body), (403, expected));
    assert_eq!(reply.headers[0].value, b"application/problem+json");
    assert_eq!(Method::Other("PURGE".to_owned()).name(), "PURGE");
}

#[test]
fn values_of_configurations_are_read_from_json() {
    #[derive(serde::Deserialize)]
    struct Config {
        wait: Span,
        path: PathPattern,
        header: FieldName,
    }
    let read = |json: &str| serde_json::from_str::<Config>(json);
    let config = read(r#"{"wait":"1m","path":"/api/*","header":"X-User"}"#).unwrap();
    assert_eq!((config.wait, &*config.header), (Span::seconds(60), "x-user"));
    assert!(config.path.covers("/api/x"));
    let error = read(r#"{"wait":"1","path":"/","header":"a"}"#).err().unwrap().to_string();
    assert!(error.contains("\"1\" is no duration"), "{error}");
}
