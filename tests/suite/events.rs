//! `GET /events` tells what happens as it happens: swaps, rollouts, health and bands of instances, some requests.

use crate::settled::Stamp;
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Hither, Http1, OriginProcess, Request, eventually};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// What was heard so far.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    async fn listen(edge: &Hither) -> Heard {
        let mut client = Http1::connect(edge.admin()).await.unwrap().within(SOON * 3);
        client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let heard = Heard::default();
        let text = heard.0.clone();
        tokio::spawn(async move {
            while let Ok(bytes) = client.read_some().await {
                if bytes.is_empty() {
                    break;
                }
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes));
            }
        });
        eventually(SOON, "the stream to begin", || async {
            let text = heard.0.lock().unwrap().clone();
            if text.contains(": hither") { Ok(()) } else { Err(text) }
        })
        .await;
        heard
    }

    /// The data of the first event of this kind that is as wanted.
    async fn hears(&self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(SOON, &format!("the event {kind}"), || async {
            let text = self.0.lock().unwrap().clone();
            let begin = format!("event: {kind}\ndata: ");
            let events = text.split(&begin).skip(1);
            let data = events.filter_map(|rest| rest.lines().next());
            let found = data.filter_map(|line| serde_json::from_str(line).ok()).find(&wanted);
            found.ok_or(text)
        })
        .await
    }
}

#[tokio::test]
async fn swaps_rollouts_requests_and_bands_are_told_as_they_happen() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"p\"]\n\
         [service.web.concurrency]\nsoft_limit = 1\nhard_limit = 4\n{}\n\
         [plugin.p]\nfile = \"p.wasm\"\n",
        instance("i0", origin.address(), "")
    );
    let edge =
        Hither::builder(HITHER).config(config).file("p.wasm", &builds[0].bytes).start().await;
    let heard = Heard::listen(&edge).await;
    let query = "/plugins/p?shadow=1m";
    edge.ask(&Request::new("POST", query).body(builds[1].bytes.clone())).await.expect_status(200);
    heard.hears("rollout", |told| told["state"] == "running" && told["kind"] == "shadow").await;
    edge.ask(&Request::new("POST", "/plugins/p/back")).await.expect_status(200);
    heard.hears("rollout", |told| told["state"] == "stopped").await;
    edge.swap("p", builds[1].bytes.clone()).await.expect_status(200);
    heard.hears("swap", |told| told["result"] == "swapped").await;
    edge.swap("p", "no plugin").await.expect_status(422);
    heard.hears("swap", |told| told["result"] == "rejected").await;

    edge.get("/some?secret").await.expect_status(200);
    let told = heard.hears("request", |told| told["path"] == "/some").await;
    assert_eq!((&told["status"], &told["service"]), (&200.into(), &"web".into()));
    // One slow request makes the instance busy, for as long as it lasts. The first one may be there already
    // at the first look.
    for _ in 0..2 {
        edge.get("/delay/1500").await.expect_status(200);
        heard.hears("band", |told| told["band"] == "open").await;
    }
    let told = heard.hears("band", |told| told["band"] == "busy").await;
    assert_eq!((&told["service"], &told["instance"]), (&"web".into(), &"i0".into()));
}

#[tokio::test]
async fn listeners_are_few_and_leave_room_for_the_admin_api() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = format!("{LISTENER}[service.web]\n{}", instance("i0", origin.address(), ""));
    let edge = Hither::builder(HITHER).config(config).start().await;
    let mut listeners = Vec::new();
    for _ in 0..16 {
        listeners.push(Heard::listen(&edge).await);
    }
    edge.ask(&Request::get("/events")).await.expect_status(503);
    edge.status().await;
}
