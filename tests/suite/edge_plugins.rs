//! The shipped plugins that act on requests by themselves: maintenance, quota, ab-split, rewrite.

use crate::support::{HITHER, LISTENER, SOON, edge, instance, origins, shipped};
use hither_harness::{H2, Hither, RawConnection, RawOrigin, Request, eventually};
use std::collections::BTreeSet;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

async fn start(origin: &RawOrigin, plugin: &str, more: &str) -> Hither {
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"{plugin}\"]\n{}[plugin.{plugin}]\nfile = \"p.wasm\"\n\
         time = \"500ms\"\n{more}",
        instance("one", origin.address(), "")
    );
    Hither::builder(HITHER)
        .file("p.wasm", shipped(plugin))
        .file("door", "open sesame")
        .config(config)
        .start()
        .await
}

const DOOR: &str = "grants = [\"secrets\"]\n[plugin.maintenance.secrets]\ndoor = { file = \"door\" }\n\
                    [plugin.maintenance.config]\nbypass = { secret = \"door\" }\n";

#[tokio::test]
async fn maintenance_is_answered_at_the_edge_and_some_go_through() {
    let origin = RawOrigin::answering(FINE).await;
    let rest = "paths = [\"/health\"]\nretry_after = \"90s\"\n";
    let edge = start(&origin, "maintenance", &format!("{DOOR}{rest}")).await;
    let page = edge.send(&Request::get("/").header("accept", "text/html,*/*;q=0.8")).await;
    let page = page.expect_status(503);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("retry-after"), Some("90"));
    assert!(page.text().starts_with("<!doctype html>"), "{}", page.text());
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    let data = h2.request(&Request::post("/x", "body")).await.unwrap().expect_status(503);
    assert_eq!(
        (data.header("content-type"), &data.json()["status"]),
        (Some("application/problem+json"), &503.into())
    );
    assert_eq!(origin.received(), 0, "the app was asked");
    edge.get("/health").await.expect_status(200);
    let shown = Request::get("/").header("x-maintenance-bypass", "open sesame");
    edge.send(&shown).await.expect_status(200);
    assert_eq!(origin.requests()[1].header("x-maintenance-bypass"), None);
    edge.send(&Request::get("/").header("x-maintenance-bypass", "open")).await.expect_status(503);
    let cookie = Request::get("/").header("cookie", "a=b; maintenance-bypass=open sesame");
    edge.send(&cookie).await.expect_status(200);
}

#[tokio::test]
async fn maintenance_ends_by_the_clock_and_knows_its_own_network() {
    let origin = RawOrigin::answering(FINE).await;
    let over = format!("{DOOR}until = \"2020-01-01T00:00:00Z\"\n");
    start(&origin, "maintenance", &over).await.get("/").await.expect_status(200);
    let ours = format!("{DOOR}networks = [\"127.0.0.0/8\"]\n");
    start(&origin, "maintenance", &ours).await.get("/").await.expect_status(200);
    let edge =
        start(&origin, "maintenance", &format!("{DOOR}until = \"2099-01-01T00:00:00Z\"\n")).await;
    let refused = edge.get("/").await.expect_status(503);
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(after > 86_400, "{after}");
}

const PLANS: &str = "limiters = [\"free\", \"gold\", \"gold-day\"]\n\
    [plugin.quota.config]\ndefault = \"free\"\n\
    [plugin.quota.config.plans]\nfree = { limiters = [\"free\"] }\ngold = { limiters = [\"gold\", \"gold-day\"] }\n\
    [plugin.quota.config.keys]\nk-1 = \"gold\"\nk-2 = \"gold\"\n\
    [[plugin.quota.config.costs]]\npath = \"/search*\"\ncost = 3\n\
    [limiter.free]\nrate = \"1/h\"\nburst = 2\n[limiter.gold]\nrate = \"1/h\"\nburst = 10\n\
    [limiter.gold-day]\nrate = \"1/h\"\nburst = 5\n";

