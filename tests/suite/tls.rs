//! TLS towards clients: which certificate a name is shown, what of it instances are told, and files that change
//! while connections are open.

use crate::support::{HITHER, SOON, instance};
use hither_harness::{
    BridgeOptions, CertificatePair, Ended, H2, Hither, Http1, OriginProcess, Program, RawOrigin,
    Request, Shaken, TlsBridge, WebSocket, eventually,
};
use std::net::SocketAddr;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

const TLS: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n";

/// A `[[listener.certificate]]` of the files `NAME.pem` and `NAME.key`.
fn certificate(name: &str) -> String {
    format!("[[listener.certificate]]\ncert = \"{name}.pem\"\nkey = \"{name}.key\"\n")
}

/// An edge with a TLS listener; `more` are keys of the listener, then of the service.
struct Scene {
    edge: Hither,
    origin: RawOrigin,
}

async fn scene(pairs: &[(&str, &CertificatePair)], listener: &str, service: &str) -> Scene {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge_before(origin.address(), pairs, listener, service).await;
    Scene { edge, origin }
}

async fn edge_before(
    origin: SocketAddr,
    pairs: &[(&str, &CertificatePair)],
    listener: &str,
    service: &str,
) -> Hither {
    let certificates: String = pairs.iter().map(|(name, _)| certificate(name)).collect();
    let tables = instance("one", origin, "");
    let config = format!("{TLS}{listener}\n{certificates}[service.web]\n{service}\n{tables}");
    let builder = pairs.iter().fold(Hither::builder(HITHER), |builder, (name, pair)| {
        builder.file(&format!("{name}.pem"), pair.cert()).file(&format!("{name}.key"), pair.key())
    });
    builder.config(config).start().await
}

async fn bridge(edge: &Hither, name: Option<&'static str>, alpn: &[&'static str]) -> TlsBridge {
    let options = BridgeOptions { name, alpn: alpn.to_vec(), tls12: false };
    TlsBridge::to(edge.address(0), options).await
}

async fn client(bridge: &TlsBridge) -> Http1 {
    Http1::connect(bridge.address()).await.unwrap().within(SOON)
}

#[tokio::test]
async fn http1_and_http2_are_spoken_as_the_client_chooses_and_instances_are_told() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let Scene { edge, origin } = scene(&[("a", &pair)], "", "").await;
    let request = Request::get("/x").host("a.example").header("X-Forwarded-Proto", "gopher");
    for (number, (alpn, agreed)) in
        [(&["http/1.1"][..], Some("http/1.1")), (&["h2", "http/1.1"], Some("h2")), (&[], None)]
            .into_iter()
            .enumerate()
    {
        let bridge = bridge(&edge, Some("a.example"), alpn).await;
        let answer = match agreed {
            Some("h2") => H2::connect(bridge.address()).await.unwrap().request(&request).await,
            _ => client(&bridge).await.request(&request).await,
        };
        assert_eq!(answer.unwrap().expect_status(200).text(), "fine");
        let Shaken::Done { alpn, version, .. } = bridge.last() else { panic!("{bridge:?}") };
        assert_eq!((alpn.as_deref(), version), (agreed, "1.3"));
        let arrived = origin.request(number, SOON).await;
        assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
        assert_eq!(arrived.header("forwarded"), Some("for=127.0.0.1;proto=https"));
    }
}

