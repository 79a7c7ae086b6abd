//! Plugins, limits and instances change while traffic flows, and nobody notices but for the change.

use crate::settled::{Stamp, at_rest, revision, swaps};
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{
    GateOrigin, Hither, Http1, Load, Metrics, OriginProcess, Request, Response, RunningLoad,
    WebSocket, eventually,
};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const SWAPS: usize = 20;
const LOAD_TIME: Duration = Duration::from_secs(10);

/// Service `web` with the plugin `stamp`, as the file `stamp.wasm`.
fn stamped(settings: &str, instances: &str) -> String {
    format!(
        "{LISTENER}[service.web]\nplugins = [\"stamp\"]\n{settings}\n{instances}\n\
         [plugin.stamp]\nfile = \"stamp.wasm\"\n"
    )
}

/// What the request hook wrote, as the origin echoes it, and what the response hook wrote, are one.
fn one_revision(response: &Response) -> Result<String, String> {
    let echo = response.json();
    let lines = echo["headers"].as_array().ok_or("the origin echoed no headers")?;
    let sent = lines.iter().find(|line| line[0] == "x-build").and_then(|line| line[1].as_str());
    let answered = response.header("x-build");
    match (sent, answered) {
        (Some(sent), Some(answered)) if sent == answered => Ok(sent.to_owned()),
        _ => Err(format!("request stamped {sent:?}, response {answered:?}")),
    }
}

/// Streams that exchange messages all the while.
struct Streams {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Streams {
    async fn open(address: SocketAddr, count: usize) -> Streams {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for _ in 0..count {
            let socket = WebSocket::connect(address, "localhost", "/ws").await.unwrap();
            tasks.push(tokio::spawn(talk(socket, stop.clone())));
        }
        Streams { stop, tasks }
    }

    /// Every stream is still the one that was opened, and ends in order.
    async fn close(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let messages = task.await.expect("a stream was cut");
            assert!(messages > 20, "only {messages} messages went through");
        }
    }
}

