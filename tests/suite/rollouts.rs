//! A new build of a plugin shows itself before it takes over: as a shadow it changes nothing and its differences
//! are told, as a canary it decides a share, and one that is worse goes by itself.

use crate::settled::{Stamp, at_rest, revision, swaps};
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Ended, Hither, Http1, Load, OriginProcess, Request, Response, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A build of the guest `conduct`.
fn conduct(how: &str) -> Vec<u8> {
    let compiled = std::fs::read(hither_guests::guest("conduct")).unwrap();
    let good = b"conduct-good--------";
    let wanted = format!("conduct-{how:-<12}");
    // The bytes in code that it compares itself with must stay.
    let places: Vec<usize> = compiled
        .windows(good.len())
        .enumerate()
        .filter(|(_, window)| *window == good)
        .map(|(place, _)| place)
        .collect();
    assert_eq!((places.len(), wanted.len()), (1, good.len()), "the conduct is in its file once");
    let mut bytes = compiled;
    bytes[places[0]..places[0] + good.len()].copy_from_slice(wanted.as_bytes());
    bytes
}

/// Service `web` with plugin `p` as `p.wasm`, and whatever else.
fn config(origin: &OriginProcess, settings: &str, more: &str) -> String {
    format!(
        "{LISTENER}[service.web]\nplugins = [\"p\"]\n{settings}\n{}\n\
         [plugin.p]\nfile = \"p.wasm\"\ntime = \"500ms\"\n{more}",
        instance("i0", origin.address(), "")
    )
}

async fn edge(origin: &OriginProcess, bytes: &[u8]) -> Hither {
    Hither::builder(HITHER).config(config(origin, "", "")).file("p.wasm", bytes).start().await
}

/// `POST /plugins/p?…`
async fn roll_out(edge: &Hither, query: &str, bytes: &[u8]) -> Response {
    edge.ask(&Request::new("POST", &format!("/plugins/p?{query}")).body(bytes)).await
}

/// `hither plugin swap p …`
async fn swap(edge: &Hither, arguments: &[&str]) -> Ended {
    let admin = edge.admin().to_string();
    let start = ["plugin", "swap", "p", "--admin", &admin];
    edge.command(&[&start[..], arguments].concat()).await
}

/// The latest rollout, once it is as `wanted`.
async fn rollout<T>(edge: &Hither, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
    edge.status_when(SOON, what, |status| wanted(&status["rollouts"][0])).await
}

async fn state(edge: &Hither) -> (String, String) {
    let status = edge.status().await;
    let text = |key: &str| status["rollouts"][0][key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("why"))
}

async fn ended(edge: &Hither, kind: &str, result: &str) -> f64 {
    let labels = [("plugin", "p"), ("kind", kind), ("result", result)];
    edge.metrics().await.sum("hither_plugin_rollouts_total", &labels)
}

/// Counts answers by what a header of theirs says; the origin must have been told the same.
fn counting(edge: &Hither, header: &'static str) -> (Load, Arc<Mutex<BTreeMap<String, u64>>>) {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let counts = seen.clone();
    let load = Load::new(edge.address(0)).connections(4).check(move |_, response| {
        let answered = response.header(header).ok_or("no revision answered")?.to_owned();
        let echo = response.json();
        let lines = echo["headers"].as_array().ok_or("the origin echoed no headers")?;
        let told = lines.iter().find(|line| line[0] == header).and_then(|line| line[1].as_str());
        if told != Some(&answered) {
            return Err(format!("the request met {told:?}, its answer {answered}"));
        }
        *counts.lock().unwrap().entry(answered).or_insert(0) += 1;
        Ok(())
    });
    (load, seen)
}

