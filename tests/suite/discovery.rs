//! Instances that come and go while the edge runs: by the admin API, and by DNS.

use crate::health::member;
use crate::support::{HITHER, LISTENER, SOON, edge, instance};
use hither_harness::{DnsServer, GateOrigin, Hither, RawOrigin, Request, eventually};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

fn put(id: &str, body: &Value) -> Request {
    Request::new("PUT", &format!("/services/web/instances/{id}")).body(body.to_string())
}

fn delete(id: &str) -> Request {
    Request::new("DELETE", &format!("/services/web/instances/{id}"))
}

fn ids(status: &Value) -> Vec<String> {
    let all = status["services"][0]["instances"].as_array().unwrap();
    let mut ids: Vec<_> = all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn an_instance_can_be_added_changed_and_removed_while_requests_flow() {
    let (first, second) = (RawOrigin::answering(FINE).await, RawOrigin::answering(FINE).await);
    let edge = edge("", &instance("first", first.address(), "rtt = \"20ms\"")).await;
    let body = json!({ "address": second.address().to_string(), "rtt": "1ms", "region": "sin",
                       "labels": { "version": "new" } });
    let answer = edge.ask(&put("second", &body)).await.expect_status(201).json();
    assert_eq!(answer, json!({ "result": "added", "instance": "second" }));
    edge.get("/").await.expect_status(200);
    assert_eq!((first.received(), second.received()), (0, 1), "it is the closest");
    let status = edge.status().await;
    let shown = member(&status, "second").unwrap();
    assert_eq!((&shown["region"], &shown["source"]), (&json!("sin"), &json!("admin")));
    assert_eq!(shown["labels"], json!({ "version": "new" }));
    assert_eq!(member(&status, "first").unwrap()["source"], "file");
    // A change keeps the rest.
    edge.ask(&put("second", &json!({ "rtt": "90ms" }))).await.expect_status(200);
    edge.get("/").await.expect_status(200);
    assert_eq!((first.received(), second.received()), (1, 1));
    assert_eq!(member(&edge.status().await, "second").unwrap()["region"], "sin");
    edge.ask(&delete("first")).await.expect_status(200);
    edge.get("/").await.expect_status(200);
    assert_eq!((first.received(), second.received()), (1, 2));
    // What was said outlives a reload of the file.
    let text = std::fs::read_to_string(edge.config_path()).unwrap();
    edge.write_config(&text.replace("[service.web]", "[service.web]\nmax_body = \"1MiB\""));
    edge.ask(&Request::post("/reload", "")).await.expect_status(200);
    assert_eq!(ids(&edge.status().await), ["second"]);
    let back = edge.ask(&put("first", &json!({}))).await.expect_status(201).json();
    assert_eq!(back["result"], "added");
    let gone = edge.ask(&delete("second")).await.expect_status(200).json();
    assert_eq!(gone["result"], "removed");
    assert_eq!(ids(&edge.status().await), ["first"]);
}

#[tokio::test]
async fn a_draining_instance_finishes_what_it_has_and_gets_nothing_new() {
    let (held, other) = (GateOrigin::start("held").await, RawOrigin::answering(FINE).await);
    let tables = instance("held", held.address(), "rtt = \"1ms\"")
        + &instance("other", other.address(), "rtt = \"90ms\"");
    let edge = edge("", &tables).await;
    let mut client = edge.connect().await;
    client.send(Request::get("/").bytes()).await.unwrap();
    held.holds(1, SOON).await;
    edge.ask(&put("held", &json!({ "draining": true }))).await.expect_status(200);
    edge.get("/").await.expect_status(200);
    assert_eq!(other.received(), 1);
    let status = edge.status().await;
    let it = member(&status, "held").unwrap();
    assert_eq!(
        (&it["draining"], &it["in_flight"], &it["source"]),
        (&json!(true), &json!(1), &json!("file"))
    );
    let admin = edge.admin().to_string();
    let shown = edge.command(&["status", "--admin", &admin]).await;
    let line = shown.stdout.lines().find(|line| line.trim_start().starts_with("held"));
    let line = line.unwrap_or_else(|| panic!("{shown:?}"));
    assert!(line.contains("file") && line.ends_with("draining"), "{line}");
    held.open();
    assert_eq!(client.read_response().await.unwrap().text(), "held");
    edge.ask(&put("held", &json!({ "draining": false }))).await.expect_status(200);
    assert_eq!(edge.get("/").await.text(), "held");
}

#[tokio::test]
async fn a_wish_that_cannot_be_is_told_why_and_changes_nothing() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge("", &instance("one", origin.address(), "")).await;
    let before = ids(&edge.status().await);
    let taken = json!({ "address": origin.address().to_string() });
    let refused = |request: Request, status: u16, word: &'static str| {
        let edge = &edge;
        async move {
            let answer = edge.ask(&request).await.expect_status(status);
            let told = answer.text();
            assert!(serde_json::from_str::<Value>(&told).is_ok() && told.contains(word), "{told}");
        }
    };
    refused(put("two", &json!({})), 422, "address").await;
    refused(put("two", &taken), 409, "one is at").await;
    refused(put("two", &json!({ "adress": "127.0.0.1:1" })), 422, "did you mean `address`?").await;
    refused(put("two", &json!({ "address": "nowhere" })), 422, "not an IP address").await;
    refused(put("Two!", &taken), 400, "is not an id").await;
    refused(delete("two"), 404, "no instance two").await;
    refused(Request::new("PUT", "/services/none/instances/a").body("{}"), 404, "no service").await;
    refused(Request::new("PUT", "/services/web/instances/").body("{}"), 404, "path").await;
    refused(Request::new("PUT", "/services/web/instances/a").body("[]"), 422, "no JSON object")
        .await;
    refused(Request::get("/services/web/instances/one"), 405, "PUT, DELETE").await;
    let large = "x".repeat(100_000);
    let large = Request::new("PUT", "/services/web/instances/a").body(large);
    refused(large, 400, "body").await;
    assert_eq!(ids(&edge.status().await), before);
}