async fn talk(mut socket: WebSocket, stop: Arc<AtomicBool>) -> u64 {
    let mut messages = 0;
    while !stop.load(Ordering::Relaxed) {
        socket.echo(&format!("message {messages}")).await.unwrap();
        messages += 1;
        // The pace of a chat, not of a flood.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    socket.close().await.unwrap();
    messages
}

/// The most snapshots that were alive at any look.
struct Looks {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(f64, usize)>,
}

impl Looks {
    fn begin(admin: SocketAddr) -> Looks {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(look(admin, stop.clone()));
        Looks { stop, task }
    }

    async fn most(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let (most, looks) = self.task.await.unwrap();
        assert!(looks > 50, "only {looks} looks were taken");
        most
    }
}

async fn look(admin: SocketAddr, stop: Arc<AtomicBool>) -> (f64, usize) {
    let mut client = Http1::connect(admin).await.unwrap();
    let (mut most, mut looks) = (0.0_f64, 0);
    while !stop.load(Ordering::Relaxed) {
        let answer = client.get("/metrics").await.unwrap().expect_status(200);
        let metrics = Metrics::parse(&answer.text()).unwrap();
        most = most.max(metrics.value("hither_snapshots_live", &[]).unwrap());
        looks += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (most, looks)
}

/// Waits for the moment in the load's time at which the `turn`-th of so many changes is due.
async fn due(load: &RunningLoad, turn: usize, of: usize) {
    let due = LOAD_TIME * u32::try_from(turn).unwrap() / u32::try_from(of).unwrap();
    eventually(LOAD_TIME * 2, "the next change to be due", || async {
        let now = load.elapsed();
        if now >= due { Ok(()) } else { Err(format!("{now:?} of {due:?}")) }
    })
    .await;
}

/// Waits until the snapshot that serves is the only one: the last request of the one before has ended,
/// whatever streams go on.
async fn drained(edge: &Hither) {
    eventually(SOON, "the old snapshot to be dropped", || async {
        let live = edge.metrics().await.value("hither_snapshots_live", &[]);
        if live == Some(1.0) { Ok(()) } else { Err(format!("{live:?} are alive")) }
    })
    .await;
}

#[tokio::test]
async fn twenty_plugin_swaps_in_ten_seconds_lose_nothing_under_load() {
    let builds = Stamp::builds(SWAPS + 1);
    let origins = OriginProcess::start_all(HITHER, &["ams", "ams"]).await;
    let instances: String =
        (0..).zip(&origins).map(|(n, o)| instance(&format!("i{n}"), o.address(), "")).collect();
    let edge = Hither::builder(HITHER)
        .config(stamped("", &instances))
        .file("stamp.wasm", &builds[0].bytes)
        .start()
        .await;

    let streams = Streams::open(edge.address(0), 5).await;
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sees = seen.clone();
    let load = Load::new(edge.address(0)).connections(50).check(move |_, response| {
        sees.lock().unwrap().insert(one_revision(response)?);
        Ok(())
    });
    let load = load.start();
    let looks = Looks::begin(edge.admin());
    let mut memory = Vec::new();
    for (turn, build) in builds.iter().enumerate().skip(1) {
        due(&load, turn - 1, SWAPS).await;
        edge.swap("stamp", build.bytes.clone()).await.expect_status(200);
        // Whoever comes after the answer meets the new build.
        assert_eq!(one_revision(&edge.get("/").await).as_ref(), Ok(&build.name));
        load.goes_on(50, SOON).await;
        drained(&edge).await;
        memory.push(edge.rss());
    }
    due(&load, SWAPS, SWAPS).await;

    let report = load.stop().await;
    report.assert_clean();
    assert_eq!(report.connects, 50, "a connection was closed");
    streams.close().await;
    assert_eq!(looks.most().await, 2.0, "snapshots alive at once");
    let all: BTreeSet<String> = builds.into_iter().map(|build| build.name).collect();
    assert_eq!(*seen.lock().unwrap(), all, "every build served");
    let peak = |memory: &[u64]| memory.iter().copied().max().unwrap();
    let (early, late) = (peak(&memory[..5]), peak(&memory[SWAPS - 5..]));
    assert!(late <= early + early * 15 / 100, "memory grew: {memory:?}");
    let metrics = edge.metrics().await;
    assert_eq!((swaps(&metrics, "swapped"), swaps(&metrics, "rejected")), (SWAPS as f64, 0.0));
    at_rest(&edge).await;
}

#[tokio::test]
async fn two_hundred_swaps_leave_nothing_behind_under_load() {
    let builds = Stamp::builds(200);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = Hither::builder(HITHER)
        .config(stamped("", &instance("i0", origin.address(), "")))
        .file("stamp.wasm", &builds[0].bytes)
        .start()
        .await;
    let load = Load::new(edge.address(0)).connections(4).pause(Duration::from_millis(2)).start();
    let (mut memory, mut files) = (Vec::new(), Vec::new());
    for build in &builds[1..] {
        edge.swap("stamp", build.bytes.clone()).await.expect_status(200);
        load.goes_on(4, SOON).await;
        drained(&edge).await;
        memory.push(edge.rss());
        files.push(edge.open_fds());
    }
    load.stop().await.assert_clean();
    // The first ones fill the history, which keeps some past plugins to go back to. The allocator
    // gives and takes in steps of 2 MiB, up and down by a tenth; what is left behind raises even
    // the least that is held.
    let early = memory[10..100].iter().copied().max().unwrap();
    let late = memory[memory.len() - 50..].iter().copied().min().unwrap();
    assert!(late <= early + early / 10, "memory grew from {early} to {late}: {memory:?}");
    let (early, late) = (files[10], files[files.len() - 1]);
    assert!(late <= early + 10, "open files grew: {files:?}");
}

/// One of the configurations that the reloads go through: other limits, other instances, an
/// unrelated service that comes and goes. The plugin is in all of them.
fn changed(turn: usize, origins: &[OriginProcess]) -> String {
    let soft = 10 + turn;
    let settings = format!(
        "[service.web.concurrency]\nsoft_limit = {soft}\nhard_limit = {}\n\
         [service.web.queue]\nmax_waiting = {}\n\
         [[service.web.limit]]\nname = \"all\"\nrate = \"{}/s\"\nburst = 100000\n",
        soft * 2,
        100 + turn,
        100_000 + turn,
    );
    // The first one always stays, the second one comes and goes.
    let present = origins.iter().enumerate().filter(|(n, _)| *n == 0 || turn.is_multiple_of(2));
    let instances: String =
        present.map(|(n, o)| instance(&format!("i{n}"), o.address(), "")).collect();
    let mut config = stamped(&settings, &instances);
    if turn.is_multiple_of(3) {
        let table = instance("i0", origins[0].address(), "").replace("web", "other");
        config.push_str(&format!("[service.other]\nhosts = [\"other.example\"]\n{table}"));
    }
    config
}

#[tokio::test]
async fn ten_reloads_of_limits_and_instances_lose_nothing_under_load() {
    let build = Stamp::builds(1).remove(0);
    let origins = OriginProcess::start_all(HITHER, &["ams", "ams"]).await;
    let edge = Hither::builder(HITHER)
        .config(changed(0, &origins))
        .file("stamp.wasm", &build.bytes)
        .start()
        .await;
    let before = revision(&edge, "stamp").await;
    let streams = Streams::open(edge.address(0), 2).await;
    let name = build.name.clone();
    let load = Load::new(edge.address(0)).connections(20).check(move |_, response| {
        let stamp = one_revision(response)?;
        if stamp == name { Ok(()) } else { Err(format!("another build: {stamp}")) }
    });
    let load = load.start();
    for turn in 1..=10 {
        edge.write_config(&changed(turn, &origins));
        // The watcher may be first; then there is nothing left to do.
        let outcome = edge.reload().await.expect_status(200).json();
        assert!(outcome["result"] == "swapped" || outcome["result"] == "unchanged", "{outcome}");
        let soft = 10 + turn;
        edge.status_when(SOON, "the new limits", |status| {
            let web = status["services"].as_array()?.iter().find(|one| one["name"] == "web")?;
            let instances = web["instances"].as_array()?;
            let as_many = instances.len() == if turn % 2 == 0 { 2 } else { 1 };
            (as_many && instances.iter().all(|one| one["soft_limit"] == soft)).then_some(())
        })
        .await;
        load.goes_on(100, SOON).await;
    }
    let report = load.stop().await;
    report.assert_clean();
    assert_eq!(report.connects, 20, "a connection was closed");
    streams.close().await;
    assert_eq!(revision(&edge, "stamp").await, before, "the plugin was not touched");
    assert_eq!(swaps(&edge.metrics().await, "swapped"), 10.0);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_plugin_that_did_not_change_keeps_its_instances_over_a_reload() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = |soft: u32| {
        format!(
            "[edge]\nthreads = 1\n{LISTENER}[service.web]\nplugins = [\"remembers\"]\n\
             [service.web.concurrency]\nsoft_limit = {soft}\n{}\n\
             [plugin.remembers]\nfile = \"remembers.wasm\"\n",
            instance("i0", origin.address(), "")
        )
    };
    let guest = std::fs::read(hither_guests::guest("remembers")).unwrap();
    let edge =
        Hither::builder(HITHER).config(config(20)).file("remembers.wasm", guest).start().await;
    // The guest counts calls in its own memory, and tells in the access log.
    let told = async |path: &str| {
        edge.get(path).await.expect_status(200);
        let line = edge.access_line(SOON, path, |line| line["path"] == path).await;
        line["meta"]["remembers.calls"].clone()
    };
    assert_eq!(told("/one").await, "1");
    assert_eq!(told("/two").await, "2");
    edge.write_config(&config(30));
    edge.reload().await.expect_status(200);
    assert_eq!(edge.status().await["services"][0]["instances"][0]["soft_limit"], 30);
    assert_eq!(told("/three").await, "3", "the same instance was asked");
}

/// Sends a GET that a gate will hold, and waits until the service has so many in flight and waiting.
async fn held(edge: &Hither, in_flight: u64, waiting: u64) -> Http1 {
    let mut client = edge.connect().await;
    client.send(Request::get("/held").bytes()).await.unwrap();
    counts(edge, in_flight, waiting).await;
    client
}

async fn counts(edge: &Hither, in_flight: u64, waiting: u64) {
    let what = format!("{in_flight} in flight and {waiting} waiting");
    edge.status_when(SOON, &what, |status| {
        let web = &status["services"][0];
        let instances = web["instances"].as_array()?;
        let sum: u64 = instances.iter().filter_map(|one| one["in_flight"].as_u64()).sum();
        (sum == in_flight && web["queue"]["waiting"] == waiting).then_some(())
    })
    .await;
}

fn limited(hard: u32, instances: &str) -> String {
    format!(
        "{LISTENER}[service.web]\n[service.web.concurrency]\nsoft_limit = 1\nhard_limit = {hard}\n\
         [service.web.queue]\ntimeout = \"60s\"\n{instances}"
    )
}

async fn reload(edge: &Hither, config: &str) {
    edge.write_config(config);
    edge.reload().await.expect_status(200);
}

#[tokio::test]
async fn what_is_in_flight_over_a_reload_still_counts() {
    let gate = GateOrigin::start("gate").await;
    let table = instance("i0", gate.address(), "");
    let edge = Hither::builder(HITHER).config(limited(2, &table)).start().await;
    let mut first = held(&edge, 1, 0).await;
    let mut second = held(&edge, 2, 0).await;

    // Other settings, the same limit: it is reached still.
    reload(&edge, &limited(2, &instance("i0", gate.address(), "rtt = \"3ms\""))).await;
    let mut third = held(&edge, 2, 1).await;
    assert_eq!(gate.held(), 2, "the third waits");
    // A higher limit serves who waits, at once.
    reload(&edge, &limited(3, &table)).await;
    counts(&edge, 3, 0).await;
    gate.holds(3, SOON).await;
    // A lower one: what runs may end, and nobody new comes before it is under the limit.
    reload(&edge, &limited(1, &table)).await;
    let mut fourth = held(&edge, 3, 1).await;
    for (left, client) in [(2, &mut first), (1, &mut second)] {
        gate.release(1);
        client.read_response().await.unwrap().expect_status(200);
        counts(&edge, left, 1).await;
        assert_eq!(gate.held() as u64, left, "the fourth waits");
    }
    gate.release(1);
    third.read_response().await.unwrap().expect_status(200);
    gate.holds(1, SOON).await;
    gate.open();
    fourth.read_response().await.unwrap().expect_status(200);
    assert_eq!(gate.most_held(), 3);
    at_rest(&edge).await;
}

#[tokio::test]
async fn an_instance_that_leaves_and_returns_still_holds_what_it_held() {
    let gate = GateOrigin::start("gate").await;
    let other = GateOrigin::start("other").await;
    let both = [
        instance("i0", gate.address(), "rtt = \"1ms\""),
        instance("i1", other.address(), "rtt = \"90ms\""),
    ];
    let edge = Hither::builder(HITHER).config(limited(1, &both.concat())).start().await;
    let mut first = held(&edge, 1, 0).await;
    gate.holds(1, SOON).await;
    reload(&edge, &limited(1, &both[1])).await;
    counts(&edge, 0, 0).await;
    reload(&edge, &limited(1, &both.concat())).await;
    counts(&edge, 1, 0).await;
    let mut second = held(&edge, 2, 0).await;
    other.holds(1, SOON).await;
    let mut third = held(&edge, 2, 1).await;
    gate.open();
    for client in [&mut first, &mut third] {
        client.read_response().await.unwrap().expect_status(200);
    }
    other.open();
    second.read_response().await.unwrap().expect_status(200);
    assert_eq!((gate.most_held(), other.most_held()), (1, 1));
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_reload_gives_nobody_a_new_allowance() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = |soft: u32, burst: u32| {
        format!(
            "{LISTENER}[service.web]\n[service.web.concurrency]\nsoft_limit = {soft}\n\
             [[service.web.limit]]\nname = \"per-client\"\nkey = [\"client.address\"]\n\
             rate = \"1/h\"\nburst = {burst}\n{}",
            instance("i0", origin.address(), "")
        )
    };
    let edge = Hither::builder(HITHER).config(config(20, 3)).start().await;
    for _ in 0..3 {
        edge.get("/").await.expect_status(200);
    }
    edge.get("/").await.expect_status(429);
    reload(&edge, &config(30, 3)).await;
    edge.get("/").await.expect_status(429);
    // A larger burst gives the difference, not the whole anew.
    reload(&edge, &config(30, 5)).await;
    edge.get("/").await.expect_status(200);
    edge.get("/").await.expect_status(200);
    edge.get("/").await.expect_status(429);
}
