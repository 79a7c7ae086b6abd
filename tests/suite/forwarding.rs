//! The head that goes to the instance and the one that comes back: nothing of another connection, and nothing
//! of what a client only claims.

use crate::support::{HITHER, SOON, instance};
use hither_harness::{H2, Hither, Http1, RawOrigin, RawRequest, Request};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

async fn edge_of(listener: &str, origin: &RawOrigin) -> Hither {
    let tables = instance("one", origin.address(), "");
    let config = format!(
        "[edge]\nregion = \"ams\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n[service.web]\n{tables}"
    );
    Hither::builder(HITHER).config(config).start().await
}

/// What the instance is given of this request.
async fn given(listener: &str, request: &Request) -> (Hither, RawRequest) {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of(listener, &origin).await;
    edge.send(request).await.expect_status(200);
    let arrived = origin.request(0, SOON).await;
    (edge, arrived)
}

fn lines<'a>(request: &'a RawRequest, name: &'a str) -> Vec<&'a str> {
    request.headers.all(name).collect()
}

#[tokio::test]
async fn fields_of_the_clients_connection_stop_here() {
    let request = Request::get("/")
        .header("Connection", "X-Secret, keep-alive")
        .header("connection", "Upgrade, HTTP2-Settings")
        .header("X-Secret", "1")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Connection", "keep-alive")
        .header("Proxy-Authorization", "Basic eDp5")
        .header("TE", "trailers")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAAQAAP__")
        .header("X-Kept", "yes")
        .header("Authorization", "Bearer mine");
    let (_, arrived) = given("", &request).await;
    for name in [
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
        "transfer-encoding",
    ] {
        assert!(!arrived.headers.has(name), "{name}: {}", arrived.headers);
    }
    assert!(!arrived.headers.lists("connection", "x-secret"), "{}", arrived.headers);
    assert!(!arrived.headers.lists("connection", "upgrade"), "{}", arrived.headers);
    assert_eq!(lines(&arrived, "x-kept"), ["yes"]);
    assert_eq!(lines(&arrived, "authorization"), ["Bearer mine"]);
    assert_eq!(lines(&arrived, "host"), ["localhost"]);
}

#[tokio::test]
async fn a_client_cannot_have_our_own_fields_removed() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of("", &origin).await;
    for name in ["X-Forwarded-For", "host", "Content-Length", "Authorization", "bad name"] {
        let answer = edge.send(&Request::get("/").header("Connection", name)).await;
        assert_eq!(answer.status(), 400, "{name}: {}", answer.head.headers);
        assert!(answer.header("proxy-status").is_some(), "{name}");
    }
    // These are set after the client's wish was carried out.
    for name in ["hither-client-ip", "hither-region", "x-request-id", "via"] {
        edge.send(&Request::get("/").header("Connection", name)).await.expect_status(200);
        let requests = origin.requests();
        assert!(requests.last().unwrap().headers.has(name), "{name}");
    }
}

