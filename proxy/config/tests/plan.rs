//! What a good file means: defaults, what the environment lends, what wins over what.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hither_config::{
    AdminAddress, Code, Environment, HostPattern, Plan, ReadError, Report, Size, Source, load,
};
use serde_json::json;

const LEAST: &str = r#"
[[listener]]
address = "127.0.0.1:0"
[[service.web.instance]]
id = "ams-1"
address = "127.0.0.1:9001"
"#;

fn environment(variables: &'static [(&'static str, &'static str)]) -> Environment {
    Environment::new("Edge.Local", NonZeroUsize::new(6).expect("six"), |wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn read(text: &str, environment: &Environment) -> Result<Plan, Report> {
    load(&Source::new("hither.toml", "/etc/hither", text), environment)
}

fn plan(text: &str) -> Plan {
    read(text, &environment(&[])).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_least_file_has_the_documented_defaults() {
    let plan = plan(LEAST);
    assert_eq!(plan.edge.name, "edge.local");
    assert_eq!(plan.edge.region, "local");
    assert_eq!(plan.edge.threads.get(), 6);
    assert_eq!(plan.edge.drain_timeout, Duration::from_secs(30));
    let admin = "127.0.0.1:9900".parse().expect("an address");
    assert_eq!(plan.admin.address, AdminAddress::Tcp(admin));
    let listener = &plan.listeners[0];
    assert_eq!(listener.head_timeout, Duration::from_secs(10));
    assert_eq!((listener.max_head, listener.max_header_lines), (Size::new(32 * 1024), 100));
    let web = &plan.services["web"];
    assert_eq!(web.hosts, [HostPattern::Any]);
    assert_eq!(web.path_prefix.as_str(), "/");
    assert_eq!((web.concurrency.soft_limit.get(), web.concurrency.hard_limit), (20, None));
    assert_eq!(web.queue.max_waiting, 128);
    assert_eq!(web.queue.timeout, Duration::from_secs(10));
    assert_eq!(web.retry.attempts.get(), 3);
    assert_eq!(web.instances[0].region, "local");
}

#[test]
fn the_region_comes_from_the_file_then_hither_then_fly() {
    let both = environment(&[("FLY_REGION", "sin"), ("HITHER_REGION", "ams")]);
    let fly = environment(&[("FLY_REGION", "sin"), ("HITHER_REGION", "")]);
    let told = format!("[edge]\nregion = \"sea\"\n{LEAST}");
    let region = |text: &str, environment: &Environment| {
        let plan = read(text, environment).expect("a good file");
        assert_eq!(plan.services["web"].instances[0].region, plan.edge.region);
        plan.edge.region.to_string()
    };
    assert_eq!(region(LEAST, &both), "ams");
    assert_eq!(region(LEAST, &fly), "sin");
    assert_eq!(region(&told, &both), "sea");
}

#[test]
fn a_bad_variable_is_told_by_its_name_and_does_not_hide_the_file() {
    let text = LEAST.replace("127.0.0.1:9001", "nowhere");
    let report = read(&text, &environment(&[("FLY_REGION", "Ams!")])).expect_err("a bad region");
    let places: Vec<_> = report.problems().iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["$FLY_REGION", "service.web.instance[0].address"]);
    assert!(report.to_string().contains("--> $FLY_REGION"), "{report}");
}

#[test]
fn the_plugin_cache_follows_xdg_and_ignores_relative_folders() {
    let cache = |variables| read(LEAST, &environment(variables)).expect("good").edge.plugin_cache;
    let xdg = [("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/h")].as_slice();
    assert_eq!(cache(xdg), Path::new("/cache/hither/plugins"));
    let relative = [("XDG_CACHE_HOME", "cache"), ("HOME", "/home/h")].as_slice();
    assert_eq!(cache(relative), Path::new("/home/h/.cache/hither/plugins"));
    assert_eq!(cache([].as_slice()), Path::new("/etc/hither/run/plugins"));
}

#[test]
fn the_queue_holds_the_sum_of_hard_limits_but_at_least_128() {
    let waiting = |hard: u32, instances: u32| {
        let mut text = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n[service.web.concurrency]\nsoft_limit = 1\n\
             hard_limit = {hard}\n"
        );
        for port in 1..=instances {
            text += &format!(
                "[[service.web.instance]]\nid = \"i{port}\"\naddress = \"127.0.0.1:{port}\"\n"
            );
        }
        plan(&text).services["web"].queue.max_waiting
    };
    assert_eq!(waiting(25, 10), 250);
    assert_eq!(waiting(25, 2), 128);
    assert_eq!(waiting(1_000_000, 3), 1_000_000);
}

#[test]
fn a_service_replaces_a_plugins_configuration_wholly() {
    let text = format!(
        "{LEAST}
        [service.web]
        plugins = [\"headers\", \"plain\"]
        [service.web.plugin.headers.config]
        remove = [\"server\"]
        [plugin.plain]
        file = \"plain.wasm\"
        [plugin.headers]
        file = \"/opt/headers.wasm\"
        config = {{ set = {{ a = \"b\" }} }}
        "
    );
    let plan = plan(&text);
    let configs: Vec<_> = plan.services["web"].plugins.iter().map(|used| &used.config).collect();
    assert_eq!(configs, [&json!({ "remove": ["server"] }), &json!({})]);
    assert_eq!(plan.plugins["headers"].config, json!({ "set": { "a": "b" } }));
    assert_eq!(plan.plugins["plain"].code, Code::File("/etc/hither/plain.wasm".into()));
    assert_eq!(plan.plugins["headers"].code, Code::File("/opt/headers.wasm".into()));
}

#[test]
fn a_burst_is_one_second_of_its_rate() {
    let burst = |rate: &str| {
        let text = format!("{LEAST}[[service.web.limit]]\nname = \"all\"\nrate = \"{rate}\"\n");
        plan(&text).services["web"].limits[0].quota.burst.get()
    };
    assert_eq!((burst("100/s"), burst("90/m"), burst("30/m")), (100, 1, 1));
}

#[test]
fn equal_files_make_equal_plans_and_a_changed_value_shows() {
    assert_eq!(plan(LEAST), plan(&format!("# a comment\n{LEAST}")));
    assert_ne!(plan(LEAST), plan(&LEAST.replace("9001", "9002")));
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Source::read(folder.path().join("none.toml"));
    assert!(matches!(missing, Err(ReadError::Missing { .. })), "{missing:?}");
    let path: PathBuf = folder.path().join("hither.toml");
    fs::write(&path, b"[edge]\nname = \"\xff\"\n").expect("a file");
    let binary = Source::read(&path);
    assert!(matches!(binary, Err(ReadError::NotText { line: 2, .. })), "{binary:?}");
    let large = fs::File::create(&path).and_then(|file| file.set_len(17 << 20));
    large.expect("a sparse file");
    let large = Source::read(&path);
    assert!(matches!(large, Err(ReadError::TooLarge { .. })), "{large:?}");
    let unreadable = Source::read(folder.path());
    assert!(matches!(unreadable, Err(ReadError::Unreadable { .. })), "{unreadable:?}");
}

#[test]
fn a_file_that_is_read_knows_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hither.toml");
    fs::write(&path, LEAST).expect("a file");
    let source = Source::read(&path).expect("a source");
    assert_eq!(source.folder(), folder.path());
    assert_eq!(source.text(), LEAST);
}