#[tokio::test]
async fn a_shadow_tells_what_differs_and_changes_nothing() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    let before = revision(&edge, "p").await;
    let started = roll_out(&edge, "shadow=1m", &builds[1].bytes).await.expect_status(200).json();
    assert_eq!(
        (&started["result"], &started["rollout"]["kind"]),
        (&"started".into(), &"shadow".into())
    );
    for number in 0..20 {
        let answer = edge.get(&format!("/?secret={number}")).await.expect_status(200);
        assert_eq!(answer.header("x-build"), Some(&*builds[0].name), "the shadow was used");
    }
    let found = rollout(&edge, "all copies to be compared", |rollout| {
        let hooks = &rollout["comparison"]["hooks"];
        let all = |hook: &str| hooks[hook]["compared"] == 20;
        (all("request-filter") && all("response-filter")).then(|| rollout.clone())
    })
    .await;
    for hook in ["request-filter", "response-filter"] {
        let found = &found["comparison"]["hooks"][hook];
        assert_eq!((&found["different"], &found["equal"]), (&20.into(), &0.into()), "{found:#}");
        let examples = found["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 1, "{found:#}");
        assert_eq!(examples[0]["differs"], serde_json::json!(["header x-build"]));
        assert_eq!(examples[0]["times"], 20);
    }
    let text = found.to_string();
    assert!(!text.contains("build-0") && !text.contains("secret"), "values are told: {text}");
    assert_eq!((&found["new"]["calls"], &found["new"]["failures"]), (&40.into(), &0.into()));
    assert!(found["new"]["call_seconds"]["p50"].as_f64() > Some(0.0), "{found:#}");

    let metrics = edge.metrics().await;
    let differing = [("plugin", "p"), ("hook", "request-filter"), ("result", "different")];
    assert_eq!(metrics.sum("hither_plugin_shadow_verdicts_total", &differing), 20.0);
    assert_eq!(metrics.sum("hither_plugin_rollout_running", &[("kind", "shadow")]), 1.0);
    assert_eq!(
        metrics.sum("hither_plugin_calls_total", &[("plugin", "p")]),
        40.0,
        "only real calls"
    );

    let back = swap(&edge, &["--back"]).await;
    assert_eq!(back.status.code(), Some(0), "{back:?}");
    assert_eq!(state(&edge).await.0, "stopped");
    assert_eq!(ended(&edge, "shadow", "stopped").await, 1.0);
    assert_eq!(edge.metrics().await.sum("hither_plugin_rollout_running", &[]), 0.0);
    assert_eq!(revision(&edge, "p").await, before);
    assert_eq!(swaps(&edge.metrics().await, "swapped"), 0.0);
}

#[tokio::test]
async fn the_command_shows_a_shadow_to_its_end_and_no_request_fails_under_load() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    edge.write_file("new.wasm", &builds[1].bytes);
    let (load, seen) = counting(&edge, "x-build");
    let load = load.start();
    let ended = swap(&edge, &["new.wasm", "--shadow", "3s"]).await;
    load.stop().await.assert_clean();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for words in ["started", "shadow of p finished", "request-filter", "header x-build", "revision"]
    {
        assert!(ended.stdout.contains(words), "{words}:\n{}", ended.stdout);
    }
    assert_eq!(seen.lock().unwrap().keys().collect::<Vec<_>>(), [&builds[0].name]);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_shadow_that_traps_harms_nobody_and_ends_by_itself() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &conduct("good")).await;
    edge.write_file("new.wasm", conduct("trap"));
    let (load, _) = counting(&edge, "x-conduct");
    let load = load.pause(Duration::from_millis(2)).start();
    let told = swap(&edge, &["new.wasm", "--shadow", "1m"]).await;
    load.stop().await.assert_clean();
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(told.stdout.contains("rolled back: more failures"), "{}", told.stdout);
    let (state, why) = state(&edge).await;
    assert_eq!(state, "rolled_back");
    assert!(why.starts_with("more failures"), "{why}");
    assert_eq!(ended(&edge, "shadow", "rolled_back").await, 1.0);
}

