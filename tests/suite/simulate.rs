//! `hither simulate`: what the shipped scenarios promise in their first lines, and what the verb
//! promises to whoever writes one.

use crate::support::HITHER;
use hither_harness::{Ended, Program};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POLICIES: [&str; 5] = ["hither", "random", "round-robin", "least-requests", "two-choices"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/simulate")
}

fn scenario(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

async fn simulate(folder: &Path, arguments: &[&str]) -> Ended {
    let arguments = [&["simulate"], arguments].concat();
    Program::run(HITHER, folder, &arguments, Duration::from_secs(100)).await
}

/// What a shipped scenario gives as JSON.
async fn found(name: &str, arguments: &[&str]) -> Value {
    let ended = simulate(&folder(), &[&[name, "--format", "json"], arguments].concat()).await;
    assert!(ended.status.success(), "{name}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn success(policy: &Value) -> f64 {
    policy["success"].as_f64().unwrap()
}

#[tokio::test]
async fn every_shipped_scenario_is_played_shown_and_drawn() {
    let pictures = tempfile::tempdir().unwrap();
    let mut files: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{} does not say what it shows", file.display());
        let (file, picture) = (file.to_str().unwrap(), pictures.path().join("plot.svg"));
        let ended = simulate(pictures.path(), &[file, "--plot", "plot.svg"]).await;
        assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), ""), "{file}");
        for policy in POLICIES {
            let rows = ended.stdout.lines().filter(|line| line.starts_with(&format!("{policy} ")));
            assert!(rows.count() >= 1, "{file} has no row for {policy}:\n{}", ended.stdout);
        }
        assert!(ended.stdout.lines().all(|line| line.chars().count() <= 120), "{}", ended.stdout);
        let picture = fs::read_to_string(picture).unwrap();
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{file}");
        assert!(picture.contains("prefers-color-scheme: dark"), "{file}");
    }
}

/// `balancer.md` has these counts; the balancer's own tests and the worked example over sockets have
/// them, too.
#[tokio::test]
async fn the_worked_example_has_exactly_its_counts() {
    let held = [30, 60, 61, 100, 150, 200, 201, 216, 250, 251];
    let global = [
        [30, 0, 0, 0],
        [60, 0, 0, 0],
        [60, 1, 0, 0],
        [60, 40, 0, 0],
        [60, 40, 40, 10],
        [60, 40, 40, 60],
        [61, 40, 40, 60],
        [75, 41, 40, 60],
        [75, 50, 50, 75],
        [75, 50, 50, 75],
    ];
    let region = [
        [30, 0, 0, 0],
        [60, 0, 0, 0],
        [61, 0, 0, 0],
        [75, 25, 0, 0],
        [75, 50, 25, 0],
        [75, 50, 50, 25],
        [75, 50, 50, 26],
        [75, 50, 50, 41],
        [75, 50, 50, 75],
        [75, 50, 50, 75],
    ];
    let folder = tempfile::tempdir().unwrap();
    let text = scenario("worked-example.toml");
    let (is, other) = ("soft_limit_scope = \"global\"", "soft_limit_scope = \"region\"");
    assert!(text.contains(is), "the scenario names its scope");
    fs::write(folder.path().join("global.toml"), &text).unwrap();
    fs::write(folder.path().join("region.toml"), text.replace(is, other)).unwrap();
    for (file, counts) in [("global.toml", global), ("region.toml", region)] {
        let ended =
            simulate(folder.path(), &[file, "--policy", "hither", "--format", "json"]).await;
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(report["regions"], serde_json::json!(["ams", "maa", "sea", "sin"]));
        let hither = &report["policies"][0];
        for (place, (held, counts)) in held.iter().zip(counts).enumerate() {
            let look = &hither["looks"][place];
            assert_eq!(
                (&look["requests"], &look["in_flight"]),
                (&(*held).into(), &counts.into_iter().collect()),
                "{file}"
            );
            assert_eq!(look["waiting"], u32::from(*held == 251), "{file}, {held} held");
        }
        // Delayed, not refused: it is served when the first one ends, 5 s later.
        assert_eq!((success(hither), &hither["peak_in_flight"]), (1.0, &25.into()), "{file}");
        let longest = hither["wait_seconds"]["max"].as_f64().unwrap();
        assert!((4.9..5.1).contains(&longest), "{file}: the last one waits {longest} s");
    }
}

/// Linkerd's experiment of 2016. Five failures in a row and the slow one gets a rest.
#[tokio::test]
async fn one_slow_server_of_eleven_costs_less_than_one_request_in_a_thousand() {
    for seed in ["1", "2", "3"] {
        let report =
            found("slow-server.toml", &["--policy", "hither,round-robin", "--seed", seed]).await;
        let [hither, round_robin] = [0, 1].map(|place| &report["policies"][place]);
        assert!(success(hither) >= 0.999, "seed {seed}: {}", success(hither));
        assert!(success(round_robin) < 0.92, "seed {seed}: {}", success(round_robin));
    }
}

#[tokio::test]
async fn overload_is_held_at_the_hard_limit_and_goodput_stays() {
    let report = found("overload.toml", &[]).await;
    let policies = report["policies"].as_array().unwrap();
    assert_eq!(policies[0]["peak_in_flight"], 25);
    for other in &policies[1..] {
        assert!(other["peak_in_flight"].as_u64() > Some(100), "{}", other["policy"]);
        assert!(success(&policies[0]) > 1.5 * success(other), "{}", other["policy"]);
    }
    // With a circuit breaker they hold it, too, and refuse what Hither lets wait.
    let report = found("overload.toml", &["--others", "equipped"]).await;
    for other in &report["policies"].as_array().unwrap()[1..] {
        assert_eq!(other["peak_in_flight"], 25, "{}", other["policy"]);
        assert!(success(&policies[0]) > success(other), "{}", other["policy"]);
    }
}

