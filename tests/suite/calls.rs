//! Plugins call services that the operator granted, and wait for the answer on a fiber: other requests go on
//! meanwhile, places and time are bounded, and a client that leaves ends the wait.

use crate::settled::at_rest;
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{H2, Hither, Load, RawOrigin, Request, eventually};
use std::fmt::Write;
use std::time::{Duration, Instant};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// `/may/NAME` lets everybody in but `eve`, `/never` never answers, `/large` sends 2 MiB, `/break` hangs up, and
/// anything else is echoed.
async fn service() -> RawOrigin {
    RawOrigin::start(|mut connection| async move {
        while let Some(request) = connection.read_request().await? {
            let (status, body) = match request.target.as_str() {
                "/may/eve" => ("403 Forbidden", "not you".to_owned()),
                "/never" | "/may/slow" => {
                    // Until whoever asked is gone.
                    let _ = connection.read_request().await;
                    return Ok(());
                }
                "/break" => return Ok(()),
                "/large" => ("200 OK", "x".repeat(2 << 20)),
                target => ("200 OK", format!("{} {target}", request.method)),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nX-Kind: kind\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.write(head).await?;
        }
        Ok(())
    })
    .await
}

fn of(service: &str, origin: &RawOrigin) -> String {
    instance("one", origin.address(), "").replace("service.web", &format!("service.{service}"))
}

/// Service `web` behind the plugin, which may call `auth` and `audit`; `plain` has none.
async fn start(web: &RawOrigin, auth: &RawOrigin, more: &str) -> Hither {
    let mut config = format!(
        "{LISTENER}[service.web]\nhosts = [\"web.example\"]\nplugins = [\"calling\"]\n{}",
        of("web", web)
    );
    let _ = write!(config, "[service.plain]\nhosts = [\"plain.example\"]\n{}", of("plain", web));
    for service in ["auth", "audit", "other"] {
        let hosts = format!("hosts = [\"{service}.internal\"]");
        let _ = write!(config, "[service.{service}]\n{hosts}\n{more}\n{}", of(service, auth));
    }
    let _ = write!(
        config,
        "[plugin.calling]\nfile = \"calling.wasm\"\ngrants = [\"http\"]\nhttp = [\"auth\", \"audit\"]\n\
         time = \"200ms\"\nwait = \"600ms\"\n"
    );
    Hither::builder(HITHER)
        .file("calling.wasm", std::fs::read(hither_guests::guest("calling")).unwrap())
        .config(config)
        .start()
        .await
}

fn get(path: &str) -> Request {
    Request::get(path).host("web.example")
}

async fn said(edge: &Hither, path: &str) -> String {
    edge.send(&get(path)).await.expect_status(200).text()
}

#[tokio::test]
async fn a_request_is_let_in_by_what_another_service_says() {
    let (web, auth) = (RawOrigin::answering(FINE).await, service().await);
    let edge = start(&web, &auth, "").await;
    edge.send(&get("/").header("x-user", "alice")).await.expect_status(200);
    assert_eq!(web.requests()[0].header("x-role"), Some("GET /may/alice"));
    let refused = edge.send(&get("/").header("x-user", "eve")).await.expect_status(403);
    assert_eq!(refused.text(), "not you");
    assert_eq!(web.received(), 1);
    // Over HTTP/2 as well.
    let client = H2::connect(edge.address(0)).await.unwrap();
    client.request(&get("/").header("x-user", "bob")).await.unwrap().expect_status(200);

    assert_eq!(said(&edge, "/call/auth/a?b=c").await, "200 kind GET /a?b=c");
    assert_eq!(said(&edge, "/post/auth/x").await, "200 kind POST /x");
    assert_eq!(said(&edge, "/call/other/x").await, "Error::Denied");
    assert_eq!(said(&edge, "/call/auth/large").await, "Error::TooLarge");
    let broken = said(&edge, "/call/auth/break").await;
    assert!(broken.starts_with("unavailable: the instance gave no sound answer"), "{broken}");
    let sent = auth.requests();
    let posted = sent.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!((&*posted.body, posted.header("x-kind")), (b"four".as_slice(), Some("asked")));
    at_rest(&edge).await;
}

#[tokio::test]
async fn who_waits_holds_nobody_up_and_waits_no_longer_than_it_may() {
    let (web, auth) = (RawOrigin::answering(FINE).await, service().await);
    let edge = start(&web, &auth, "").await;
    let plain = Load::new(edge.address(0))
        .connections(2)
        .request(Request::get("/").host("plain.example"))
        .start();
    plain.goes_on(50, SOON).await;
    let begin = Instant::now();
    let path = "/call/auth/never";
    let answers = tokio::join!(said(&edge, path), said(&edge, path), said(&edge, path));
    let took = begin.elapsed();
    assert_eq!(answers.0, "Error::Timeout");
    assert_eq!((&answers.1, &answers.2), (&answers.0, &answers.0));
    assert!(took < Duration::from_millis(1500), "they waited together: {took:?}");
    plain.goes_on(50, SOON).await;
    plain.stop().await.assert_clean();
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_call_takes_a_place_as_requests_do_and_a_client_that_leaves_gives_it_back() {
    let (web, auth) = (RawOrigin::answering(FINE).await, service().await);
    let full = "concurrency = { soft_limit = 1, hard_limit = 1 }\nqueue = { max_waiting = 0 }";
    let edge = start(&web, &auth, full).await;
    let in_flight = |status: &serde_json::Value| {
        let services = status["services"].as_array()?.clone();
        let auth = services.into_iter().find(|service| service["name"] == "auth")?;
        auth["instances"][0]["in_flight"].as_u64()
    };
    for http2 in [false, true] {
        let waiting = get("/").header("x-user", "slow");
        let address = edge.address(0);
        let client = tokio::spawn(async move {
            if http2 {
                let client = H2::connect(address).await.unwrap();
                client.request(&waiting).await.map(drop).map_err(|error| error.to_string())
            } else {
                let mut client = hither_harness::Http1::connect(address).await.unwrap();
                client.request(&waiting).await.map(drop).map_err(|error| error.to_string())
            }
        });
        edge.status_when(SOON, "the call to be under way", |status| {
            (in_flight(status) == Some(1)).then_some(())
        })
        .await;
        let begin = Instant::now();
        assert_eq!(said(&edge, "/call/auth/x").await, "unavailable: no instance can take it");
        client.abort();
        let _ = client.await;
        edge.status_when(SOON, "the place to be free", |status| {
            (in_flight(status) == Some(0)).then_some(())
        })
        .await;
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(550), "before the wait was over: {took:?}");
        assert_eq!(said(&edge, "/call/auth/x").await, "200 kind GET /x");
    }
    at_rest(&edge).await;
}

#[tokio::test]
async fn the_log_and_the_background_call_services_too() {
    let (web, auth) = (RawOrigin::answering(FINE).await, service().await);
    let edge = start(&web, &auth, "").await;
    edge.send(&get("/").header("x-user", "eve")).await.expect_status(403);
    let asked = |path: &'static str| {
        let auth = &auth;
        async move {
            eventually(SOON, path, || async {
                let all = auth.requests();
                all.iter().find(|one| one.target == path).cloned().ok_or(format!("{all:?}"))
            })
            .await
        }
    };
    asked("/tick").await;
    assert_eq!(asked("/log").await.body, b"403");
}
