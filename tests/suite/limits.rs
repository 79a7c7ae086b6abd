//! Rate limits: exact, told in the answer, and before everything that costs.

use crate::support::{HITHER, SOON, edge, instance, shipped};
use hither_harness::{GateOrigin, H2, Hither, Http1, RawOrigin, Request, Response};
use std::net::IpAddr;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// So slow a rate that nothing comes back during a test.
fn limit(name: &str, burst: u32, more: &str) -> String {
    format!("[[service.web.limit]]\nname = \"{name}\"\nrate = \"1/h\"\nburst = {burst}\n{more}\n")
}

const PER_CLIENT: &str = "key = [\"client.address\"]";

async fn limited(listener: &str, limits: &str, origin: &RawOrigin) -> Hither {
    let tables = instance("one", origin.address(), "");
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n[service.web]\n{limits}{tables}"
    );
    Hither::builder(HITHER).config(config).start().await
}

#[track_caller]
fn is_429(answer: &Response, name: &str) {
    assert_eq!(answer.status(), 429, "{}", answer.text());
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&after), "{after}");
    // draft-ietf-httpapi-ratelimit-headers: a name and its parameters.
    let policy = answer.header("ratelimit-policy").unwrap();
    assert!(policy.contains(&format!("\"{name}\";q=")) && policy.contains(";w="), "{policy}");
    let state = answer.header("ratelimit").unwrap();
    assert!(state.contains(&format!("\"{name}\";r=0;t=")), "{state}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!((&problem["status"], &problem["reason"]), (&429.into(), &"rate_limited".into()));
    assert!(answer.header("proxy-status").unwrap().contains("rate_limited"));
    assert!(answer.header("x-request-id").is_some());
}

async fn statuses(edge: &Hither, source: &str, requests: usize, more: &[(&str, &str)]) -> Vec<u16> {
    let source: IpAddr = source.parse().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..requests {
        let mut client = Http1::connect_from(source, edge.address(0)).await.unwrap();
        let request = more.iter().fold(Request::get("/"), |r, (name, value)| r.header(name, value));
        statuses.push(client.request(&request).await.unwrap().status());
    }
    statuses
}

#[tokio::test]
async fn a_service_gets_its_burst_and_not_one_more() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = limited("", &limit("all", 5, ""), &origin).await;
    for number in 0..20 {
        let answer = edge.get("/").await;
        if number < 5 {
            answer.expect_status(200);
        } else {
            is_429(&answer, "all");
        }
    }
    assert_eq!(origin.received(), 5);
    let metrics = edge.metrics().await;
    let decided = |decision| {
        let labels = [("service", "web"), ("limit", "all"), ("decision", decision)];
        metrics.value("hither_limit_decisions_total", &labels)
    };
    assert_eq!((decided("allowed"), decided("refused")), (Some(5.0), Some(15.0)));
    let line = edge.access_line(SOON, "a refusal", |line| line["status"] == 429).await;
    assert_eq!((&line["limit"], &line["fault"]), (&"all".into(), &"rate_limited".into()));
    // What is refused does not cost the connection, over HTTP/2 either.
    let client = H2::connect(edge.address(0)).await.unwrap();
    for _ in 0..3 {
        is_429(&client.get("/").await.unwrap(), "all");
    }
}

#[tokio::test]
async fn the_count_is_exact_however_many_come_at_once() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = limited("", &limit("all", 50, ""), &origin).await;
    let address = edge.address(0);
    let clients: Vec<_> = (0..32)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Http1::connect(address).await.unwrap();
                let mut passed = 0;
                for _ in 0..10 {
                    passed += usize::from(client.get("/").await.unwrap().status() == 200);
                }
                passed
            })
        })
        .collect();
    let mut passed = 0;
    for client in clients {
        passed += client.await.unwrap();
    }
    assert_eq!((passed, origin.received()), (50, 50));
}