#[tokio::test]
async fn plugins_are_told_whether_the_client_asks_over_tls() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let origin = RawOrigin::answering(FINE).await;
    let clear = "[[listener]]\naddress = \"127.0.0.2:0\"\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let plugin = "[plugin.watching]\nfile = \"watching.wasm\"\ngrants = [\"log\", \"store\"]\n\
                  [plugin.watching.config]\n";
    let config = format!(
        "{TLS}{}{clear}[service.web]\nplugins = [\"watching\"]\n{}{plugin}",
        certificate("a"),
        instance("one", origin.address(), "")
    );
    let watching = std::fs::read(hither_guests::guest("watching")).unwrap();
    let builder = Hither::builder(HITHER).file("a.pem", pair.cert()).file("a.key", pair.key());
    let edge = builder.file("watching.wasm", watching).config(config).start().await;
    let asked = Request::get("/tls").host("a.example");
    let bridge = bridge(&edge, Some("a.example"), &[]).await;
    assert_eq!(client(&bridge).await.request(&asked).await.unwrap().text(), "true");
    let mut proxy = Http1::connect(edge.address(1)).await.unwrap().within(SOON);
    assert_eq!(proxy.request(&asked).await.unwrap().text(), "false");
    let vouched = asked.header("X-Forwarded-Proto", "https");
    assert_eq!(proxy.request(&vouched).await.unwrap().text(), "true");
}

#[tokio::test]
async fn tls_1_2_is_spoken_too_and_a_session_goes_on_after_a_reload() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let Scene { edge, origin: _origin } = scene(&[("a", &pair)], "", "").await;
    let text = std::fs::read_to_string(edge.config_path()).unwrap();
    for tls12 in [true, false] {
        let options = BridgeOptions { name: Some("a.example"), alpn: Vec::new(), tls12 };
        let bridge = TlsBridge::to(edge.address(0), options).await;
        let request = Request::get("/").host("a.example");
        client(&bridge).await.request(&request).await.unwrap().expect_status(200);
        let size = if tls12 { "8MiB" } else { "9MiB" };
        let service = format!("[service.web]\nmax_body = \"{size}\"");
        edge.write_config(&text.replace("[service.web]", &service));
        edge.reload().await.expect_status(200);
        client(&bridge).await.request(&request).await.unwrap().expect_status(200);
        let seen: Vec<_> = bridge
            .shaken()
            .into_iter()
            .map(|shaken| match shaken {
                Shaken::Done { version, resumed, .. } => (version, resumed),
                Shaken::Failed(why) => panic!("{why}"),
            })
            .collect();
        let version = if tls12 { "1.2" } else { "1.3" };
        assert_eq!(seen, [(version, false), (version, true)]);
    }
}

#[tokio::test]
async fn a_name_is_shown_its_own_certificate_and_no_name_the_first() {
    let first = CertificatePair::for_names(&["a.example", "*.a.example"]);
    let second = CertificatePair::for_names(&["b.example", "x.a.example"]);
    let Scene { edge, origin: _origin } = scene(&[("a", &first), ("b", &second)], "", "").await;
    for (name, shown) in [
        (Some("a.example"), &first),
        (Some("A.Example"), &first),
        (Some("y.a.example"), &first),
        (Some("b.example"), &second),
        // An exact name is before a wildcard, which stands for one label.
        (Some("x.a.example"), &second),
        (Some("y.b.example"), &first),
        (None, &first),
    ] {
        let bridge = bridge(&edge, name, &[]).await;
        let request = Request::get("/").host(name.unwrap_or("anything.example"));
        client(&bridge).await.request(&request).await.unwrap().expect_status(200);
        assert!(bridge.last().showed(shown), "{name:?}");
    }
}

