//! The second tier: what is kept on disk survives a restart, whatever the restart's way, and is never given torn.

use super::{is_forwarded, is_hit, ok, origin, told};
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Hither, RawOrigin, RawRequest, Signal, eventually};
use std::path::Path;

/// Larger than one block of memory, and than what a file system writes at once.
const BODY: usize = 300_000;

fn config(origin: &RawOrigin, folder: &Path) -> String {
    format!(
        "[cache]\ndisk = \"{}\"\ndisk_size = \"64MiB\"\n[edge]\nthreads = 1\n{LISTENER}\
         [service.web.cache]\n{}",
        folder.display(),
        instance("one", origin.address(), "")
    )
}

async fn edge(origin: &RawOrigin, folder: &Path) -> Hither {
    Hither::builder(HITHER).config(config(origin, folder)).start().await
}

/// What a path has, and nothing else has.
fn body(path: &str) -> String {
    let mut body = path.repeat(BODY / path.len());
    body.push_str("end");
    body
}

async fn server() -> RawOrigin {
    let answer = |request: &RawRequest| {
        let tag = if request.target.ends_with('7') { "cache-tag: seven\r\n" } else { "" };
        ok(&format!("cache-control: max-age=600\r\n{tag}"), &body(&request.target))
    };
    origin(answer).await
}

/// Waits until so many responses lie on disk.
async fn on_disk(edge: &Hither, objects: u64) {
    eventually(SOON, &format!("{objects} responses on disk"), || async {
        let metrics = edge.metrics().await;
        let found = metrics.sum("hither_cache_disk_objects", &[]);
        if found == objects as f64 { Ok(()) } else { Err(format!("{found} are there")) }
    })
    .await;
}

async fn end(edge: &Hither, signal: Signal) {
    edge.program().signal(signal);
    edge.program().wait_exit(SOON).await;
}

#[tokio::test]
async fn what_was_kept_is_given_after_a_restart_and_has_aged() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), server().await);
    let before = edge(&origin, folder.path()).await;
    for path in ["/1", "/2", "/7"] {
        is_forwarded(&before.get(path).await, "uri-miss");
    }
    on_disk(&before, 3).await;
    end(&before, Signal::TERM).await;

    let after = edge(&origin, folder.path()).await;
    on_disk(&after, 3).await;
    let found = after.get("/1").await.expect_status(200);
    is_hit(&found);
    assert_eq!(found.text(), body("/1"));
    assert_eq!(origin.received(), 3);
    assert_eq!(after.status().await["cache"]["disk"]["objects"], 3);

    // What is purged is gone from memory and disk alike, and stays so.
    let admin = after.admin().to_string();
    let purged = after.command(&["purge", "--admin", &admin, "--tag", "seven"]).await;
    assert_eq!(purged.stdout, "purged: 1\n", "{purged:?}");
    end(&after, Signal::KILL).await;
    let last = edge(&origin, folder.path()).await;
    on_disk(&last, 2).await;
    is_forwarded(&last.get("/7").await, "uri-miss");
}

#[tokio::test]
async fn a_folder_that_another_edge_has_is_refused() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), server().await);
    let _first = edge(&origin, folder.path()).await;
    let refused = Hither::builder(HITHER).config(config(&origin, folder.path())).try_start().await;
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("cannot be used: another process has this folder"), "{refused}");
}

/// Killed a hundred times while it writes: it starts every time, and what it gives is what the origin said.
#[tokio::test]
async fn a_killed_edge_never_gives_a_torn_response() {
    let (folder, origin) = (tempfile::tempdir().unwrap(), server().await);
    let mut found = 0;
    for round in 0..100 {
        let edge = edge(&origin, folder.path()).await;
        let mut client = edge.connect().await;
        // Some were kept before, some are new; how many are written when it is killed differs.
        for number in 0..4 + round % 5 {
            let path = format!("/{}", (round * 3 + number) % 50);
            let answer = client.get(&path).await.unwrap();
            assert_eq!(answer.status(), 200, "round {round}");
            assert!(answer.text() == body(&path), "round {round}, {path}: {}", told(&answer));
            found += usize::from(told(&answer).starts_with("hither; hit"));
        }
        end(&edge, Signal::KILL).await;
    }
    assert!(found > 100, "most of what was kept is found again, not {found}");
}