#[tokio::test]
async fn keys_are_limited_by_their_plan_and_by_what_they_ask() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin, "quota", PLANS).await;
    let statuses = async |key: &str, path: &str, times: usize| {
        let mut statuses = Vec::new();
        for _ in 0..times {
            let request = Request::get(path).header("x-api-key", key);
            let request = if key.is_empty() { Request::get(path) } else { request };
            statuses.push(edge.send(&request).await.status());
        }
        statuses
    };
    assert_eq!(
        statuses("", "/", 3).await,
        [200, 200, 429],
        "those without a key share what one gets"
    );
    assert_eq!(statuses("made-up", "/", 1).await, [401]);
    // A search and two others make five, which is what the day has; the refused one took nothing.
    assert_eq!(statuses("k-1", "/search?q", 2).await, [200, 429]);
    assert_eq!(statuses("k-1", "/", 3).await, [200, 200, 429]);
    assert_eq!(statuses("k-2", "/%73earch", 2).await, [200, 429], "each key has its own");
    let refused = edge.send(&Request::get("/").header("x-api-key", "k-1")).await.expect_status(429);
    assert_eq!(refused.header("ratelimit-policy"), Some("\"gold-day\";q=1;w=3600"));
    assert_eq!(origin.received(), 6, "what was refused went nowhere");
}

const SPLIT: &str = "[plugin.ab-split]\nfile = \"FILE\"\ntime = \"500ms\"\n[plugin.ab-split.config]\nmode = \"require\"\n\
    [plugin.ab-split.config.variants.stable]\nweight = 50\nlabels = { region = \"ams\" }\n\
    [plugin.ab-split.config.variants.beta]\nweight = 50\nlabels = { region = \"sin\" }\n";

#[tokio::test]
async fn a_visitor_stays_where_it_was_whatever_the_weights_become() {
    let (_origins, tables) = origins([1, 0, 0, 1]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("split.wasm");
    std::fs::write(&file, shipped("ab-split")).unwrap();
    let split = SPLIT.replace("FILE", &file.to_string_lossy());
    let settings = "plugins = [\"ab-split\"]";
    let edge = edge(settings, &format!("{tables}{split}")).await;
    let mut visitors = Vec::new();
    for _ in 0..60 {
        let answer = edge.get("/").await.expect_status(200);
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let region = answer.header("x-origin-region").unwrap().to_owned();
        let told = answer.json()["headers"].to_string();
        let variant = if region == "sin" { "beta" } else { "stable" };
        assert!(told.contains(&format!("[\"x-variant\",\"{variant}\"]")), "{region}: {told}");
        visitors.push((cookie, region));
    }
    let regions: BTreeSet<_> = visitors.iter().map(|(_, region)| region.as_str()).collect();
    assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["ams", "sin"], "nobody is in one of them");
    let again = async |cookie: &str| {
        let answer =
            edge.send(&Request::get("/").header("cookie", cookie)).await.expect_status(200);
        assert_eq!(answer.header("set-cookie"), None, "who has a cookie gets no other");
        answer.header("x-origin-region").unwrap().to_owned()
    };
    for (cookie, region) in &visitors {
        assert_eq!(again(cookie).await, *region);
    }
    // Beta grows: it takes some and gives none away.
    let config = std::fs::read_to_string(edge.config_path()).unwrap();
    edge.write_config(&config.replacen("weight = 50", "weight = 10", 1));
    edge.reload().await.expect_status(200);
    for (cookie, region) in &visitors {
        let now = again(cookie).await;
        assert!(now == *region || now == "sin", "{cookie} went from {region} to {now}");
    }
    let line = edge
        .access_line(SOON, "a variant", |line| line["meta"]["ab-split.variant"] == "beta")
        .await;
    assert_eq!(line["instance_region"], "sin", "{line}");
}

const RULES: &str = "[[plugin.rewrite.config.rules]]\nprefix = \"/old\"\nto = \"https://new.example\"\nredirect = 301\n\
    [[plugin.rewrite.config.rules]]\nregex = \"^/u/([0-9]+)$\"\nto = \"/users/$1\"\n\
    [[plugin.rewrite.config.rules]]\nprefix = \"/api\"\nto = \"/\"\n";