#[tokio::test]
async fn a_canary_decides_its_share_and_each_request_meets_one_revision_under_load() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    roll_out(&edge, "canary=20%25&for=10m", &builds[1].bytes).await.expect_status(200);
    let (load, seen) = counting(&edge, "x-build");
    load.run_requests(3000, SOON * 3).await.assert_clean();
    let met = seen.lock().unwrap().clone();
    let (old, new) = (met[&builds[0].name], met[&builds[1].name]);
    let share = new as f64 / (old + new) as f64;
    // Six standard deviations of 3000 draws.
    assert!((0.156..0.244).contains(&share), "{new} of {} is not a fifth", old + new);
    let told = rollout(&edge, "the figures", |rollout| Some(rollout.clone())).await;
    assert_eq!(told["share"], "20%");
    // Two hooks of each request.
    assert_eq!(
        (&told["old"]["calls"], &told["new"]["calls"]),
        (&(2 * old).into(), &(2 * new).into())
    );
    let infos = edge.metrics().await.sum("hither_plugin_info", &[("plugin", "p")]);
    assert_eq!(infos, 2.0, "both revisions serve");

    assert!(swap(&edge, &["--back"]).await.status.success());
    let (load, seen) = counting(&edge, "x-build");
    load.run_requests(200, SOON).await.assert_clean();
    assert_eq!(seen.lock().unwrap().keys().collect::<Vec<_>>(), [&builds[0].name]);
    assert_eq!(ended(&edge, "canary", "stopped").await, 1.0);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_canary_without_a_complaint_is_promoted_under_load() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    let before = revision(&edge, "p").await;
    edge.write_file("new.wasm", &builds[1].bytes);
    let (load, seen) = counting(&edge, "x-build");
    let load = load.start();
    load.goes_on(20, SOON).await;
    let told = swap(&edge, &["new.wasm", "--canary", "50%", "--for", "2s"]).await;
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert!(told.stdout.contains("canary of p promoted"), "{}", told.stdout);
    assert_eq!(edge.get("/").await.header("x-build"), Some(&*builds[1].name));
    load.goes_on(50, SOON).await;
    load.stop().await.assert_clean();
    assert_eq!(seen.lock().unwrap().len(), 2, "both served");
    assert!(revision(&edge, "p").await > before);
    assert_eq!(ended(&edge, "canary", "promoted").await, 1.0);
    assert_eq!(swaps(&edge.metrics().await, "swapped"), 1.0, "a promotion is a swap");

    // And it can be undone as any swap.
    let back = swap(&edge, &["--back"]).await;
    assert_eq!(back.status.code(), Some(0), "{back:?}");
    assert_eq!(edge.get("/").await.header("x-build"), Some(&*builds[0].name));
    at_rest(&edge).await;
}

