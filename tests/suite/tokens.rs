//! Tokens are checked at the edge, by keys of the operator's or of an issuer's, and the app is told who it is and
//! believes nobody else.

use crate::support::{HITHER, LISTENER, SOON, instance, shipped};
use hither_harness::{H2, Hither, RawOrigin, Request, Response, eventually};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Signed by OpenSSL.
const TOKENS: &str = include_str!("../../plugins/jwt-core/tests/fixtures/tokens.json");
const JWKS: &str = include_str!("../../plugins/jwt-core/tests/fixtures/jwks.json");
const RSA: &str = include_str!("../../plugins/jwt-core/tests/fixtures/rsa.pem");
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

fn token(name: &str) -> String {
    let all: Value = serde_json::from_str(TOKENS).unwrap();
    all[name].as_str().unwrap().to_owned()
}

fn bearer(name: &str) -> Request {
    Request::get("/").header("authorization", &format!("Bearer {}", token(name)))
}

/// The keys of the fixtures with these names.
fn jwks(kids: &[&str]) -> String {
    let mut set: Value = serde_json::from_str(JWKS).unwrap();
    set["keys"].as_array_mut().unwrap().retain(|key| kids.contains(&key["kid"].as_str().unwrap()));
    set.to_string()
}

const KEYS: &str = "[[plugin.jwt.config.keys]]\nalgorithm = \"HS256\"\nsecret = \"signing\"\n";

async fn static_keys(origin: &RawOrigin) -> Hither {
    let ec: Value = serde_json::from_str::<Value>(JWKS).unwrap()["keys"][1].clone();
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"jwt\"]\n{}[plugin.jwt]\nfile = \"jwt.wasm\"\n\
         time = \"500ms\"\ngrants = [\"secrets\"]\n[plugin.jwt.config]\nissuers = [\"https://id.example\"]\n\
         forward = {{ x-user = \"sub\" }}\nmeta = [\"sub\"]\nstrip = true\n{KEYS}\
         [[plugin.jwt.config.keys]]\nalgorithm = \"RS256\"\npem = \"\"\"\n{RSA}\"\"\"\n\
         [[plugin.jwt.config.keys]]\nalgorithm = \"ES256\"\n\
         jwk = {{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }}\n\
         [plugin.jwt.secrets]\nsigning = {{ file = \"key\" }}\n",
        instance("one", origin.address(), ""),
        ec["x"],
        ec["y"],
    );
    Hither::builder(HITHER)
        .file("jwt.wasm", shipped("jwt"))
        .file("key", "not a secret any more, for it is in the README")
        .config(config)
        .start()
        .await
}

#[tokio::test]
async fn a_token_of_each_algorithm_opens_and_the_app_learns_who_it_is() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = static_keys(&origin).await;
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    for name in ["hs", "rs", "es"] {
        let request = bearer(name).header("x-user", "eve");
        edge.send(&request).await.expect_status(200);
        h2.request(&request).await.unwrap().expect_status(200);
    }
    for received in origin.requests() {
        assert_eq!(received.headers.all("x-user").collect::<Vec<_>>(), ["alice"]);
        assert_eq!(received.header("authorization"), None, "it was to be kept from the app");
    }
    let line =
        edge.access_line(SOON, "who it was", |line| line["meta"]["jwt.sub"] == "alice").await;
    assert_eq!(line["status"], 200);
}

#[tokio::test]
async fn what_is_no_valid_token_is_answered_at_the_edge() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = static_keys(&origin).await;
    let missing = edge.get("/").await.expect_status(401);
    assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"api\""));
    for name in ["none", "confused", "rs_old", "hs_old"] {
        let refused = edge.send(&bearer(name)).await.expect_status(401);
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{name}: {challenge}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json"), "{name}");
        assert_eq!(refused.json()["status"], 401, "{name}");
    }
    let twice = bearer("hs").header("authorization", &format!("Bearer {}", token("es")));
    edge.send(&twice).await.expect_status(400);
    let long = Request::get("/").header("authorization", &format!("Bearer {}", "x".repeat(9000)));
    edge.send(&long).await.expect_status(401);
    assert_eq!(origin.received(), 0, "the app was asked");
    // None of it was a failure of the plugin.
    let status = edge.status().await;
    assert_eq!(status["plugins"][0]["failures"], 0, "{status}");
}

