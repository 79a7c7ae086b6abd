//! The same small plugin in five languages: it routes by a header and adds one to the answer.

use crate::project::{HITHER, built, done, plugin};
use hither_harness::{Hither, Load, OriginProcess, Request, eventually};
use serde_json::Value;
use std::time::Duration;

/// As many as a busy author makes in a month, in each language in turn.
const SWAPS: usize = 200;
const LANGUAGES: [&str; 5] = ["rust", "c", "js", "python", "go"];
/// Loading an interpreter compiles megabytes of code, here with an unoptimised compiler.
const LOAD: Duration = Duration::from_secs(300);

/// An edge in ams whose service has an instance here and one in sin, and one plugin.
async fn edge(origins: &[OriginProcess], component: &[u8]) -> Hither {
    let mut config = "[edge]\nregion = \"ams\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
                      [service.web]\nplugins = [\"mine\"]\n\
                      [plugin.mine]\nfile = \"mine.wasm\"\ntime = \"500ms\"\n"
        .to_owned();
    for (origin, (region, rtt)) in origins.iter().zip([("ams", "1ms"), ("sin", "150ms")]) {
        let address = origin.address();
        config += &format!(
            "[[service.web.instance]]\nid = \"{region}\"\naddress = \"{address}\"\nregion = \"{region}\"\n\
             rtt = \"{rtt}\"\n"
        );
    }
    Hither::builder(HITHER)
        .config(config)
        .file("mine.wasm", component)
        .ready_within(LOAD)
        .start()
        .await
}

async fn serves(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let component = built(folder.path(), language).await;

    let tested = done(folder.path(), &["test", "mine"]).await;
    assert_eq!(tested, "anywhere: good\nregion: good\n");

    let told = done(folder.path(), &["inspect", "mine/mine.wasm", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["name"], "mine", "{told}");
    assert_eq!(told["hooks"], serde_json::json!(["routing", "response-filter"]), "{told}");
    assert_eq!(told["capabilities"], serde_json::json!([]), "{told}");
    assert_eq!(told["bytes"], component.len(), "{told}");

    let origins = OriginProcess::start_all(HITHER, &["ams", "sin"]).await;
    let edge = edge(&origins, &component).await;
    for _ in 0..3 {
        let far = edge.send(&Request::get("/").header("x-region", "sin")).await.expect_status(200);
        assert_eq!(far.header("x-origin-region"), Some("sin"));
        assert_eq!(far.header("x-hello"), Some("from ams"));
        let near = edge.get("/").await.expect_status(200);
        assert_eq!(near.header("x-origin-region"), Some("ams"));
        assert_eq!(near.header("x-hello"), Some("from ams"));
    }
    // Enough for a collector of garbage to run, while the host puts arguments in and at other times.
    let load = Load::new(edge.address(0))
        .connections(4)
        .request(Request::get("/").header("x-region", "sin"))
        .check(|_, answer| match answer.header("x-hello") {
            Some("from ams") => Ok(()),
            other => Err(format!("greeted {other:?}")),
        })
        .run_requests(5000, Duration::from_secs(120))
        .await;
    load.assert_clean();
}

#[tokio::test]
async fn a_plugin_in_rust_serves() {
    serves("rust").await;
}

#[tokio::test]
async fn a_plugin_in_c_serves() {
    serves("c").await;
}

#[tokio::test]
async fn a_plugin_in_javascript_serves() {
    serves("js").await;
}

#[tokio::test]
async fn a_plugin_in_python_serves() {
    serves("python").await;
}

#[tokio::test]
async fn a_plugin_in_go_serves() {
    serves("go").await;
}

#[tokio::test]
async fn two_hundred_swaps_through_all_languages_lose_nothing_under_load() {
    let mut components = Vec::new();
    for language in LANGUAGES {
        let folder = tempfile::tempdir().unwrap();
        components.push((language, built(folder.path(), language).await));
    }
    let origins = OriginProcess::start_all(HITHER, &["ams", "sin"]).await;
    let edge = edge(&origins, &components[0].1).await;
    let load = Load::new(edge.address(0))
        .connections(4)
        .pause(Duration::from_millis(2))
        .request(Request::get("/").header("x-region", "sin"))
        .check(|_, answer| match (answer.header("x-origin-region"), answer.header("x-hello")) {
            (Some("sin"), Some("from ams")) => Ok(()),
            other => Err(format!("routed and greeted {other:?}")),
        })
        .start();
    let (mut memory, mut most_alive) = (Vec::new(), 0.0_f64);
    for (language, component) in components.iter().cycle().skip(1).take(SWAPS) {
        let answer = edge.swap("mine", component.clone()).await;
        assert_eq!(answer.status(), 200, "{language}: {}", answer.text());
        most_alive = most_alive.max(alive(&edge).await);
        load.goes_on(20, Duration::from_secs(60)).await;
        eventually(Duration::from_secs(20), "the old revision to be dropped", || async {
            let alive = alive(&edge).await;
            if alive == 1.0 { Ok(()) } else { Err(format!("{alive} snapshots are alive")) }
        })
        .await;
        memory.push(edge.rss());
    }
    load.stop().await.assert_clean();
    assert!(most_alive <= 2.0, "{most_alive} snapshots were alive at once");
    // Languages need more and less memory, so turns of all of them are compared.
    let mean = |turns: &[u64]| turns.iter().sum::<u64>() / turns.len() as u64;
    let (early, late) = (mean(&memory[10..10 + LANGUAGES.len()]), mean(&memory[SWAPS - 5..]));
    assert!(late <= early + early / 10, "memory grew from {early} to {late}: {memory:?}");
}

async fn alive(edge: &Hither) -> f64 {
    edge.metrics().await.value("hither_snapshots_live", &[]).expect("the metric")
}

#[tokio::test]
async fn what_a_plugin_in_c_or_go_prints_goes_to_its_log() {
    for (language, file, before, after) in [
        ("c", "plugin.c", "#include <stdlib.h>", "#include <stdio.h>\n#include <stdlib.h>"),
        ("go", "plugin.go", "import (", "import (\n\t\"fmt\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        done(folder.path(), &["new", "mine", "--lang", language]).await;
        let path = folder.path().join("mine").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let (hook, print) = match language {
            "c" => {
                ("  (void)memo;\n", "  (void)memo;\n  printf(\"seen %d\\n\", 7); fflush(stdout);\n")
            }
            _ => (
                "\tregion := \"somewhere\"\n",
                "\tfmt.Println(\"seen\", 7)\n\tregion := \"somewhere\"\n",
            ),
        };
        assert!(text.contains(hook), "{language}: {text}");
        std::fs::write(&path, text.replace(before, after).replace(hook, print)).unwrap();
        done(folder.path(), &["build", "mine"]).await;
        let ended = plugin(folder.path(), &["run", "mine/mine.wasm"]).await;
        assert!(
            ended.stderr.contains("Info: seen 7"),
            "{language}: {}{}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[tokio::test]
async fn an_exception_is_told_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["new", "mine", "--lang", "python"]).await;
    let path = folder.path().join("mine/plugin.py");
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = text.replace("if not request.inputs:", "if request.nonsense:");
    assert_ne!(broken, text);
    std::fs::write(&path, broken).unwrap();
    done(folder.path(), &["build", "mine"]).await;
    let said = done(folder.path(), &["run", "mine/mine.wasm"]).await;
    assert!(said.contains("AttributeError") && said.contains("nonsense"), "{said}");
}

/// Nobody needs more than what the message names.
#[tokio::test]
async fn the_templates_are_those_of_the_languages() {
    let folder = tempfile::tempdir().unwrap();
    for language in LANGUAGES {
        done(folder.path(), &["new", &format!("a-{language}"), "--lang", language]).await;
    }
    let ended = plugin(folder.path(), &["new", "b", "--lang", "cobol"]).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("rust, c, js, python, go"), "{}", ended.stderr);
}