fn local(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

/// One server at every address of this machine.
async fn everywhere() -> (hither_harness::OriginProcess, u16) {
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let origin = hither_harness::OriginProcess::start_at(HITHER, "here", any, &[]).await;
    let port = origin.address().port();
    (origin, port)
}

async fn has_ids(edge: &Hither, wanted: &[String]) {
    edge.status_when(SOON, &format!("the instances {wanted:?}"), |status| {
        (ids(status) == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn instances_follow_dns_and_the_last_good_answer_is_kept() {
    let dns = DnsServer::start().await;
    let (_origin, port) = everywhere().await;
    dns.addresses("web.internal", 1, &[local(1), local(2)]);
    let tables = format!(
        "[service.web.dns]\nname = \"web.internal:{port}\"\nresolvers = [\"{}\"]\n\
         [[service.web.dns.place]]\nnetwork = \"127.0.0.2/32\"\nregion = \"sin\"\n\
         labels = {{ version = \"new\" }}\n",
        dns.address()
    );
    let edge = edge("", &tables).await;
    let id = |last: u8| format!("127.0.0.{last}-{port}");
    // The first answer was waited for: nothing had to be asked twice.
    let status = edge.status().await;
    assert_eq!(ids(&status), [id(1), id(2)]);
    let second = member(&status, &id(2)).unwrap();
    assert_eq!((&second["region"], &second["source"]), (&json!("sin"), &json!("dns")));
    assert_eq!(second["labels"], json!({ "version": "new" }));
    edge.get("/").await.expect_status(200);
    dns.addresses("web.internal", 1, &[local(2), local(3)]);
    has_ids(&edge, &[id(2), id(3)]).await;
    dns.fail(true);
    edge.wait_for_event(SOON, "DNS does not answer").await;
    let asked = dns.asked();
    eventually(SOON, "more questions", || async {
        let now = dns.asked();
        if now > asked + 4 { Ok(()) } else { Err(format!("{now} after {asked}")) }
    })
    .await;
    assert_eq!(ids(&edge.status().await), [id(2), id(3)], "the last good answer");
    edge.get("/").await.expect_status(200);
    let complaints = |edge: &Hither| {
        edge.events().iter().filter(|event| event.message() == "DNS does not answer").count()
    };
    assert_eq!(complaints(&edge), 1, "told once");
    let others = edge.events().into_iter().filter(|event| event.level() != "INFO").count();
    assert_eq!(others, 1, "and by nobody else: {}", edge.report());
    dns.fail(false);
    dns.addresses("web.internal", 300, &[local(4)]);
    has_ids(&edge, &[id(4)]).await;
    let metrics = edge.metrics().await;
    assert!(metrics.sum("hither_dns_lookups_total", &[("result", "failed")]) >= 2.0);
    assert!(metrics.sum("hither_dns_lookups_total", &[("result", "ok")]) >= 2.0);
}

#[tokio::test]
async fn an_answer_is_used_for_as_long_as_it_says() {
    let dns = DnsServer::start().await;
    let (_origin, port) = everywhere().await;
    dns.addresses("slow.internal", 300, &[local(1)]);
    dns.addresses("quick.internal", 1, &[local(1)]);
    let service = |name: &str| {
        format!(
            "[service.{name}]\nhosts = [\"{name}\"]\n[service.{name}.dns]\n\
             name = \"{name}.internal:{port}\"\nresolvers = [\"{}\"]\n",
            dns.address()
        )
    };
    let config = format!("{LISTENER}{}{}", service("quick"), service("slow"));
    let edge = Hither::builder(HITHER).config(config).start().await;
    let looked_up = |metrics: &hither_harness::Metrics, service: &str| {
        metrics.sum("hither_dns_lookups_total", &[("service", service)])
    };
    eventually(SOON, "three questions for the quick one", || async {
        let metrics = edge.metrics().await;
        let quick = looked_up(&metrics, "quick");
        if quick >= 3.0 { Ok(()) } else { Err(format!("{quick}")) }
    })
    .await;
    assert_eq!(looked_up(&edge.metrics().await, "slow"), 1.0);
}

#[tokio::test]
async fn service_records_bring_ports_and_their_targets_say_where() {
    let dns = DnsServer::start().await;
    let (_origin, port) = everywhere().await;
    let name = "_http._tcp.web.internal";
    dns.targets(
        name,
        1,
        &[(10, port, "a.ams.internal"), (10, port, "b.sin.internal"), (20, port, "spare.internal")],
    );
    dns.addresses("a.ams.internal", 1, &[local(5)]);
    dns.addresses("b.sin.internal", 1, &[local(6)]);
    dns.addresses("spare.internal", 1, &[local(7)]);
    let place = |region: &str| {
        format!(
            "[[service.web.dns.place]]\ntarget = \"*.{region}.internal\"\nregion = \"{region}\"\n"
        )
    };
    let tables = format!(
        "[service.web.dns]\nname = \"{name}\"\nresolvers = [\"{}\"]\n{}{}",
        dns.address(),
        place("ams"),
        place("sin")
    );
    let edge = edge("", &tables).await;
    let status = edge.status().await;
    let id = |last: u8| format!("127.0.0.{last}-{port}");
    assert_eq!(ids(&status), [id(5), id(6)], "the first priority alone");
    assert_eq!(member(&status, &id(5)).unwrap()["region"], "ams");
    assert_eq!(member(&status, &id(6)).unwrap()["region"], "sin");
    edge.get("/").await.expect_status(200);
    dns.forget("b.sin.internal");
    has_ids(&edge, &[id(5)]).await;
}
