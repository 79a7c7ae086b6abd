//! Projects as an author makes them, with the real binary.

use hither_harness::{Ended, Program};
use std::path::Path;
use std::time::Duration;

pub(crate) const HITHER: &str = env!("CARGO_BIN_EXE_hither");

/// The first build of a Rust plugin compiles its kit.
const BUILD: Duration = Duration::from_secs(300);

/// `hither plugin ...` in this folder.
pub(crate) async fn plugin(folder: &Path, arguments: &[&str]) -> Ended {
    let arguments = [&["plugin"], arguments].concat();
    Program::run(HITHER, folder, &arguments, BUILD).await
}

/// The same, which must succeed; gives what it printed.
pub(crate) async fn done(folder: &Path, arguments: &[&str]) -> String {
    let ended = plugin(folder, arguments).await;
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// A fresh project called `mine`, built: the bytes of its component.
pub(crate) async fn built(folder: &Path, language: &str) -> Vec<u8> {
    done(folder, &["new", "mine", "--lang", language]).await;
    done(folder, &["build", "mine"]).await;
    std::fs::read(folder.join("mine/mine.wasm")).expect("the component")
}