#[tokio::test]
async fn paths_are_rewritten_and_clients_are_sent_elsewhere() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin, "rewrite", RULES).await;
    for (asked, received) in [
        ("/api/a?b=c", "/a?b=c"),
        ("/api", "/"),
        ("/apix", "/apix"),
        ("/u/7", "/users/7"),
        ("/x/../api/%61", "/a"),
    ] {
        edge.get(asked).await.expect_status(200);
        assert_eq!(origin.requests().pop().unwrap().target, received, "{asked}");
    }
    let before = origin.received();
    let sent = edge.get("/old/page?x").await.expect_status(301);
    assert_eq!(sent.header("location"), Some("https://new.example/page?x"));
    assert_eq!(origin.received(), before);
    let line =
        edge.access_line(SOON, "the path as it was asked for", |line| line["path"] == "/api").await;
    assert_eq!(line["status"], 200, "{line}");
}

/// Answers with a body in pieces that cut every text in two, with the head that the request's `x-head` gives.
async fn cutting() -> RawOrigin {
    RawOrigin::start(|mut connection: RawConnection| async move {
        while let Some(request) = connection.read_request().await? {
            let more = request.header("x-head").unwrap_or("content-type: text/html").to_owned();
            connection
                .write(format!(
                    "HTTP/1.1 200 OK\r\n{more}\r\netag: \"1\"\r\ntransfer-encoding: chunked\r\n\r\n"
                ))
                .await?;
            let body: Vec<u8> = match request.body.is_empty() {
                true => b"<a href='http://old.example/a'>old</a> http://old.exampl".to_vec(),
                false => request.body,
            };
            for piece in body.chunks(3) {
                connection.write(format!("{:x}\r\n", piece.len())).await?;
                connection.write([piece, b"\r\n"].concat()).await?;
            }
            connection.write("0\r\n\r\n").await?;
        }
        Ok(())
    })
    .await
}

const TEXTS: &str = "replace = [{ find = \"http://old.example\", with = \"https://new.example\" }, \
                     { find = \"old\", with = \"new\" }]\n";
const CHANGED: &str = "<a href='https://new.example/a'>new</a> http://new.exampl";

#[tokio::test]
async fn text_is_replaced_wherever_the_network_cuts_it() {
    let origin = cutting().await;
    for (whole, framing) in [("", false), ("whole = \"64KiB\"\n", true)] {
        let config =
            format!("[plugin.rewrite.config.response]\ntypes = [\"text/*\"]\n{whole}{TEXTS}");
        let edge = start(&origin, "rewrite", &config).await;
        let h2 = H2::connect(edge.address(0)).await.unwrap();
        let request = Request::get("/").header("range", "bytes=0-3");
        for answer in [edge.send(&request).await, h2.request(&request).await.unwrap()] {
            let answer = answer.expect_status(200);
            assert_eq!(answer.text(), CHANGED);
            assert_eq!(answer.header("etag"), Some("W/\"1\""));
            let length = CHANGED.len().to_string();
            assert_eq!(answer.header("content-length"), framing.then_some(&*length));
        }
        assert_eq!(origin.requests().pop().unwrap().header("range"), None);
        for head in ["content-type: image/png", "content-encoding: gzip", "x-no-type: at-all"] {
            let request = Request::get("/").header("x-head", head);
            let answer = edge.send(&request).await.expect_status(200);
            assert!(answer.text().contains("http://old.example/a"), "{head}: {}", answer.text());
            assert_eq!(answer.header("etag"), Some("\"1\""), "{head}");
        }
    }
}

#[tokio::test]
async fn what_clients_send_is_changed_too() {
    let origin = cutting().await;
    let config = format!("[plugin.rewrite.config.request]\ntypes = [\"text/plain\"]\n{TEXTS}");
    let edge = start(&origin, "rewrite", &config).await;
    let mut client = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(head).await.unwrap();
    for piece in ["see http://o", "ld.exam", "ple, o", "ld"] {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await.unwrap();
    }
    client.send("0\r\n\r\n").await.unwrap();
    let answer = client.read_response().await.unwrap().expect_status(200);
    assert_eq!(answer.text(), "see https://new.example, new");
    let other = Request::post("/", "old").header("content-type", "text/csv");
    assert_eq!(edge.send(&other).await.expect_status(200).text(), "old");
    // Nothing is held when all is over.
    eventually(SOON, "nothing to be held", || async {
        let held = edge.metrics().await.value("hither_held_body_bytes", &[]);
        if held.unwrap_or(0.0) == 0.0 { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
}