/// RFC 9110 section 15.5.20, RFC 9113 section 9.1.1.
#[tokio::test]
async fn a_connection_for_one_host_serves_others_of_its_certificate_only() {
    let shared = CertificatePair::for_names(&["a.example", "*.a.example"]);
    let other = CertificatePair::for_names(&["b.example"]);
    let Scene { edge, origin } = scene(&[("a", &shared), ("b", &other)], "", "").await;
    let over = bridge(&edge, Some("a.example"), &["h2"]).await;
    let h2 = H2::connect(over.address()).await.unwrap();
    for (host, status) in
        [("a.example", 200), ("A.example:8443", 200), ("c.a.example", 200), ("b.example", 421)]
    {
        let answer = h2.request(&Request::get("/").host(host)).await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
        if status == 421 {
            let why = answer.header("proxy-status").unwrap_or_default();
            assert!(why.ends_with("details=\"misdirected\""), "{why}");
        }
    }
    assert_eq!(origin.received(), 3);
    let over = bridge(&edge, None, &[]).await;
    let answer = client(&over).await.request(&Request::get("/").host("b.example")).await;
    answer.unwrap().expect_status(200);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_once_and_a_bad_one_never() {
    let old = CertificatePair::for_names(&["a.example"]);
    let Scene { edge, origin: _origin } = scene(&[("a", &old)], "", "").await;
    let over = bridge(&edge, Some("a.example"), &[]).await;
    let request = Request::get("/").host("a.example");
    let mut before = client(&over).await;
    before.request(&request).await.unwrap().expect_status(200);

    // Half a renewal: the certificate is new, its key is not.
    let new = CertificatePair::for_names(&["a.example"]);
    edge.write_file("a.pem", new.cert());
    let refused = edge.reload().await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    assert!(refused.text().contains("its key is not the certificate's"), "{}", refused.text());
    client(&over).await.request(&request).await.unwrap().expect_status(200);
    assert!(over.last().showed(&old));

    // The files are watched, from first to last.
    edge.write_file("a.key", new.key());
    shows(&edge, &new).await;
    let newest = CertificatePair::for_names(&["a.example"]);
    edge.write_file("a.pem", newest.cert());
    edge.write_file("a.key", newest.key());
    shows(&edge, &newest).await;
    before.request(&request).await.unwrap().expect_status(200);
    assert!(edge.log_lines().iter().any(|line| line.contains("other certificates")));
}

async fn shows(edge: &Hither, pair: &CertificatePair) {
    let request = Request::get("/").host("a.example");
    eventually(SOON, "the new certificate to be shown", || async {
        let over = bridge(edge, Some("a.example"), &[]).await;
        client(&over).await.request(&request).await.unwrap().expect_status(200);
        if over.last().showed(pair) { Ok(()) } else { Err("the old one is".to_owned()) }
    })
    .await;
}

#[tokio::test]
async fn bad_pairs_are_told_with_their_places() {
    let (one, other) = (CertificatePair::for_names(&["a"]), CertificatePair::for_names(&["b"]));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let names = ["good", "swapped", "keyless", "text", "missing"];
    let certificates: String = names.iter().map(|name| certificate(name)).collect();
    write("good.pem", &one.cert());
    write("good.key", &one.key());
    write("swapped.pem", &one.cert());
    write("swapped.key", &other.key());
    write("keyless.pem", &one.cert());
    write("keyless.key", &one.cert());
    write("text.pem", "not a certificate");
    write("text.key", &one.key());
    let tables = instance("one", "127.0.0.1:9".parse().unwrap(), "");
    write("hither.toml", &format!("{TLS}{certificates}[service.web]\n{tables}"));
    let checked = Program::run(HITHER, folder.path(), &["check", "--config", "hither.toml"], SOON);
    let Ended { status, stderr, .. } = checked.await;
    assert_eq!(status.code(), Some(3), "{stderr}");
    for (place, why) in [
        ("certificate[1].key", "its key is not the certificate's"),
        ("certificate[2].key", "it has no private key"),
        ("certificate[3].cert", "it has no certificate"),
        ("certificate[4].cert", "cannot be read"),
        ("certificate[4].key", "cannot be read"),
    ] {
        let told = stderr.split("error: ").any(|one| one.contains(place) && one.contains(why));
        assert!(told, "{place} {why}:\n{stderr}");
    }
    assert!(!stderr.contains("certificate[0]"), "{stderr}");
}

#[tokio::test]
async fn who_asks_in_the_clear_is_sent_to_the_same_place_over_tls() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let origin = RawOrigin::answering(FINE).await;
    let tables = instance("one", origin.address(), "");
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.2/32\"]\n\
         [[listener]]\naddress = \"127.0.0.3:0\"\n{}[service.web]\nforce_https = true\n{tables}",
        certificate("a")
    );
    let builder = Hither::builder(HITHER).file("a.pem", pair.cert()).file("a.key", pair.key());
    let edge = builder.config(config).start().await;
    let request = Request::post("/a%20b?c=d", "x").host("a.example:8080");
    let answer = edge.send(&request).await.expect_status(308);
    assert_eq!(answer.header("location"), Some("https://a.example/a%20b?c=d"));
    let hearsay = Request::get("/").host("a.example").header("X-Forwarded-Proto", "https");
    edge.send(&hearsay).await.expect_status(308);
    assert_eq!(origin.received(), 0);

    let options = BridgeOptions { name: Some("a.example"), ..BridgeOptions::default() };
    let over = TlsBridge::to(edge.address(1), options).await;
    client(&over).await.request(&request).await.unwrap().expect_status(200);
    // A proxy in front that speaks TLS in this one's place.
    let proxy = "127.0.0.2".parse().unwrap();
    let mut proxy = Http1::connect_from(proxy, edge.address(0)).await.unwrap().within(SOON);
    let told = |scheme| Request::get("/").host("a.example").header("X-Forwarded-Proto", scheme);
    proxy.request(&told("https")).await.unwrap().expect_status(200);
    let answer = proxy.request(&told("http")).await.unwrap().expect_status(308);
    assert_eq!(answer.header("location"), Some("https://a.example/"));
    assert_eq!(origin.received(), 2);

    let explained = edge.command(&["explain", "http://a.example/x"]).await;
    assert!(explained.stdout.contains("is sent to https://a.example/x with 308"), "{explained:?}");
    let explained = edge.command(&["explain", "https://a.example/x"]).await;
    assert!(explained.stdout.contains("goes to one, at once"), "{explained:?}");
    assert!(explained.stdout.contains("GET https://a.example/x"), "{explained:?}");
}

