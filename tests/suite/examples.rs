//! Every file in `examples/` is booted as it is, on other ports, and answers.

use crate::support::{HITHER, shipped};
use hither_harness::{BridgeOptions, CertificatePair, H2, Hither, Request, TlsBridge};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// Every port that the text names, with one that is free now: the same everywhere.
fn on_free_ports(text: &str) -> String {
    let mut held = Vec::new();
    let mut ports: BTreeMap<String, String> = BTreeMap::new();
    let mut out = String::new();
    for (number, piece) in text.split("127.0.0.1:").enumerate() {
        if number > 0 {
            let digits: String = piece.chars().take_while(char::is_ascii_digit).collect();
            let port = ports.entry(digits.clone()).or_insert_with(|| {
                // Held until all are chosen, so that no two are the same.
                held.push(TcpListener::bind("127.0.0.1:0").unwrap());
                held.last().unwrap().local_addr().unwrap().port().to_string()
            });
            out.push_str("127.0.0.1:");
            out.push_str(port);
            out.push_str(&piece[digits.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out
}

async fn boot(path: &Path) -> Hither {
    let text = std::fs::read_to_string(path).unwrap();
    // The tests read the log as JSON; everything else stays.
    let text = text.replace("format = \"text\"", "format = \"json\"");
    // Its token, in the test below, is signed with this.
    let mut builder =
        Hither::builder(HITHER).variable("JWT_SIGNING", "correct horse battery staple");
    let mut config = on_free_ports(&text);
    for plugin in ["tenant-router", "headers", "jwt", "maintenance", "quota", "hello", "hello-http"]
    {
        let file = format!("../target/plugins/{plugin}.wasm");
        if config.contains(&file) {
            config = config.replace(&file, &format!("{plugin}.wasm"));
            builder = builder.file(&format!("{plugin}.wasm"), shipped(plugin));
        }
    }
    if config.contains("[[listener.certificate]]") {
        let pair = CertificatePair::for_names(&["localhost", "*.localhost"]);
        builder = builder.file("certs/localhost.pem", pair.cert());
        builder = builder.file("certs/localhost.key", pair.key());
    }
    builder.config(config).start().await
}

#[tokio::test]
async fn every_example_starts_and_answers() {
    let files = examples();
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let edge = boot(&path).await;
        edge.get("/").await.expect_status(200);
        let warnings: Vec<_> =
            edge.events().into_iter().filter(|event| event.level() == "ERROR").collect();
        assert!(warnings.is_empty(), "{}: {warnings:?}", path.display());
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// As the file itself promises in its first lines.
#[tokio::test]
async fn the_limits_example_refuses_the_sixth() {
    let edge = boot(&example("limits.toml")).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(edge.get("/").await.status());
    }
    assert_eq!(statuses[..5], [200; 5], "{statuses:?}");
    assert!(statuses[5..].contains(&429), "{statuses:?}");
}

/// As the file itself promises in its first lines.
#[tokio::test]
async fn the_hosts_example_routes_as_it_says() {
    let edge = boot(&example("hosts.toml")).await;
    for (host, path, region) in [
        ("shop.example.com", "/", "shop"),
        ("www.shop.example.com", "/", "shop"),
        ("shop.example.com", "/api/cart", "shop-api"),
        ("anything.else", "/", "fallback"),
    ] {
        let answer = edge.send(&Request::get(path).host(host)).await.expect_status(200);
        assert_eq!(answer.header("x-origin-region"), Some(region), "{host}{path}");
    }
}

/// As the file itself promises beside its plugins.
#[tokio::test]
async fn the_quickstart_routes_tenants_and_sets_headers() {
    let edge = boot(&example("quickstart.toml")).await;
    let plain = edge.get("/").await.expect_status(200);
    assert_eq!(plain.header("x-origin-region"), Some("ams"));
    assert_eq!(plain.header("x-frame-options"), Some("DENY"));
    let tenant = Request::get("/").header("x-tenant", "globex");
    let answer = edge.send(&tenant).await.expect_status(200);
    assert_eq!(answer.header("x-origin-region"), Some("sin"));
}

/// As the file itself promises in its first lines.
#[tokio::test]
async fn the_api_gateway_example_asks_for_a_token_and_counts_by_user() {
    const TOKENS: &str = include_str!("../../plugins/jwt-core/tests/fixtures/tokens.json");
    let tokens: serde_json::Value = serde_json::from_str(TOKENS).unwrap();
    let edge = boot(&example("api-gateway.toml")).await;
    edge.get("/").await.expect_status(200);
    edge.get("/api/orders").await.expect_status(401);
    let bearer = format!("Bearer {}", tokens["hs_short"].as_str().unwrap());
    let request = Request::get("/api/orders").header("authorization", &bearer);
    for _ in 0..5 {
        let answer = edge.send(&request).await.expect_status(200);
        assert!(answer.text().contains("[\"x-user\",\"alice\"]"), "{}", answer.text());
    }
    edge.send(&request).await.expect_status(429);
}

/// As the file itself promises in its first lines.
#[tokio::test]
async fn the_tls_example_speaks_it_and_sends_there() {
    let edge = boot(&example("tls.toml")).await;
    let options = BridgeOptions { name: Some("localhost"), alpn: vec!["h2"], tls12: false };
    let over = TlsBridge::to(edge.address(1), options).await;
    let h2 = H2::connect(over.address()).await.unwrap();
    h2.get("/").await.unwrap().expect_status(200);
    let sent = edge.send(&Request::get("/").host("account.localhost:8080")).await;
    let there = format!("https://account.localhost:{}/", edge.address(1).port());
    assert_eq!(sent.expect_status(308).header("location"), Some(&*there));
}
