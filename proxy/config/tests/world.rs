//! What a service says of the world: defaults, places, and changes of one instance as the admin API
//! takes them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use hither_config::{
    CheckKind, DnsName, Environment, InstanceChange, ServicePlan, Share, Source, load,
};

fn service(tables: &str) -> ServicePlan {
    let text = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{tables}");
    let environment = Environment::new("edge", NonZeroUsize::MIN, |_| None);
    let plan = load(&Source::new("hither.toml", "/", text), &environment);
    plan.unwrap_or_else(|report| panic!("{report}")).services["web"].clone()
}

#[test]
fn checks_and_ejection_have_the_documented_defaults() {
    let web = service(
        "[[service.web.instance]]\nid = \"a\"\naddress = \"127.0.0.1:1\"\n\
         [[service.web.check]]\ntcp = true\n",
    );
    let [check] = web.checks.as_slice() else { panic!("{:?}", web.checks) };
    assert_eq!(check.kind, CheckKind::Tcp);
    let seconds = Duration::from_secs;
    assert_eq!((check.interval, check.timeout), (seconds(10), seconds(2)));
    assert_eq!(check.grace_period, seconds(5));
    assert_eq!((check.failures.get(), check.successes.get()), (2, 1));
    let ejection = &web.ejection;
    assert_eq!(ejection.failures.map(|failures| failures.get()), Some(5));
    assert_eq!((ejection.time, ejection.max_share), (seconds(30), Share::percent(10)));
    assert_eq!(web.concurrency.slow_start, None);
    assert_eq!(web.dns, None);
}

#[test]
fn a_service_with_dns_needs_no_instance_and_its_places_say_who_stands_where() {
    let dns = service(
        "[service.web.dns]\nname = \"_http._tcp.web.internal\"\n\
         [[service.web.dns.place]]\ntarget = \"*.ams.internal\"\nregion = \"ams\"\n\
         [[service.web.dns.place]]\nnetwork = \"10.1.0.0/16\"\nregion = \"sin\"\n",
    );
    let dns = dns.dns.expect("a table");
    assert_eq!(dns.name, DnsName::Service("_http._tcp.web.internal".to_owned()));
    assert_eq!(dns.region, "local");
    let place = |address: &str, target: Option<&str>| {
        let address: IpAddr = address.parse().expect("an address");
        let place = dns.places.iter().find(|place| place.fits(address, target));
        place.map(|place| place.region.to_string())
    };
    assert_eq!(place("10.1.0.1", Some("a.ams.internal")).as_deref(), Some("ams"));
    assert_eq!(place("10.1.0.1", Some("ams.internal")).as_deref(), Some("sin"));
    assert_eq!(place("10.1.0.1", Some("xams.internal")).as_deref(), Some("sin"));
    assert_eq!(place("10.1.0.1", None).as_deref(), Some("sin"));
    assert_eq!(place("10.2.0.1", None), None);
}

#[test]
fn a_change_says_only_what_it_says() {
    let read = |json: &str| InstanceChange::read(json.as_bytes()).expect("a good change");
    assert_eq!(read("{}"), InstanceChange::default());
    let draining = InstanceChange { draining: Some(true), ..InstanceChange::default() };
    assert_eq!(read("{\"draining\": true}"), draining);
    let whole = read(
        r#"{"address": "[::1]:80", "region": "ams", "labels": {"version": "a\"\\\u00e9\n"},
            "rtt": "9ms", "http2": false, "draining": false}"#
            .replace("\\n", "")
            .as_str(),
    );
    assert_eq!(whole.address, Some("[::1]:80".parse().expect("an address")));
    assert_eq!(whole.rtt, Some(Some(Duration::from_millis(9))));
    let labels = whole.labels.expect("labels");
    assert_eq!(labels["version"], "a\"\\é");
    assert_eq!(read("{\"rtt\": null}").rtt, Some(None));
    assert_eq!(read("{\"labels\": {}}").labels, Some(Default::default()));
}

#[test]
fn a_bad_change_is_refused_with_every_problem_at_its_key() {
    let refused = |json: &str| InstanceChange::read(json.as_bytes()).expect_err("a bad change");
    let report =
        refused(r#"{"adress": "127.0.0.1:1", "rtt": 9, "draining": "yes", "labels": {"id": "x"}}"#);
    let places: Vec<_> = report.problems().iter().map(|problem| &*problem.place).collect();
    assert_eq!(places.len(), 4, "{report}");
    for place in ["adress", "rtt", "draining", "labels.id"] {
        assert!(places.contains(&place), "{place} of {places:?}");
    }
    for json in ["", "[]", "{", "7", "{\"address\": null}", "{\"labels\": {\"a\": null}}"] {
        assert_eq!(refused(json).problems().len(), 1, "{json}");
    }
    // What TOML would read as more than one value stays one.
    for json in [
        r#"{"region": "a\"\nrtt = \"1ms"}"#,
        r#"{"region\" = \"x\"\n\"rtt": "1ms"}"#,
        r#"{"draining": {"a.b": [1, 2.5, {"c": 1e400}]}}"#,
    ] {
        refused(json);
    }
}