#[tokio::test]
async fn limits_count_by_the_name_that_was_asked_for() {
    let pair = CertificatePair::for_names(&["*.a.example"]);
    let limit = "[[service.web.limit]]\nname = \"names\"\nkey = [\"tls.sni\"]\nrate = \"1/h\"\n";
    let Scene { edge, origin: _origin } = scene(&[("a", &pair)], "", limit).await;
    for (name, statuses) in [
        (Some("x.a.example"), [200, 429]),
        (Some("y.a.example"), [200, 429]),
        (None, [200, 429]),
        // Names that there is no certificate for are counted together.
        (Some("one.made.up"), [200, 429]),
        (Some("another.made.up"), [429, 429]),
    ] {
        let over = bridge(&edge, name, &[]).await;
        let mut client = client(&over).await;
        for status in statuses {
            let request = Request::get("/").host(name.unwrap_or("x.a.example"));
            let answer = client.request(&request).await.unwrap();
            assert_eq!(answer.status(), status, "{name:?}");
        }
    }
}

#[tokio::test]
async fn a_client_begins_so_many_handshakes() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let listener = "tls_handshakes_per_client = \"2/h\"";
    let Scene { edge, origin: _origin } = scene(&[("a", &pair)], listener, "").await;
    let over = bridge(&edge, Some("a.example"), &[]).await;
    let request = Request::get("/").host("a.example");
    // What comes in one second may come at once: of two in an hour that is one.
    client(&over).await.request(&request).await.unwrap().expect_status(200);
    let refused = client(&over).await.request(&request).await;
    assert!(refused.is_err_and(|error| error.is_closed()), "{over:?}");
    let metrics = edge.metrics().await;
    let shed = [("reason", "too_many_handshakes_of_client")];
    assert_eq!(metrics.value("hither_client_connections_shed_total", &shed), Some(1.0));
    assert_eq!(metrics.value("hither_tls_handshakes_total", &[("result", "done")]), Some(1.0));
}

