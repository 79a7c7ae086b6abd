//! The access log in a file: whole, whoever moves it, and whatever the disk does.

use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Hither, RawOrigin, Signal, eventually};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

async fn logging_to(path: &Path, origin: &RawOrigin) -> Hither {
    let log = format!("[log]\naccess = \"{}\"\n", path.display());
    let web = format!("[service.web]\n{}", instance("one", origin.address(), ""));
    Hither::builder(HITHER).config(format!("{log}{LISTENER}{web}")).start().await
}

fn in_a_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    (folder, path)
}

/// The paths in the lines of a log, of which each must be whole.
fn paths(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("a line of JSON");
    text.lines().map(|text| line(text)["path"].as_str().expect("a path").to_owned()).collect()
}

#[tokio::test]
async fn a_log_that_was_moved_away_is_begun_anew_and_no_line_is_lost() {
    let (_folder, log) = in_a_folder();
    let origin = RawOrigin::answering(FINE).await;
    let edge = logging_to(&log, &origin).await;
    let moved = log.with_extension("1");
    edge.get("/before").await.expect_status(200);
    eventually(SOON, "the first line", || async {
        if paths(&log).is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
    std::fs::rename(&log, &moved).expect("moved");
    let asked = AtomicUsize::new(1);
    eventually(SOON, "a new file", || async {
        edge.get("/after").await.expect_status(200);
        asked.fetch_add(1, Ordering::Relaxed);
        if log.exists() { Ok(()) } else { Err("none".to_owned()) }
    })
    .await;
    let asked = asked.into_inner();
    eventually(SOON, "every line in one of the two", || async {
        let found = paths(&moved).len() + paths(&log).len();
        if found == asked { Ok(()) } else { Err(format!("{found} of {asked}")) }
    })
    .await;
    assert_eq!(paths(&moved)[0], "/before");
}

#[tokio::test]
async fn a_full_disk_costs_lines_which_are_counted_and_no_request() {
    let origin = RawOrigin::answering(FINE).await;
    // Every write to it fails as on a full disk (full(4)).
    let edge = logging_to(Path::new("/dev/full"), &origin).await;
    for _ in 0..50 {
        edge.get("/").await.expect_status(200);
    }
    eventually(SOON, "the lost lines in the metrics", || async {
        let lost = edge.metrics().await.sum("hither_access_lines_dropped_total", &[]);
        if lost == 50.0 { Ok(()) } else { Err(lost.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn who_ends_has_written_all_that_was_told() {
    let (_folder, log) = in_a_folder();
    let origin = RawOrigin::answering(FINE).await;
    let edge = logging_to(&log, &origin).await;
    let mut client = edge.connect().await;
    for _ in 0..300 {
        client.get("/").await.expect("an answer").expect_status(200);
    }
    drop(client);
    edge.program().signal(Signal::TERM);
    assert!(edge.program().wait_exit(SOON).await.success());
    assert_eq!(paths(&log).len(), 300);
}
