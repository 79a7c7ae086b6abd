//! Out of file descriptors: who is served goes on being served, who comes is closed, and it passes by itself.

use crate::support::{SOON, Scene};
use hither_harness::{Http1, RawOrigin, eventually};
use std::time::{Duration, Instant};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// Linux, accept(2): EMFILE, the per-process limit of open descriptors.
#[tokio::test]
async fn without_descriptors_new_clients_are_shed_and_others_served_under_load() {
    const MORE: usize = 5;
    const NEW: usize = 60;
    /// A few descriptors of others may become free.
    const SHED: usize = NEW - 2 * MORE;
    let scene = Scene::with("", "", RawOrigin::answering(FINE).await).await;
    let mut inside: Vec<Http1> = Vec::new();
    for _ in 0..3 {
        // Each has a connection to the origin, which is kept.
        let mut client = scene.edge.connect().await.within(SOON);
        client.get("/").await.unwrap().expect_status(200);
        inside.push(client);
    }
    let (cpu, began) = (scene.edge.cpu_time(), Instant::now());
    let before = scene.edge.leave_fds(MORE);
    let mut closed = 0;
    let mut waiting = Vec::new();
    for _ in 0..NEW {
        waiting.push(scene.edge.connect().await.within(SOON));
    }
    // The last ones found no room, though in which order the threads accept is theirs to choose.
    for client in waiting.iter_mut().rev() {
        if closed == SHED {
            break;
        }
        let end = tokio::time::timeout(Duration::from_secs(1), client.read_until_close()).await;
        closed += usize::from(end.is_ok());
    }
    assert_eq!(closed, SHED, "of {NEW} were closed, where {MORE} had room");
    for client in &mut inside {
        client.get("/").await.unwrap().expect_status(200);
    }
    // Long enough that the kernel's count of CPU says something: whoever comes now does not wait for nothing.
    while began.elapsed() < Duration::from_secs(1) {
        let mut client = scene.edge.connect().await.within(SOON);
        let _ = client.get("/").await;
    }
    let (took, used) = (began.elapsed(), scene.edge.cpu_time() - cpu);
    assert!(used < took / 2, "{used:?} of CPU in {took:?}: a busy loop");
    let log = scene.edge.log_lines();
    let told = log.iter().filter(|line| line.contains("accepting a connection failed")).count();
    assert!(told >= 1 && told as u64 <= took.as_secs() + 2, "{told} lines in {took:?}");
    drop(waiting);
    let _ = scene.edge.limit_fds(before);
    eventually(SOON, "new clients to be served again", || async {
        let mut client = scene.edge.connect().await.within(SOON);
        let answer = client.get("/").await.map_err(|error| error.to_string())?;
        if answer.status() == 200 { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    let metrics = scene.edge.metrics().await;
    let shed = [("reason", "no_descriptor")];
    assert!(metrics.sum("hither_client_connections_shed_total", &shed) >= closed as f64);
    scene.still_serves().await;
}