/// Clients that meet a good revision or one that is worse, and nothing else.
struct Visitors {
    stop: Arc<AtomicBool>,
    worse: Arc<AtomicU64>,
    all: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Visitors {
    /// `status` is what the worse one makes of a request, or 200 with another conduct.
    fn come(address: SocketAddr, status: u16) -> Visitors {
        let stop = Arc::<AtomicBool>::default();
        let (worse, all) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let visit = || {
            let (stop, worse, all) = (stop.clone(), worse.clone(), all.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut client = Http1::connect(address).await.unwrap();
                    let answer = client.get("/").await.unwrap();
                    all.fetch_add(1, Ordering::Relaxed);
                    match (answer.status(), answer.header("x-conduct")) {
                        (200, Some("conduct-good--------")) => {}
                        (found, by) if found == status => {
                            assert!(found != 200 || by == Some("conduct-slow--------"), "{by:?}");
                            worse.fetch_add(1, Ordering::Relaxed);
                        }
                        (found, by) => panic!("{found} by {by:?}: {}", answer.text()),
                    }
                }
            })
        };
        let tasks = (0..4).map(|_| visit()).collect();
        Visitors { stop, worse, all, tasks }
    }

    /// How often they met the worse one.
    async fn leave(self) -> u64 {
        let all = || self.all.load(Ordering::Relaxed);
        let before = all();
        eventually(SOON, "some more requests, which do not meet it any more", || async {
            let more = all() - before;
            if more > 100 { Ok(()) } else { Err(format!("{more} more")) }
        })
        .await;
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a visitor met what nobody should");
        }
        self.worse.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_canary_that_is_worse_is_rolled_back_and_says_why_under_load() {
    for (how, status, complaint) in [
        ("trap", 503, "more failures"),
        ("trap-answers", 503, "more failures"),
        ("reject", 403, "more rejects"),
        ("slow", 200, "slower calls"),
    ] {
        let origin = OriginProcess::start(HITHER, "ams").await;
        let edge = edge(&origin, &conduct("good")).await;
        let before = revision(&edge, "p").await;
        edge.write_file("new.wasm", conduct(how));
        let visitors = Visitors::come(edge.address(0), status);
        let told = swap(&edge, &["new.wasm", "--canary", "20%", "--for", "10m"]).await;
        let met = visitors.worse.load(Ordering::Relaxed);
        let after = visitors.leave().await;
        assert_eq!(told.status.code(), Some(1), "{how}: {told:?}");
        let words = format!("canary of p rolled back: {complaint}");
        assert!(told.stdout.contains(&words), "{how}:\n{}", told.stdout);
        // Those that were on their way when it was told.
        assert!(met > 0 && after <= met + 4, "{how}: {met} met it, and {after} after its end");
        assert!(met < 200, "{how}: {met} met it before it went");
        let (state, why) = state(&edge).await;
        assert_eq!(state, "rolled_back", "{how}");
        assert!(why.starts_with(complaint), "{how}: {why}");
        assert_eq!(ended(&edge, "canary", "rolled_back").await, 1.0, "{how}");
        let line = edge.wait_for_event(SOON, "a rollout has ended").await;
        assert_eq!(line.text("result"), Some("rolled_back"), "{how}: {line:?}");
        assert!(line.text("why").is_some_and(|why| why.starts_with(complaint)), "{line:?}");
        assert_eq!(revision(&edge, "p").await, before, "{how}: the old one serves");
        at_rest(&edge).await;
    }
}

