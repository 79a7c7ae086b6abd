//! No instance is ever given more than its hard limit, whatever clients, instances and operators do
//! meanwhile, and every place that was taken is given back.

use crate::settled::at_rest;
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{
    GateOrigin, H2, Hither, Http1, OriginProcess, RawOrigin, Reason, RefusingOrigin, Request,
    Response, WebSocket, eventually,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

const CLIENTS: usize = 64;
const HARD: usize = 4;
/// A turn with all three good instances and no broken one.
const HEALTHY: usize = 2;
/// Whole answers that each client must get.
const ANSWERS: usize = 40;

/// Lets the held requests of these origins through, some milliseconds after they came.
struct Doorman {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Doorman {
    fn begin(gates: Arc<Vec<GateOrigin>>) -> Doorman {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                gates.iter().for_each(|gate| gate.release(gate.held()));
                // How long the origins take for an answer.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Doorman { stop, task }
    }

    async fn leave(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

/// Three origins that count, one where nobody listens, one that closes every connection.
struct Scene {
    gates: Arc<Vec<GateOrigin>>,
    refusing: RefusingOrigin,
    closing: RawOrigin,
}

impl Scene {
    async fn new() -> Scene {
        let mut gates = Vec::new();
        for name in ["one", "two", "three"] {
            gates.push(GateOrigin::start(name).await);
        }
        let (refusing, closing) = (RefusingOrigin::start(), RawOrigin::closing().await);
        Scene { gates: Arc::new(gates), refusing, closing }
    }

    /// The configuration of a turn: the third origin comes and goes, and so do the broken ones, the
    /// soft limit changes, the hard limit never.
    fn config(&self, turn: usize) -> String {
        // All of them come from one address, and quickly.
        let listener = format!("{LISTENER}new_connections_per_client = \"1000000/s\"\n");
        let mut config = format!(
            "{listener}[service.web]\n[service.web.concurrency]\nsoft_limit = {}\nhard_limit = {HARD}\n\
             [service.web.queue]\nmax_waiting = 1000\ntimeout = \"60s\"\nshed_after = \"600s\"\n\
             [service.web.retry]\nattempts = 5\nbudget = \"100%\"\n",
            1 + turn % HARD,
        );
        let present = if turn.is_multiple_of(2) { 3 } else { 2 };
        for gate in self.gates.iter().take(present) {
            config += &instance(gate.name(), gate.address(), "");
        }
        if turn % 3 != HEALTHY % 3 {
            config += &instance("refusing", self.refusing.address(), "");
            config += &instance("closing", self.closing.address(), "");
        }
        config
    }
}

/// What one client does next. Each is something that a permit could be lost in.
async fn act(address: SocketAddr, what: usize) -> Option<Response> {
    let get = Request::get("/held");
    match what {
        // Gone at once, gone with a reset, gone in the middle of a body.
        0 => abandoned(address, &get.bytes(), false).await,
        1 => abandoned(address, &get.bytes(), true).await,
        2 => {
            let part = b"PUT /held HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\nsome of it";
            abandoned(address, part, false).await;
        }
        // One stream is reset while another on the same connection goes on.
        3 => {
            let client = H2::connect(address).await.unwrap();
            let stream = client.open(&get, true).await.unwrap();
            let answer = client.request(&get);
            stream.reset(Reason::CANCEL);
            return Some(answer.await.unwrap());
        }
        4 => {
            let client = H2::connect(address).await.unwrap();
            let _stream = client.open(&get, true).await.unwrap();
            client.abort();
        }
        5 => return Some(H2::connect(address).await.unwrap().request(&get).await.unwrap()),
        6 => {
            let put = Request::new("PUT", "/held").body("a body that may be sent again");
            return Some(whole(address, &put).await);
        }
        _ => return Some(whole(address, &get).await),
    }
    None
}

async fn whole(address: SocketAddr, request: &Request) -> Response {
    let client = Http1::connect(address).await.unwrap();
    client.within(Duration::from_secs(60)).request(request).await.unwrap()
}

async fn abandoned(address: SocketAddr, bytes: &[u8], reset: bool) {
    let mut client = Http1::connect(address).await.unwrap();
    client.send(bytes).await.unwrap();
    if reset {
        client.reset();
    }
}

/// A client that goes on until it has had its answers, with everything in between that clients do.
async fn client(number: usize, address: SocketAddr, answered: Arc<AtomicUsize>) {
    let mut whole = 0;
    for turn in 0.. {
        // Every kind in every client, in another order.
        if let Some(response) = act(address, (number * 7 + turn * 5) % 12).await {
            assert_eq!(response.status(), 200, "{}\n{}", response.headers(), response.text());
            answered.fetch_add(1, Ordering::Relaxed);
            whole += 1;
        }
        if whole == ANSWERS {
            return;
        }
    }
}

/// Waits until so many answers have come, and sees to it that all clients are well.
async fn progress(clients: &mut JoinSet<()>, answered: &AtomicUsize, due: usize) {
    eventually(Duration::from_secs(60), "nobody to starve", || {
        while let Some(ended) = clients.try_join_next() {
            ended.expect("a client failed");
        }
        let now = answered.load(Ordering::Relaxed);
        let outcome = if now >= due { Ok(()) } else { Err(format!("{now} answers of {due}")) };
        async move { outcome }
    })
    .await;
}

#[tokio::test]
async fn no_instance_is_ever_over_its_hard_limit_and_no_place_is_lost_under_load() {
    let scene = Scene::new().await;
    let edge = Hither::builder(HITHER).config(scene.config(0)).start().await;
    let doorman = Doorman::begin(scene.gates.clone());
    let (all, answered) = (CLIENTS * ANSWERS, Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(number, edge.address(0), answered.clone()));
    }
    // A part of the answers falls under each configuration.
    const RELOADS: usize = 16;
    for turn in 1..=RELOADS {
        progress(&mut clients, &answered, all * turn / RELOADS).await;
        edge.write_config(&scene.config(turn));
        edge.reload().await.expect_status(200);
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client failed");
    }
    at_rest(&edge).await;
    doorman.leave().await;
    assert!(edge.metrics().await.sum("hither_retries_total", &[]) > 0.0, "some were tried again");
    every_place_can_be_taken_again(&edge, &scene).await;
    for gate in scene.gates.iter() {
        assert_eq!(gate.most_held(), HARD, "{}: reached, and never passed", gate.name());
    }
}

/// As many requests as there are places are in flight at once: not one was lost, on no instance.
async fn every_place_can_be_taken_again(edge: &Hither, scene: &Scene) {
    edge.write_config(&scene.config(HEALTHY));
    edge.reload().await.expect_status(200);
    let mut clients = Vec::new();
    for _ in 0..scene.gates.len() * HARD {
        let mut client = edge.connect().await;
        client.send(Request::get("/held").bytes()).await.unwrap();
        clients.push(client);
    }
    for gate in scene.gates.iter() {
        gate.holds(HARD, SOON).await;
        gate.open();
    }
    for mut client in clients {
        client.read_response().await.unwrap().expect_status(200);
    }
    at_rest(edge).await;
}

/// One unit per client connection, whatever runs on it, by one instance until it closes.
fn by_connections(hard: usize, instances: &str) -> String {
    format!(
        "{LISTENER}[service.web]\n[service.web.concurrency]\ntype = \"connections\"\nsoft_limit = 1\n\
         hard_limit = {hard}\n[service.web.queue]\ntimeout = \"60s\"\n{instances}"
    )
}

async fn counts(edge: &Hither, in_flight: [u64; 2], waiting: u64) {
    edge.status_when(SOON, &format!("{in_flight:?} in flight, {waiting} waiting"), |status| {
        let web = &status["services"][0];
        let found = [0, 1].map(|n| web["instances"][n]["in_flight"].as_u64().unwrap_or(0));
        (found == in_flight && web["queue"]["waiting"] == waiting).then_some(())
    })
    .await;
}

/// Two instances that answer at once, each with a place for one connection.
async fn near_and_far() -> (GateOrigin, GateOrigin, Hither) {
    let (near, far) = (GateOrigin::start("near").await, GateOrigin::start("far").await);
    near.open();
    far.open();
    let tables = instance("near", near.address(), "rtt = \"1ms\"")
        + &instance("far", far.address(), "rtt = \"90ms\"");
    let edge = Hither::builder(HITHER).config(by_connections(1, &tables)).start().await;
    (near, far, edge)
}

#[tokio::test]
async fn a_connection_counts_once_and_stays_with_its_instance_until_it_closes() {
    let (_near, _far, edge) = near_and_far().await;
    let origin = |response: Response| response.header("x-origin").unwrap().to_owned();

    let mut first = edge.connect().await;
    for _ in 0..3 {
        assert_eq!(origin(first.get("/").await.unwrap().expect_status(200)), "near");
        // Idle, and still held.
        counts(&edge, [1, 0], 0).await;
    }
    let second = H2::connect(edge.address(0)).await.unwrap();
    for _ in 0..2 {
        let (one, two) = tokio::join!(second.get("/one"), second.get("/two"));
        assert_eq!([origin(one.unwrap()), origin(two.unwrap())], ["far", "far"]);
        counts(&edge, [1, 1], 0).await;
    }
    // The third connection waits until one closes, and then is with that one's instance.
    let mut third = edge.connect().await;
    third.send(Request::get("/").bytes()).await.unwrap();
    counts(&edge, [1, 1], 1).await;
    assert_eq!(origin(first.get("/").await.unwrap()), "near", "who has a place goes on");
    drop(first);
    assert_eq!(origin(third.read_response().await.unwrap().expect_status(200)), "near");
    counts(&edge, [1, 1], 0).await;
    drop(third);
    second.abort();
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_connection_s_place_outlives_reloads_and_is_given_back_by_every_way_to_leave() {
    let gate = GateOrigin::start("gate").await;
    let table = |rtt: &str| instance("gate", gate.address(), &format!("rtt = \"{rtt}\""));
    let edge = Hither::builder(HITHER).config(by_connections(3, &table("1ms"))).start().await;
    let get = Request::get("/").bytes();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = edge.connect().await;
        client.send(&get).await.unwrap();
        clients.push(client);
    }
    gate.holds(3, SOON).await;
    edge.write_config(&by_connections(3, &table("2ms")));
    edge.reload().await.expect_status(200);
    let mut late = edge.connect().await;
    late.send(&get).await.unwrap();
    counts(&edge, [3, 0], 1).await;
    assert_eq!(gate.held(), 3, "the limit holds over the reload");
    // In the middle of a request; then the late one has its place.
    clients.remove(0).reset();
    counts(&edge, [3, 0], 0).await;
    gate.holds(3, SOON).await;
    gate.open();
    for client in clients.iter_mut().chain([&mut late]) {
        client.read_response().await.unwrap().expect_status(200);
    }
    // After a whole answer, in order and with a reset.
    clients.remove(0).reset();
    clients.remove(0).end().await.unwrap();
    late.end().await.unwrap();
    at_rest(&edge).await;
    assert_eq!(gate.most_held(), 3);
}

#[tokio::test]
async fn streams_of_one_connection_wait_once_and_share_what_they_get() {
    let (_near, _far, edge) = near_and_far().await;
    let mut first = edge.connect().await;
    let mut second = edge.connect().await;
    for client in [&mut first, &mut second] {
        client.get("/").await.unwrap().expect_status(200);
    }
    counts(&edge, [1, 1], 0).await;
    let third = H2::connect(edge.address(0)).await.unwrap();
    let get = Request::get("/");
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(third.open(&get, true).await.unwrap());
    }
    // One place is enough for a connection, so one waits for it.
    counts(&edge, [1, 1], 1).await;
    drop(first);
    for stream in streams {
        let answer = stream.response().await.unwrap().expect_status(200);
        assert_eq!(answer.header("x-origin"), Some("near"));
    }
    counts(&edge, [1, 1], 0).await;
    third.abort();
    drop(second);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_websocket_holds_its_connection_s_place_until_it_is_closed() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let tables = instance("i0", origin.address(), "");
    let edge = Hither::builder(HITHER).config(by_connections(1, &tables)).start().await;
    let mut socket = WebSocket::connect(edge.address(0), "localhost", "/ws").await.unwrap();
    socket.echo("hello").await.unwrap();
    let mut late = edge.connect().await;
    late.send(Request::get("/").bytes()).await.unwrap();
    counts(&edge, [1, 0], 1).await;
    socket.echo("still here").await.unwrap();
    socket.close().await.unwrap();
    late.read_response().await.unwrap().expect_status(200);
    counts(&edge, [1, 0], 0).await;
    drop(late);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_websocket_counts_until_it_is_closed() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = format!(
        "{LISTENER}[service.web]\n[service.web.concurrency]\nsoft_limit = 1\nhard_limit = 1\n{}",
        instance("i0", origin.address(), "")
    );
    let edge = Hither::builder(HITHER).config(config).start().await;
    let mut socket = WebSocket::connect(edge.address(0), "localhost", "/ws").await.unwrap();
    socket.echo("hello").await.unwrap();
    counts(&edge, [1, 0], 0).await;
    let mut late = edge.connect().await;
    late.send(Request::get("/").bytes()).await.unwrap();
    counts(&edge, [1, 0], 1).await;
    socket.echo("still here").await.unwrap();
    socket.close().await.unwrap();
    late.read_response().await.unwrap().expect_status(200);
    at_rest(&edge).await;
}