#[tokio::test]
async fn fields_of_the_instances_connection_stop_here() {
    let origin = RawOrigin::answering(
        "HTTP/1.1 200 OK\r\nConnection: X-Internal, keep-alive\r\nX-Internal: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTE: trailers\r\n\
         X-Kept: a\r\nX-Kept: b\r\nSet-Cookie: c=d\r\nVia: 1.0 fred\r\nContent-Length: 4\r\n\r\nfine",
    )
    .await;
    let edge = edge_of("", &origin).await;
    let answer = edge.get("/").await.expect_status(200);
    for name in
        ["x-internal", "keep-alive", "proxy-connection", "proxy-authenticate", "upgrade", "te"]
    {
        assert!(answer.header(name).is_none(), "{name}: {}", answer.head.headers);
    }
    assert!(!answer.headers().lists("connection", "x-internal"), "{}", answer.head.headers);
    assert_eq!(answer.headers().all("x-kept").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(answer.header("set-cookie"), Some("c=d"));
    assert_eq!(answer.headers().all("via").collect::<Vec<_>>().join(", "), "1.0 fred, 1.1 hither");
    assert_eq!(answer.text(), "fine");
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_replaced() {
    let request = Request::get("/x")
        .host("app.example:81")
        .header("X-Forwarded-For", "6.6.6.6")
        .header("x-forwarded-for", "7.7.7.7")
        .header("Forwarded", "for=6.6.6.6")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "evil.example")
        .header("Hither-Client-IP", "6.6.6.6")
        .header("hither-client-ip", "7.7.7.7")
        .header("Hither-Region", "mars")
        .header("X-Request-Id", "chosen-by-the-client");
    let (edge, arrived) = given("", &request).await;
    assert_eq!(lines(&arrived, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(lines(&arrived, "x-forwarded-proto"), ["http"]);
    assert_eq!(lines(&arrived, "x-forwarded-host"), ["app.example:81"]);
    assert_eq!(lines(&arrived, "hither-client-ip"), ["127.0.0.1"]);
    assert_eq!(lines(&arrived, "hither-region"), ["ams"]);
    assert_eq!(lines(&arrived, "host"), ["app.example:81"]);
    let forwarded = lines(&arrived, "forwarded").join(", ");
    assert!(!forwarded.contains("6.6.6.6") && forwarded.contains("for=127.0.0.1"), "{forwarded}");
    let ids = lines(&arrived, "x-request-id");
    assert!(ids.len() == 1 && ids[0] != "chosen-by-the-client", "{ids:?}");
    let line = edge.access_line(SOON, "the request's line", |line| line["path"] == "/x").await;
    assert_eq!((&line["request_id"], &line["client"]), (&ids[0].into(), &"127.0.0.1".into()));
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is_believed_up_to_the_first_stranger() {
    let trusted = "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    let request = Request::get("/x")
        .header("X-Forwarded-For", "6.6.6.6, 203.0.113.9")
        .header("X-Forwarded-For", "10.1.2.3")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "app.example")
        .header("X-Request-Id", "from-the-proxy-in-front-1");
    let (edge, arrived) = given(trusted, &request).await;
    assert_eq!(lines(&arrived, "x-forwarded-for"), ["6.6.6.6, 203.0.113.9, 10.1.2.3, 127.0.0.1"]);
    assert_eq!(lines(&arrived, "hither-client-ip"), ["203.0.113.9"]);
    assert_eq!(lines(&arrived, "x-forwarded-proto"), ["https"]);
    assert_eq!(lines(&arrived, "x-forwarded-host"), ["app.example"]);
    assert_eq!(lines(&arrived, "x-request-id"), ["from-the-proxy-in-front-1"]);
    let line = edge.access_line(SOON, "the request's line", |line| line["path"] == "/x").await;
    assert_eq!(line["client"], "203.0.113.9");
}

#[tokio::test]
async fn only_the_trusted_are_believed() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of("trusted_proxies = [\"127.0.0.2/32\"]", &origin).await;
    let request = Request::get("/").header("X-Forwarded-For", "203.0.113.9");
    for (source, believed) in [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "203.0.113.9")] {
        let mut client =
            Http1::connect_from(source.parse().unwrap(), edge.address(0)).await.unwrap();
        client.request(&request).await.unwrap().expect_status(200);
        let arrived = origin.requests().pop().unwrap();
        assert_eq!(lines(&arrived, "hither-client-ip"), [believed], "from {source}");
    }
}

#[tokio::test]
async fn via_tells_every_hop_and_the_version_it_came_in() {
    let (_, arrived) = given("", &Request::get("/").header("Via", "1.0 fred")).await;
    assert_eq!(lines(&arrived, "via").join(", "), "1.0 fred, 1.1 hither");
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of("", &origin).await;
    let answer = H2::connect(edge.address(0)).await.unwrap().get("/").await.unwrap();
    assert_eq!(answer.header("via"), Some("1.1 hither"));
    let mut old = edge.connect().await;
    old.send("GET / HTTP/1.0\r\n\r\n").await.unwrap();
    old.read_response().await.unwrap().expect_status(200);
    let arrived = origin.requests();
    assert_eq!(lines(&arrived[0], "via"), ["2 hither"]);
    assert_eq!(lines(&arrived[1], "via"), ["1.0 hither"]);
}

#[tokio::test]
async fn http2_requests_reach_the_instance_as_well_formed_http1() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of("", &origin).await;
    let client = H2::connect(edge.address(0)).await.unwrap();
    let request = Request::post("/x?y", "hello").host("app.example").header("x-a", "b");
    client.request(&request).await.unwrap().expect_status(200);
    let arrived = origin.request(0, SOON).await;
    assert_eq!((&arrived.method[..], &arrived.target[..], arrived.version), ("POST", "/x?y", 11));
    assert_eq!(lines(&arrived, "host"), ["app.example"]);
    assert_eq!(lines(&arrived, "x-a"), ["b"]);
    assert_eq!(arrived.body, b"hello");
    assert_eq!(lines(&arrived, "x-forwarded-host"), ["app.example"]);
    // RFC 9113, section 8.2.3: crumbs of a cookie are one line in HTTP/1.
    let crumbs = Request::get("/").header("cookie", "a=b").header("cookie", "c=d");
    client.request(&crumbs).await.unwrap().expect_status(200);
    assert_eq!(lines(&origin.request(1, SOON).await, "cookie").join("; "), "a=b; c=d");
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_of("", &origin).await;
    let mut client = edge.connect().await;
    for _ in 0..50 {
        client.get("/").await.unwrap().expect_status(200);
    }
    let requests = origin.requests();
    let mut ids: Vec<&str> =
        requests.iter().map(|request| request.header("x-request-id").unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
}