/// An issuer whose keys can be exchanged, and that can go away.
struct Issuer {
    origin: RawOrigin,
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn with(kids: &[&str]) -> Self {
        let answer = Arc::new(Mutex::new(Some(jwks(kids))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shared, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let origin = RawOrigin::start(move |mut connection| {
            let (answer, asked) = (Arc::clone(&shared), Arc::clone(&count));
            async move {
                while connection.read_request().await?.is_some() {
                    asked.fetch_add(1, Ordering::SeqCst);
                    let body = answer.lock().clone();
                    let (status, body) = match body {
                        Some(keys) => ("200 OK", keys),
                        None => ("503 Service Unavailable", String::new()),
                    };
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
                    connection.write(head + &body).await?;
                }
                Ok(())
            }
        })
        .await;
        Self { origin, answer, asked }
    }

    fn publishes(&self, keys: Option<String>) {
        *self.answer.lock() = keys;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn with_issuer(origin: &RawOrigin, issuer: &Issuer, times: &str) -> Hither {
    let id = instance("id", issuer.origin.address(), "").replace("service.web", "service.id");
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"jwt-jwks\"]\n{}[service.id]\nhosts = [\"id.internal\"]\n{id}\
         [service.id.ejection]\nfailures = 0\n\
         [plugin.jwt-jwks]\nfile = \"jwks.wasm\"\ntime = \"500ms\"\ngrants = [\"http\", \"store\", \"log\"]\nhttp = [\"id\"]\n\
         [plugin.jwt-jwks.config]\nforward = {{ x-user = \"sub\" }}\n\
         jwks = {{ service = \"id\", path = \"/keys\", {times} }}\n",
        instance("one", origin.address(), ""),
    );
    Hither::builder(HITHER).file("jwks.wasm", shipped("jwt-jwks")).config(config).start().await
}

/// Sends until the answer has this status.
async fn until(edge: &Hither, request: &Request, status: u16) -> Response {
    eventually(SOON, "another answer", || async {
        let response = edge.send(request).await;
        match response.status() == status {
            true => Ok(response),
            false => Err(format!("{} {}", response.status(), response.text())),
        }
    })
    .await
}

#[tokio::test]
async fn an_issuers_keys_are_fetched_and_no_flood_of_unknown_names_reaches_it() {
    let (origin, issuer) = (RawOrigin::answering(FINE).await, Issuer::with(&["ec-1"]).await);
    let edge = with_issuer(&origin, &issuer, "interval = \"1h\", lifetime = \"1h\"").await;
    until(&edge, &bearer("es"), 200).await;
    assert_eq!(origin.requests()[0].header("x-user"), Some("alice"));
    let before = issuer.asked();
    let mut client = edge.connect().await;
    for _ in 0..100 {
        client.request(&bearer("rs_unknown")).await.unwrap().expect_status(401);
        client.request(&bearer("es")).await.unwrap().expect_status(200);
    }
    // Those of the start, and no more in this hour.
    assert!(issuer.asked() == before && before <= 4, "{before} calls, then {}", issuer.asked());
    client.request(&bearer("none")).await.unwrap().expect_status(401);
}

#[tokio::test]
async fn keys_rotate_and_an_issuer_that_is_away_is_no_outage() {
    let (origin, issuer) = (RawOrigin::answering(FINE).await, Issuer::with(&["ec-1"]).await);
    let edge = with_issuer(&origin, &issuer, "interval = \"1s\", lifetime = \"1s\"").await;
    until(&edge, &bearer("es"), 200).await;
    edge.send(&bearer("rs")).await.expect_status(401);
    issuer.publishes(Some(jwks(&["rsa-1"])));
    until(&edge, &bearer("rs"), 200).await;
    until(&edge, &bearer("es"), 401).await;
    issuer.publishes(None);
    let told = |line: &str| line.contains("were not fetched: the answer is 503").then_some(());
    edge.stderr().wait_for(SOON, "that the issuer is away", told).await;
    edge.send(&bearer("rs")).await.expect_status(200);
    issuer.publishes(Some(
        json!({ "keys": [{ "kty": "oct", "kid": "rsa-1", "k": "AA" }] }).to_string(),
    ));
    let told = |line: &str| line.contains("it holds no RS256 or ES256 key").then_some(());
    edge.stderr().wait_for(SOON, "that there are no keys", told).await;
    edge.send(&bearer("rs")).await.expect_status(200);
    edge.send(&bearer("confused")).await.expect_status(401);
}

#[tokio::test]
async fn without_keys_clients_are_told_to_come_back() {
    let (origin, issuer) = (RawOrigin::answering(FINE).await, Issuer::with(&[]).await);
    issuer.publishes(None);
    let edge = with_issuer(&origin, &issuer, "interval = \"1s\"").await;
    let refused = edge.send(&bearer("es")).await.expect_status(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    edge.get("/").await.expect_status(401);
    assert_eq!(origin.received(), 0, "nobody could tell, and it was let in");
    issuer.publishes(Some(jwks(&["ec-1"])));
    until(&edge, &bearer("es"), 200).await;
}
