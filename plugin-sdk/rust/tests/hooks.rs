//! Hooks run on the fake host as on the real one: with what they declared, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::time::Duration;

use hither_plugin::instances::{Band, Instance};
use hither_plugin::{
    Edits, Metric, MetricKind, Plugin, Reply, Request, RequestFilter, RequestPatch, RequestVerdict,
    Response, ResponseFilter, ResponsePatch, ResponseVerdict, instances, log, metrics, plugin,
    secrets, store, test,
};

struct Example {
    most: i64,
}

#[derive(serde::Deserialize)]
struct Config {
    most: i64,
}

#[plugin(request_filter, response_filter)]
impl Plugin for Example {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] =
        &["header:x-user", "header:{field=x-tenant}", "moon.phase?"];
    const RESPONSE_INPUTS: &'static [&'static str] = &["header:server"];
    const METRICS: &'static [Metric] =
        &[Metric { name: "refused", kind: MetricKind::Counter, help: "Refused requests." }];

    fn configure(config: Config) -> Result<Self, String> {
        if config.most < 0 {
            return Err("`most` must not be negative".to_owned());
        }
        Ok(Self { most: config.most })
    }
}

impl RequestFilter for Example {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let Some(user) = request.header("x-user") else { return RequestVerdict::Pass };
        let many = store::increment(user.as_bytes(), 1, Duration::from_secs(60));
        if many.is_ok_and(|many| many > self.most) {
            metrics::add(0, 1);
            log::emit(log::Level::Info, "refused", &[("user", user)]);
            return Reply::new(429).body("later").into();
        }
        let tenant = request.input("header:{field=x-tenant}").unwrap_or("nobody");
        let known = instances::of_service("web").map_or(0, |found| found.len());
        let edits = Edits::default().set("x-tenant", tenant).set("x-known", known.to_string());
        RequestPatch::default().edit(edits).memo(3).into()
    }
}

impl ResponseFilter for Example {
    fn on_response(&self, response: &Response, memo: u64) -> ResponseVerdict {
        let server = response.header("server").unwrap_or_default();
        ResponsePatch::default().status(203).metadata("was", format!("{server} {memo}")).into()
    }
}

fn example(json: &str) -> test::Subject<Example> {
    test::configure(json).unwrap()
}

#[test]
fn name_and_version_are_the_packages() {
    assert_eq!(Example::NAME, "hither-plugin");
    assert_eq!(Example::VERSION, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_hook_sees_what_it_declared_under_its_configuration() {
    let plugin = example(r#"{"most":9,"field":"X-Org"}"#);
    let instance = Instance {
        id: "a".to_owned(),
        region: "ams".to_owned(),
        healthy: true,
        band: Band::Open,
        in_flight: 0,
        soft_limit: 20,
        rtt_us: None,
    };
    test::set_instances("web", vec![instance]);
    let request = plugin.get("/").header("X-User", "u").header("x-org", "corp").build();
    let edits = Edits::default().set("x-tenant", "corp").set("x-known", "1");
    let expected = RequestPatch::default().edit(edits).memo(3);
    assert_eq!(plugin.on_request(&request), expected.into());
}

#[test]
fn capabilities_are_faked_and_can_be_looked_into() {
    let plugin = example(r#"{"most":1}"#);
    let ask = || plugin.on_request(&plugin.get("/").header("x-user", "u").build());
    assert!(matches!(ask(), RequestVerdict::Next(_)));
    assert!(matches!(ask(), RequestVerdict::Respond(_)));
    assert_eq!(test::counter(0), 1);
    let lines = test::take_log();
    assert_eq!(lines[0].fields, [("user".to_owned(), "u".to_owned())]);
    test::advance(Duration::from_secs(60));
    assert!(matches!(ask(), RequestVerdict::Next(_)), "the counter outlived its window");
}

#[test]
fn responses_have_headers_and_a_memo() {
    let plugin = example(r#"{"most":1}"#);
    let response = plugin.response(200).header("Server", "origin").build();
    let expected = ResponsePatch::default().status(203).metadata("was", "origin 3");
    assert_eq!(plugin.on_response(&response, 3), expected.into());
}

#[test]
fn a_configuration_can_be_refused() {
    assert_eq!(
        test::configure::<Example>(r#"{"most":-1}"#).err().unwrap(),
        "`most` must not be negative"
    );
    assert!(test::configure::<Example>("{}").err().unwrap().contains("most"));
}

#[test]
#[should_panic(expected = "is not among the declared inputs")]
fn reading_what_was_not_declared_is_told() {
    let plugin = example(r#"{"most":1}"#);
    plugin.get("/").build().header("cookie");
}

#[test]
fn a_lent_secret_signs_and_compares() {
    test::set_secret("signing", b"Jefe");
    // RFC 4231 section 4.3.
    let signed = secrets::hmac_sha256("signing", b"what do ya want for nothing?").unwrap();
    assert_eq!(signed[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    assert_eq!(secrets::equals("signing", b"Jefe"), Ok(true));
    assert_eq!(secrets::equals("signing", b"jefe"), Ok(false));
    assert!(secrets::equals("other", b"Jefe").is_err());
}