#[tokio::test]
async fn long_bodies_and_websockets_pass_whole() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge_before(origin.address(), &[("a", &pair)], "", "").await;
    let over = bridge(&edge, Some("a.example"), &["http/1.1"]).await;
    let mut socket = WebSocket::connect(over.address(), "a.example", "/ws").await.unwrap();
    socket.echo("over TLS").await.unwrap();
    socket.echo(&"long ".repeat(50_000)).await.unwrap();
    socket.close().await.unwrap();

    let body: Vec<u8> = (0..4_000_000u32).map(|n| (n % 251) as u8).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let origin = RawOrigin::answering([head.as_bytes(), &body].concat()).await;
    let edge = edge_before(origin.address(), &[("a", &pair)], "", "").await;
    for alpn in ["http/1.1", "h2"] {
        let over = bridge(&edge, Some("a.example"), &[alpn]).await;
        let request = Request::post("/", body.clone()).host("a.example");
        let answer = match alpn {
            "h2" => H2::connect(over.address()).await.unwrap().request(&request).await.unwrap(),
            _ => client(&over).await.request(&request).await.unwrap(),
        };
        assert!(answer.expect_status(200).body == body, "{alpn}: another body came back");
    }
    assert!(origin.requests().iter().all(|request| request.body == body));
}

/// RFC 9111 section 2: the target's scheme is part of the key.
#[tokio::test]
async fn what_is_kept_of_one_scheme_is_not_given_for_the_other() {
    let pair = CertificatePair::for_names(&["a.example"]);
    let kept = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nfine";
    let origin = RawOrigin::answering(kept).await;
    let tables = instance("one", origin.address(), "");
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.3:0\"\n{}\
         [service.web.cache]\n{tables}",
        certificate("a")
    );
    let builder = Hither::builder(HITHER).file("a.pem", pair.cert()).file("a.key", pair.key());
    let edge = builder.config(config).start().await;
    let request = Request::get("/").host("a.example");
    edge.send(&request).await.expect_status(200);
    let options = BridgeOptions { name: Some("a.example"), ..BridgeOptions::default() };
    let over = TlsBridge::to(edge.address(1), options).await;
    for fetched in [2, 2] {
        client(&over).await.request(&request).await.unwrap().expect_status(200);
        edge.send(&request).await.expect_status(200);
        assert_eq!(origin.received(), fetched);
    }
    let purged = edge.ask(&Request::new("DELETE", "/cache?url=https://a.example/")).await;
    assert_eq!(purged.expect_status(200).json()["purged"], 1);
    edge.send(&request).await.expect_status(200);
    assert_eq!(origin.received(), 2);
}

#[tokio::test]
async fn it_is_told_how_long_certificates_are_good() {
    let good = CertificatePair::for_names(&["a.example", "b.example"]);
    let old = CertificatePair::expired(&["old.example"]);
    let Scene { edge, origin: _origin } = scene(&[("a", &good), ("old", &old)], "", "").await;
    let status = edge.status().await;
    let certificates = &status["listeners"][0]["certificates"];
    assert_eq!(certificates[0]["names"], serde_json::json!(["a.example", "b.example"]));
    assert_eq!((&certificates[0]["good"], &certificates[1]["good"]), (&true.into(), &false.into()));
    // 2000-02-01T00:00:00Z.
    assert_eq!(certificates[1]["expires"], 949_363_200);
    let labels = [("listener", "127.0.0.1:0"), ("name", "old.example")];
    let metrics = edge.metrics().await;
    let expiry = metrics.value("hither_certificate_expiry_timestamp_seconds", &labels);
    assert_eq!(expiry, Some(949_363_200.0));
    let warned = |line: &String| line.contains("has expired") && line.contains("old.example");
    assert!(edge.log_lines().iter().any(warned));
    let shown = edge.command(&["status", "--admin", &edge.admin().to_string()]).await;
    assert!(shown.status.success(), "{shown:?}");
    let shown = shown.stdout;
    assert!(shown.contains("certificate for a.example, b.example, good for"), "{shown}");
    assert!(shown.contains("certificate for old.example, EXPIRED"), "{shown}");
}