#[tokio::test]
async fn a_regional_outage_stays_within_limits_and_close_to_clients() {
    let report = found("regional-outage.toml", &[]).await;
    let policies = report["policies"].as_array().unwrap();
    let closest = |policy: &Value| policy["closest_share"].as_f64().unwrap();
    assert!(success(&policies[0]) > 0.998, "{}", success(&policies[0]));
    assert!(policies[0]["peak_in_flight"].as_u64() <= Some(25));
    for other in &policies[1..] {
        assert!(closest(&policies[0]) > 2.0 * closest(other), "{}", other["policy"]);
    }
}

#[tokio::test]
async fn a_thundering_return_is_let_in_by_the_hard_limit() {
    let report = found("deploy.toml", &[]).await;
    let policies = report["policies"].as_array().unwrap();
    assert_eq!(policies[0]["peak_in_flight"], 16);
    for other in &policies[1..] {
        assert!(other["peak_in_flight"].as_u64() > Some(100), "{}", other["policy"]);
        assert!(success(&policies[0]) > success(other), "{}", other["policy"]);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_table_and_another_one_another() {
    let arguments = |seed| ["regional-outage.toml", "--seed", seed];
    let first = simulate(&folder(), &arguments("9")).await;
    let again = simulate(&folder(), &arguments("9")).await;
    let other = simulate(&folder(), &arguments("10")).await;
    assert!(first.status.success(), "{first:?}");
    assert_eq!(first.stdout, again.stdout);
    assert_ne!(first.stdout, other.stdout);
}

#[tokio::test]
async fn other_traffic_can_be_given_on_the_command_line() {
    let traffic = ["--arrivals", "10/s for 5s, 40 at once", "--policy", "hither"];
    let report = found("worked-example.toml", &traffic).await;
    assert_eq!(report["policies"][0]["requests"], 90);
    assert_eq!(report["policies"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn editors_get_the_schema_of_scenarios() {
    let ended =
        Program::run(HITHER, &folder(), &["schema", "--scenario"], Duration::from_secs(20)).await;
    let schema: Value = serde_json::from_str(&ended.stdout).unwrap();
    for table in ["traffic", "edge", "instances", "outage", "deploy"] {
        assert!(!schema["properties"][table].is_null(), "{table}");
    }
}

#[tokio::test]
async fn mistakes_are_told_with_their_place_and_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let text = scenario("overload.toml").replace("[queue]", "[queu]");
    fs::write(folder.path().join("bad.toml"), text.replace("exponential 500ms", "often")).unwrap();
    let bad = simulate(folder.path(), &["bad.toml"]).await;
    assert_eq!((bad.status.code(), &bad.stdout[..]), (Some(3), ""), "{bad:?}");
    for words in
        ["did you mean `queue`?", "\"often\" is not a time", "^^^^^^^", "2 problems in bad.toml"]
    {
        assert!(bad.stderr.contains(words), "{words}:\n{}", bad.stderr);
    }
    let missing = simulate(folder.path(), &["nowhere.toml"]).await;
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
    assert!(missing.stderr.contains("there is no scenario at nowhere.toml"), "{missing:?}");
    fs::write(folder.path().join("good.toml"), scenario("overload.toml")).unwrap();
    for wrong in [["--policy", "best"], ["--arrivals", "5/s"], ["--others", "all"]] {
        let usage = simulate(folder.path(), &[&["good.toml"], &wrong[..]].concat()).await;
        assert_eq!(usage.status.code(), Some(2), "{wrong:?}: {usage:?}");
    }
    let endless = ["good.toml", "--arrivals", "100000/s for 1h"];
    let refused = simulate(folder.path(), &endless).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("too many to simulate"), "{refused:?}");
}

/// Chance falls differently when the balancer draws differently: `BLESS=1` writes the README anew.
#[tokio::test]
async fn the_simulation_of_the_readme_is_what_the_command_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let begin = "```console\n$ hither simulate ";
    let (before, rest) = readme.split_once(begin).expect("the README shows a simulation");
    let (line, rest) = rest.split_once('\n').unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    let arguments: Vec<&str> = line.split_ascii_whitespace().collect();
    let ended = simulate(root, &arguments).await;
    if std::env::var_os("BLESS").is_some() {
        let anew = format!("{before}{begin}{line}\n{}```{after}", ended.stdout);
        fs::write(root.join("README.md"), anew).unwrap();
    } else {
        assert_eq!(ended.stdout, shown);
    }
}

/// The simulator is as pure as what it plays.
#[test]
fn the_simulator_knows_the_balancer_and_no_runtime() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulate/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]").unwrap();
    let dependencies = rest.split("\n[").next().unwrap();
    assert!(dependencies.contains("hither-balance"), "{dependencies}");
    for other in ["hither-config", "hither-limit", "hither-plugin", "tokio", "hyper", "pingora"] {
        assert!(!dependencies.contains(other), "the simulator depends on {other}");
    }
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("simulate/src")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        for word in ["Instant", "SystemTime", "std::net"] {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
    }
}