#[tokio::test]
async fn a_canary_that_hardly_anybody_met_is_not_promoted() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    roll_out(&edge, "canary=50%25&for=1s", &builds[1].bytes).await.expect_status(200);
    edge.get("/").await.expect_status(200);
    let why = rollout(&edge, "its end", |rollout| {
        (rollout["state"] == "rolled_back").then(|| rollout["why"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(why.starts_with("too few calls to judge by: "), "{why}");
}

#[tokio::test]
async fn what_else_changes_meanwhile_ends_a_rollout_only_if_it_must() {
    let builds = Stamp::builds(4);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let other = "[plugin.other]\nfile = \"other.wasm\"\n";
    let written = |soft: u32, more: &str| {
        let limit = format!("[service.web.concurrency]\nsoft_limit = {soft}\n");
        config(&origin, &limit, &format!("{other}{more}"))
    };
    let edge = Hither::builder(HITHER)
        .config(written(10, ""))
        .file("p.wasm", &builds[0].bytes)
        .file("other.wasm", &builds[2].bytes)
        .start()
        .await;
    let begin = async || {
        let answer = roll_out(&edge, "canary=50%25&for=10m", &builds[1].bytes).await;
        answer.expect_status(200).json()["rollout"]["id"].as_u64().unwrap()
    };
    let stands = async |id: u64, wanted: &str| {
        let found = rollout(&edge, "the rollout", |rollout| Some(rollout.clone())).await;
        assert_eq!((&found["id"], &found["state"]), (&id.into(), &wanted.into()), "{found:#}");
        found["new"]["calls"].as_u64().unwrap()
    };
    let id = begin().await;
    for _ in 0..20 {
        edge.get("/").await.expect_status(200);
    }
    let calls = stands(id, "running").await;
    assert!(calls > 0);

    // A second one of the same plugin is refused, and says how to go on.
    let second = roll_out(&edge, "shadow=1m", &builds[3].bytes).await.expect_status(422);
    assert!(second.text().contains("--back"), "{}", second.text());
    // Neither a reload of something else nor a swap of another plugin disturbs it, nor its figures.
    edge.write_config(&written(11, ""));
    edge.reload().await.expect_status(200);
    edge.swap("other", builds[3].bytes.clone()).await.expect_status(200);
    assert!(stands(id, "running").await >= calls);

    // Other settings of the plugin do: what was compared is no longer there.
    edge.write_config(&written(11, "").replace("500ms", "400ms"));
    edge.reload().await.expect_status(200);
    stands(id, "replaced").await;
    // So does a swap,
    let id = begin().await;
    edge.swap("p", builds[3].bytes.clone()).await.expect_status(200);
    stands(id, "replaced").await;
    assert_eq!(edge.get("/").await.header("x-build"), Some(&*builds[3].name));
    // and the plugin's end.
    let id = begin().await;
    edge.write_config(&format!(
        "{LISTENER}[service.web]\n{}",
        instance("i0", origin.address(), "")
    ));
    edge.reload().await.expect_status(200);
    stands(id, "replaced").await;
    assert_eq!(edge.get("/").await.expect_status(200).header("x-build"), None);
    let gone = roll_out(&edge, "canary=5%25", &builds[1].bytes).await.expect_status(422);
    assert!(gone.text().contains("no plugin is called"), "{}", gone.text());
    let live = || async { edge.metrics().await.value("hither_snapshots_live", &[]) };
    eventually(SOON, "old snapshots to be dropped", || async {
        let live = live().await;
        if live == Some(1.0) { Ok(()) } else { Err(format!("{live:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_plain_swap_tells_what_it_did_and_back_undoes_it_once() {
    let builds = Stamp::builds(2);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge(&origin, &builds[0].bytes).await;
    edge.write_file("new.wasm", &builds[1].bytes);
    let served = async || edge.get("/").await.header("x-build").map(str::to_owned);
    let swapped = swap(&edge, &["new.wasm"]).await;
    assert_eq!(swapped.status.code(), Some(0), "{swapped:?}");
    assert!(swapped.stdout.starts_with("swapped: snapshot 2\n  plugin.p: "), "{}", swapped.stdout);
    assert_eq!(served().await.as_ref(), Some(&builds[1].name));
    assert!(swap(&edge, &["--back"]).await.status.success());
    assert_eq!(served().await.as_ref(), Some(&builds[0].name));
    let nothing = swap(&edge, &["--back"]).await;
    assert_eq!(nothing.status.code(), Some(3), "{nothing:?}");
    assert!(nothing.stderr.contains("nothing to go back to"), "{}", nothing.stderr);

    edge.write_file("bad.wasm", "no plugin");
    for arguments in
        [&["bad.wasm"][..], &["bad.wasm", "--canary", "5%"], &["bad.wasm", "--shadow", "1m"]]
    {
        let bad = swap(&edge, arguments).await;
        assert_eq!(bad.status.code(), Some(3), "{bad:?}");
    }
    let missing = swap(&edge, &["missing.wasm"]).await;
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    for usage in [
        &[][..],
        &["new.wasm", "--back"],
        &["new.wasm", "--shadow", "1m", "--canary", "5%"],
        &["new.wasm", "--canary", "100%"],
        &["new.wasm", "--shadow", "soon"],
        &["new.wasm", "--for", "1m"],
    ] {
        assert_eq!(swap(&edge, usage).await.status.code(), Some(2), "{usage:?}");
    }
    let wrong = roll_out(&edge, "shade=1m", &builds[1].bytes).await.expect_status(400);
    assert!(wrong.text().contains("shadow=1m"), "{}", wrong.text());
    assert_eq!(edge.status().await["rollouts"], serde_json::json!([]), "a refused one never was");
}