#[tokio::test]
async fn every_client_has_its_own() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = limited("", &limit("each", 2, PER_CLIENT), &origin).await;
    for source in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
        assert_eq!(statuses(&edge, source, 4, &[]).await, [200, 200, 429, 429], "{source}");
    }
    // What it says of itself makes a client nobody else.
    for name in ["X-Forwarded-For", "Hither-Client-IP", "Forwarded", "X-Real-IP"] {
        assert_eq!(
            statuses(&edge, "127.0.0.1", 1, &[(name, "203.0.113.7")]).await,
            [429],
            "{name}"
        );
    }
}

/// What a request says of itself is counted in one spelling, and who leaves it out or says it twice is counted
/// with all who do.
#[tokio::test]
async fn other_keys_are_counted_apart_and_there_is_no_way_around_them() {
    let origin = RawOrigin::answering(FINE).await;
    let key = |key: &str| limit("each", 1, &format!("key = [\"{key}\"]"));
    let header = limited("", &key("header:X-Key"), &origin).await;
    let ask = async |edge: &Hither, request: Request| edge.send(&request).await.status();
    let with = |values: &[&str]| {
        values.iter().fold(Request::get("/"), |request, value| request.header("x-key", value))
    };
    for (values, status) in [
        (&["a"][..], 200),
        (&["a"], 429),
        (&["b"], 200),
        (&[], 200),
        (&[], 429),
        (&["a", "c"], 200),
        (&["d", "e"], 429),
    ] {
        assert_eq!(ask(&header, with(values)).await, status, "{values:?}");
    }
    let path = limited("", &key("path"), &origin).await;
    for (target, status) in
        [("/a", 200), ("/a?b", 429), ("/x/../a", 429), ("//a", 429), ("/%61", 429), ("/b", 200)]
    {
        assert_eq!(ask(&path, Request::get(target)).await, status, "{target}");
    }
    let method = limited("", &key("method"), &origin).await;
    for (name, status) in [("GET", 200), ("GET", 429), ("POST", 200), ("ONE", 200), ("TWO", 429)] {
        assert_eq!(ask(&method, Request::new(name, "/")).await, status, "{name}");
    }
    let cookie = limited("", &key("cookie:sid"), &origin).await;
    for (value, status) in [("sid=a", 200), ("x=y; sid=a", 429), ("sid=b", 200), ("Sid=a", 200)] {
        let request = Request::get("/").header("cookie", value);
        assert_eq!(ask(&cookie, request).await, status, "{value}");
    }
    let combined = "key = [\"client.address\", \"header:x-key\"]";
    let both = limited("", &limit("each", 1, combined), &origin).await;
    for source in ["127.0.0.1", "127.0.0.2"] {
        for value in ["a", "b"] {
            let said = statuses(&both, source, 2, &[("x-key", value)]).await;
            assert_eq!(said, [200, 429], "{source} {value}");
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_it_names_is_counted() {
    let origin = RawOrigin::answering(FINE).await;
    let trusted = "trusted_proxies = [\"127.0.0.1/32\"]";
    let edge = limited(trusted, &limit("each", 2, PER_CLIENT), &origin).await;
    let from = async |address: &'static str, count| {
        statuses(&edge, "127.0.0.1", count, &[("X-Forwarded-For", address)]).await
    };
    assert_eq!(from("203.0.113.1", 3).await, [200, 200, 429]);
    assert_eq!(from("203.0.113.2", 3).await, [200, 200, 429]);
    // Only the last stranger counts: what stands left of it is its own claim.
    assert_eq!(from("198.51.100.9, 203.0.113.2", 1).await, [429]);
    // One IPv6 network of 64 bits is one client, and an IPv4 address has one spelling.
    assert_eq!(from("2001:db8::1", 1).await, [200]);
    assert_eq!(from("2001:db8::ffff:2", 2).await, [200, 429]);
    assert_eq!(from("2001:db8:0:1::1", 1).await, [200]);
    assert_eq!(from("::ffff:203.0.113.1", 1).await, [429]);
}

#[tokio::test]
async fn all_of_several_limits_must_allow_and_a_refusal_charges_none() {
    let origin = RawOrigin::answering(FINE).await;
    let limits = limit("each", 2, PER_CLIENT) + &limit("all", 3, "");
    let edge = limited("", &limits, &origin).await;
    assert_eq!(statuses(&edge, "127.0.0.1", 5, &[]).await, [200, 200, 429, 429, 429]);
    // The three that one client was refused were not taken from everybody.
    assert_eq!(statuses(&edge, "127.0.0.2", 2, &[]).await, [200, 429]);
    is_429(&edge.get("/").await, "each");
}

#[tokio::test]
async fn a_limit_in_shadow_counts_and_lets_pass() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = limited("", &limit("perhaps", 2, "shadow = true"), &origin).await;
    assert_eq!(statuses(&edge, "127.0.0.1", 6, &[]).await, [200; 6]);
    let metrics = edge.metrics().await;
    let shadowed = metrics.value("hither_limit_decisions_total", &[("decision", "shadowed")]);
    assert_eq!(shadowed, Some(4.0));
}

#[tokio::test]
async fn what_was_used_comes_back_at_the_rate() {
    let origin = RawOrigin::answering(FINE).await;
    let limits = "[[service.web.limit]]\nname = \"all\"\nrate = \"1/s\"\nburst = 1\n";
    let edge = limited("", limits, &origin).await;
    edge.get("/").await.expect_status(200);
    let refused = edge.get("/").await.expect_status(429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let again = hither_harness::eventually(SOON, "the next to pass", || async {
        let status = edge.get("/").await.status();
        if status == 200 { Ok(()) } else { Err(status.to_string()) }
    });
    again.await;
}

#[tokio::test]
async fn limits_come_before_plugins_and_the_balancer() {
    let origin = GateOrigin::start("gate").await;
    let settings = format!(
        "plugins = [\"headers\"]\n[service.web.concurrency]\nsoft_limit = 1\nhard_limit = 1\n{}",
        limit("all", 2, "")
    );
    let plugin =
        "[plugin.headers]\nfile = \"headers.wasm\"\n[plugin.headers.config.set]\nx-a = \"b\"\n";
    let tables = instance("one", origin.address(), "") + plugin;
    let config = format!("{}[service.web]\n{settings}{tables}", crate::support::LISTENER);
    let edge = Hither::builder(HITHER).file("headers.wasm", shipped("headers")).config(config);
    let edge = edge.start().await;
    let mut held = edge.connect().await;
    held.send(Request::get("/").bytes()).await.unwrap();
    origin.holds(1, SOON).await;
    let mut waiting = edge.connect().await;
    waiting.send(Request::get("/").bytes()).await.unwrap();
    edge.status_when(SOON, "one to wait", |status| {
        (status["services"][0]["queue"]["waiting"] == 1).then_some(())
    })
    .await;
    let before = edge.metrics().await;
    for _ in 0..10 {
        // The instance is full and the queue has room: none of them may wait in it.
        is_429(&edge.get("/").await, "all");
    }
    let after = edge.metrics().await;
    for name in ["hither_plugin_calls_total", "hither_balancer_decisions_total"] {
        assert_eq!(before.sum(name, &[]), after.sum(name, &[]), "{name}");
    }
    assert_eq!(edge.status().await["services"][0]["queue"]["waiting"], 1);
    origin.open();
    held.read_response().await.unwrap().expect_status(200);
    waiting.read_response().await.unwrap().expect_status(200);
}

#[tokio::test]
async fn a_reload_keeps_the_counts() {
    let origin = RawOrigin::answering(FINE).await;
    let tables = instance("one", origin.address(), "");
    let settings = limit("all", 3, "");
    let edge = edge(&settings, &tables).await;
    edge.get("/").await.expect_status(200);
    edge.get("/").await.expect_status(200);
    let other = RawOrigin::answering(FINE).await;
    let second = instance("two", other.address(), "");
    edge.write_config(&format!(
        "[edge]\nregion = \"ams\"\n{}[service.web]\n{settings}\n{tables}{second}",
        crate::support::LISTENER
    ));
    edge.reload().await.expect_status(200);
    edge.get("/").await.expect_status(200);
    is_429(&edge.get("/").await, "all");
}
