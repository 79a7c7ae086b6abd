//! Why there: what a request would get is told as it would happen, and asking changes nothing.

use crate::support::{HITHER, LISTENER, SOON, instance, shipped};
use hither_harness::{
    Ended, GateOrigin, Hither, Http1, Program, RawOrigin, RefusingOrigin, Request,
};
use serde_json::{Value, json};

pub(crate) const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// Requests of the tenant `on-X` go to the instance X; those of `gold` to golden ones.
pub(crate) const ROUTER: &str = "[plugin.router]\nfile = \"router.wasm\"\n[plugin.router.config.tenants]\n\
    on-busy = { require = { id = \"busy\" } }\non-full = { require = { id = \"full\" } }\n\
    on-far = { require = { id = \"far\" } }\non-open = { require = { id = \"open\" } }\n\
    gold = { require = { tier = \"gold\" } }\n";

/// `POST /explain`.
async fn explain(edge: &Hither, question: Value) -> Value {
    let answer = edge.ask(&Request::post("/explain", question.to_string())).await;
    answer.expect_status(200).json()
}

/// `hither explain` with the edge's admin address.
async fn told(edge: &Hither, arguments: &[&str]) -> Ended {
    let admin = edge.admin().to_string();
    let all: Vec<&str> = ["explain", "--admin", &admin].iter().chain(arguments).copied().collect();
    edge.command(&all).await
}

fn verdict<'a>(explanation: &'a Value, id: &str) -> &'a str {
    let all = explanation["candidates"].as_array().unwrap();
    let found = all.iter().find(|one| one["id"] == id);
    found.and_then(|one| one["verdict"].as_str()).unwrap_or("not told")
}

/// An edge with an instance in each state: open, busy, full, far, draining and unhealthy, with what
/// holds them so.
struct World {
    edge: Hither,
    origins: Vec<(&'static str, GateOrigin)>,
    held: Vec<Http1>,
}

impl World {
    async fn start() -> World {
        let mut origins = Vec::new();
        let mut tables = String::new();
        for id in ["open", "busy", "full", "far", "drained"] {
            let origin = GateOrigin::start(id).await;
            let place = match id {
                "far" => "region = \"sin\"\nrtt = \"150ms\"",
                _ => "region = \"ams\"\nrtt = \"0.5ms\"\nlabels = { tier = \"gold\" }",
            };
            tables += &instance(id, origin.address(), place);
            origins.push((id, origin));
        }
        let nobody = RefusingOrigin::start();
        tables += &instance("ill", nobody.address(), "region = \"ams\"\nrtt = \"0.5ms\"");
        let config = format!(
            "[edge]\nname = \"here\"\nregion = \"ams\"\n{LISTENER}[service.web]\nplugins = [\"router\"]\n\
             [service.web.concurrency]\nsoft_limit = 1\nhard_limit = 2\n\
             [service.web.queue]\nmax_waiting = 1\ntimeout = \"60s\"\n\
             [[service.web.check]]\ntcp = true\ninterval = \"100ms\"\ngrace_period = \"0s\"\n\
             {tables}{ROUTER}"
        );
        let edge = Hither::builder(HITHER)
            .config(config)
            .file("router.wasm", shipped("tenant-router"))
            .start()
            .await;
        let drain = Request::new("PUT", "/services/web/instances/drained");
        edge.ask(&drain.body("{\"draining\": true}")).await.expect_status(200);
        edge.status_when(SOON, "one to be ill", |status| {
            let all = status["services"][0]["instances"].as_array()?;
            let ill = all.iter().find(|one| one["id"] == "ill")?;
            (ill["healthy"] == false).then_some(())
        })
        .await;
        let mut world = World { edge, origins, held: Vec::new() };
        world.hold("busy", 1).await;
        world.hold("full", 2).await;
        world
    }

    fn origin(&self, id: &str) -> &GateOrigin {
        &self.origins.iter().find(|(name, _)| *name == id).unwrap().1
    }

    /// Requests that stay on this instance.
    async fn hold(&mut self, id: &str, count: usize) {
        let before = self.origin(id).held();
        for _ in 0..count {
            self.held.push(self.send(&format!("on-{id}")).await);
        }
        self.origin(id).holds(before + count, SOON).await;
    }

    async fn send(&self, tenant: &str) -> Http1 {
        let mut client = self.edge.connect().await;
        client.send(&Request::get("/").header("x-tenant", tenant).bytes()).await.unwrap();
        client
    }
}

#[tokio::test]
async fn every_instance_is_told_with_the_reason_why_it_is_passed_over() {
    let mut world = World::start().await;
    let told = explain(&world.edge, json!({ "url": "http://example.com/cart?id=1" })).await;
    assert_eq!(
        told["outcome"],
        json!({ "result": "instance", "id": "open", "among": 1 }),
        "{told:#}"
    );
    let expected = [
        ("open", "chosen"),
        ("busy", "busy"),
        ("full", "full"),
        ("far", "further"),
        ("drained", "draining"),
        ("ill", "unhealthy"),
    ];
    for (id, why) in expected {
        assert_eq!(verdict(&told, id), why, "{id}: {told:#}");
    }
    let order: Vec<&str> = told["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    assert_eq!(order[..4], ["open", "far", "busy", "full"], "the order of preference");
    let full = &told["candidates"][3];
    let seen = (&full["band"], &full["in_flight"], &full["soft_limit"], &full["hard_limit"]);
    assert_eq!(seen, (&json!("full"), &json!(2), &json!(1), &json!(2)));
    assert_eq!((&full["class"], &full["rtt_seconds"]), (&json!("0-1ms"), &json!(0.0005)));
    let matched = json!({ "service": "web", "by": "default", "host": "*", "path_prefix": "/" });
    assert_eq!(told["matched"], matched);
    assert_eq!((&told["edge"], &told["source"]), (&json!("here"), &json!("edge")));
    // What was told is what happens, and asking has taken no place.
    let client = world.send("nobody").await;
    world.origin("open").holds(1, SOON).await;
    world.held.push(client);
    // Everything is busy now but the far one, which nobody asked for before.
    let told = explain(&world.edge, json!({ "url": "/" })).await;
    assert_eq!(told["outcome"]["id"], "far", "{told:#}");
    world.hold("far", 2).await;
    world.hold("busy", 1).await;
    world.hold("open", 1).await;
    waits_and_then_is_refused(&mut world).await;
}

/// With every instance full and one place in the queue.
async fn waits_and_then_is_refused(world: &mut World) {
    let ask = json!({ "url": "/" });
    for _ in 0..3 {
        let told = explain(&world.edge, ask.clone()).await;
        let waits = json!({ "result": "wait", "position": 1, "timeout_seconds": 60.0 });
        assert_eq!(told["outcome"], waits, "asking takes no place: {told:#}");
        assert_eq!(told["queue"], json!({ "waiting": 0, "places": 1 }));
    }
    let client = world.send("nobody").await;
    world.held.push(client);
    world
        .edge
        .status_when(SOON, "one to wait", |status| {
            (status["services"][0]["queue"]["waiting"] == 1).then_some(())
        })
        .await;
    let told = explain(&world.edge, ask).await;
    assert_eq!(told["outcome"]["fault"], "queue_full", "{told:#}");
    world.edge.get("/").await.expect_status(503);
}

#[tokio::test]
async fn plugins_are_asked_and_what_they_ask_of_the_balancer_is_told() {
    let world = World::start().await;
    let tenant = |name: &str| json!({ "url": "/", "headers": [["X-Tenant", name]] });
    let told = explain(&world.edge, tenant("gold")).await;
    let call = &told["plugins"][0];
    let said = (&call["plugin"], &call["hook"], &call["verdict"], &call["require"]);
    let gold = json!([["tier", "gold"]]);
    assert_eq!(said, (&json!("router"), &json!("routing"), &json!("routed"), &gold), "{told:#}");
    assert!(call["seconds"].as_f64().is_some_and(|took| took > 0.0), "{told:#}");
    assert_eq!(told["wanted"]["require"], gold);
    assert_eq!(verdict(&told, "far"), "label_missing");
    let told = explain(&world.edge, tenant("on-far")).await;
    assert_eq!(told["outcome"]["id"], "far", "{told:#}");
    let told = explain(&world.edge, tenant("nobody")).await;
    assert_eq!(told["plugins"][0]["verdict"], "passed");
    // It was asked for an explanation, which is no traffic.
    let metrics = world.edge.metrics().await;
    let [calls, remembered] = ["hither_plugin_calls_total", "hither_plugin_remembered_total"]
        .map(|name| metrics.sum(name, &[]));
    assert_eq!(calls + remembered, 3.0, "the three requests that are held");
}

#[tokio::test]
async fn the_words_fit_a_terminal_and_say_the_outcome_first() {
    let world = World::start().await;
    let ended = told(&world.edge, &["example.com/cart", "-H", "x-tenant: gold"]).await;
    assert!(ended.status.success(), "{ended:?}");
    let out = &ended.stdout;
    for line in out.lines() {
        assert!(line.chars().count() <= 100 && line.trim_end() == line, "{line:?}\n{out}");
    }
    let expected = [
        "GET http://example.com/cart from 127.0.0.1\n",
        "\n=> goes to open, at once\n",
        "\nservice   web: it takes any host that no other does, path /\n",
        "requires tier=gold\n",
        "\nqueue     0 of 1 places taken\n",
        "0/1/2      gets the request\n",
        "busy, while others are open\n",
        "full, at its hard limit\n",
        "draining, gets nothing new\n",
        "not tier=gold, which is required\n",
    ];
    for words in expected {
        assert!(out.contains(words), "{words:?} is not in\n{out}");
    }
    let ended = told(&world.edge, &["/", "--format", "json", "--candidates", "2"]).await;
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["outcome"]["id"], "open");
    assert_eq!((json["candidates"].as_array().unwrap().len(), &json["omitted"]), (2, &json!(4)));
}

pub(crate) fn limited(listener: &str, more: &str, origin: &RawOrigin) -> String {
    let limits = "[[service.web.limit]]\nname = \"each\"\nkey = [\"client.address\"]\nrate = \"1/h\"\nburst = 2\n\
                  [[service.web.limit]]\nname = \"all\"\nrate = \"1/h\"\nburst = 5\n";
    let web = instance("one", origin.address(), "region = \"ams\"\nrtt = \"0.5ms\"");
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n[service.web]\nhosts = [\"example.com\", \"*.example.com\"]\n\
         {limits}{web}{more}"
    )
}

#[tokio::test]
async fn a_limit_that_would_refuse_is_told_and_none_is_charged_by_asking() {
    let origin = RawOrigin::answering(FINE).await;
    let trusted = "trusted_proxies = [\"10.0.0.1\"]";
    let config = limited(trusted, "", &origin);
    let edge = Hither::builder(HITHER).config(config).start().await;
    let ask = json!({ "url": "http://example.com/" });
    for _ in 0..10 {
        let told = explain(&edge, ask.clone()).await;
        assert_eq!(told["outcome"]["id"], "one", "{told:#}");
        assert_eq!(
            (&told["limits"][0]["name"], &told["limits"][0]["remaining"]),
            (&json!("each"), &json!(2))
        );
        assert_eq!(
            (&told["limits"][1]["name"], &told["limits"][1]["remaining"]),
            (&json!("all"), &json!(5))
        );
    }
    for _ in 0..2 {
        edge.send(&Request::get("/").host("example.com")).await.expect_status(200);
    }
    let told = explain(&edge, ask).await;
    let outcome = &told["outcome"];
    assert_eq!((&outcome["status"], &outcome["by"]), (&json!(429), &json!("each")), "{told:#}");
    assert!(outcome["retry_after_seconds"].as_f64().is_some_and(|after| after > 1_000.0));
    assert_eq!(
        (&told["limits"][0]["passes"], &told["limits"][1]["passes"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(told["candidates"], json!([]), "the balancer was not asked");
    // Other clients are others, also those that a trusted proxy names.
    let other = json!({ "url": "http://example.com/", "client": "10.0.0.1", "headers": [["x-forwarded-for", "203.0.113.7"]] });
    let told = explain(&edge, other).await;
    assert_eq!(
        (&told["request"]["client"], &told["outcome"]["id"]),
        (&json!("203.0.113.7"), &json!("one"))
    );
    let claimed =
        json!({ "url": "http://example.com/", "headers": [["x-forwarded-for", "203.0.113.7"]] });
    assert_eq!(explain(&edge, claimed).await["outcome"]["by"], "each");
    let metrics = edge.metrics().await;
    assert_eq!(metrics.sum("hither_limit_decisions_total", &[]), 4.0, "two limits, two requests");
    assert_eq!(origin.received(), 2);
}

#[tokio::test]
async fn a_host_that_nobody_serves_is_told_with_what_there_is() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = Hither::builder(HITHER).config(limited("", "", &origin)).start().await;
    let told = explain(&edge, json!({ "url": "https://elsewhere.example/" })).await;
    let outcome = &told["outcome"];
    assert_eq!(
        (&outcome["status"], &outcome["fault"]),
        (&json!(404), &json!("no_route")),
        "{told:#}"
    );
    let there =
        json!([{ "name": "web", "hosts": ["example.com", "*.example.com"], "path_prefix": "/" }]);
    assert_eq!((&told["services"], &told["matched"]), (&there, &Value::Null));
    let matched = async |url: &str| explain(&edge, json!({ "url": url })).await["matched"].clone();
    assert_eq!(matched("EXAMPLE.com:80/").await["by"], "exact");
    let under = matched("a.b.example.com").await;
    assert_eq!((&under["by"], &under["host"]), (&json!("wildcard"), &json!("*.example.com")));
    let ended = self::told(&edge, &["elsewhere.example/"]).await;
    let words = "=> is refused with 404 no_route: no service takes this host and path\n";
    assert!(ended.stdout.contains(words) && ended.stdout.contains("*.example.com"), "{ended:?}");
}

#[tokio::test]
async fn a_plugin_that_fails_is_told_and_its_breaker_counts_traffic_only() {
    let origin = RawOrigin::answering(FINE).await;
    let web = instance("one", origin.address(), "");
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"bad\"]\n{web}[plugin.bad]\nfile = \"bad.wasm\"\n\
         time = \"500ms\"\ngrants = [\"log\"]\n"
    );
    let guest = std::fs::read(hither_guests::guest("mischief")).unwrap();
    let edge = Hither::builder(HITHER).config(config).file("bad.wasm", guest).start().await;
    for _ in 0..10 {
        let told = explain(&edge, json!({ "url": "/trap" })).await;
        let call = &told["plugins"][0];
        assert_eq!(
            (&call["verdict"], &call["rejects"]),
            (&json!("failed"), &json!(true)),
            "{told:#}"
        );
        let outcome = &told["outcome"];
        assert_eq!((&outcome["fault"], &outcome["by"]), (&json!("plugin_failed"), &json!("bad")));
    }
    let status = edge.status().await;
    let plugin = &status["plugins"][0];
    assert_eq!((&plugin["open"], &plugin["failures"]), (&json!(false), &json!(0)), "{status:#}");
    edge.get("/trap").await.expect_status(503);
    assert_eq!(edge.status().await["plugins"][0]["failures"], 1);
}

#[tokio::test]
async fn without_an_edge_the_configuration_is_explained_from() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let one = |id: &str, port: u16, rtt: &str| {
        instance(id, ([127, 0, 0, 1], port).into(), &format!("rtt = \"{rtt}\""))
    };
    let config = format!(
        "{LISTENER}[admin]\naddress = \"{free}\"\n[service.web]\n{}{}",
        one("near", 1, "1ms"),
        one("far", 2, "90ms")
    );
    std::fs::write(folder.path().join("hither.toml"), config).unwrap();
    let run = async |arguments: &[&str]| {
        let all: Vec<&str> = ["explain"].iter().chain(arguments).copied().collect();
        Program::run(HITHER, folder.path(), &all, SOON).await
    };
    let ended = run(&["http://example.com/"]).await;
    assert!(ended.status.success(), "{ended:?}");
    for words in ["as if just started", "no edge answers at", "=> goes to near, at once"] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    let ended = run(&["/", "--offline", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["source"], &told["outcome"]["id"]), (&json!("file"), &json!("near")));
    // An edge that was named has to be there.
    let ended = run(&["/", "--admin", &free.to_string()]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("no edge answers at"), "{ended:?}");
    assert_eq!(run(&["/", "-H", "no colon"]).await.status.code(), Some(2));
    assert_eq!(run(&["ftp://a/"]).await.status.code(), Some(1));
    std::fs::write(folder.path().join("hither.toml"), "[listner]\n").unwrap();
    assert_eq!(run(&["/"]).await.status.code(), Some(3));
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_words() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = Hither::builder(HITHER).config(limited("", "", &origin)).start().await;
    let many: Vec<_> = (0..101).map(|_| json!(["a", "b"])).collect();
    let cases = [
        (json!({ "url": "http://" }).to_string(), "URL"),
        (json!({ "url": "/", "method": "CONNECT" }).to_string(), "CONNECT"),
        (json!({ "url": "/", "headers": [["a b", "c"]] }).to_string(), "header"),
        (json!({ "url": "/", "headers": many }).to_string(), "100 headers"),
        (json!({ "url": "/", "listener": "1.2.3.4:5" }).to_string(), "127.0.0.1:0"),
        (json!({ "uri": "/" }).to_string(), "url"),
        ("no json".to_owned(), "url"),
        (format!("{{\"url\": \"/{}\"}}", "x".repeat(70_000)), "body"),
    ];
    for (body, words) in cases {
        let answer = edge.ask(&Request::post("/explain", body)).await.expect_status(400);
        assert!(answer.json()["error"].as_str().unwrap().contains(words), "{}", answer.text());
    }
    let answer = edge.ask(&Request::get("/explain")).await.expect_status(405);
    assert_eq!(answer.header("allow"), Some("POST"));
}
