//! Every file in `scenario/`: a good one loads, a bad one gives exactly the report beside it.
//! `BLESS=1 cargo test -p hither-config` writes the reports anew; read the diff before committing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hither_config::scenario::{self, ArrivalStep, ScenarioPlan};
use hither_config::{Report, Source};
use proptest::prelude::*;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .toml in {}", folder.display());
    files
}

fn load(path: &Path) -> Result<ScenarioPlan, Report> {
    let text = fs::read_to_string(path).expect("a scenario is text");
    let name = path.file_name().expect("it has a name").to_string_lossy();
    scenario::load(&Source::new(name, "/", text))
}

#[test]
fn every_bad_scenario_gives_its_report_and_every_good_one_loads() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files("tests/scenario") {
        let golden = path.with_extension("err");
        let report = load(&path).err();
        for problem in report.iter().flat_map(Report::problems) {
            assert!(problem.example.is_some(), "{}: no example: {problem:?}", path.display());
        }
        let actual = report.map(|report| format!("{report}\n")).unwrap_or_default();
        if bless && (golden.exists() || !actual.is_empty()) {
            fs::write(&golden, &actual).expect("the report can be written");
        }
        if actual != fs::read_to_string(&golden).unwrap_or_default() {
            wrong.push(format!("{}:\n{actual}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these reports differ from their .err files:\n{}", wrong.join("\n"));
}

#[test]
fn every_shipped_scenario_loads_and_is_valid_by_the_schema() {
    let validator = jsonschema::validator_for(&scenario::schema()).expect("a valid schema");
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenario/good-everything.toml");
    for path in files("../../examples/simulate").into_iter().chain([good]) {
        if let Err(report) = load(&path) {
            panic!("{report}");
        }
        let text = fs::read_to_string(&path).expect("a scenario is text");
        let file: serde_json::Value = toml::from_str(&text).expect("a scenario is TOML");
        assert!(validator.is_valid(&file), "{} is not valid", path.display());
    }
}

#[test]
fn a_scenario_means_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenario");
    let plan =
        load(&folder.join("good-everything.toml")).unwrap_or_else(|report| panic!("{report}"));
    let second = Duration::from_secs(1);
    let ids: Vec<&str> = plan.instances.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["ams-1", "ams-2", "slow", "sin-1", "sin-2"]);
    let regions: Vec<usize> = plan.instances.iter().map(|instance| instance.region).collect();
    assert_eq!(regions, [0, 0, 0, 1, 1]);
    let workers: Vec<u32> =
        plan.instances.iter().filter_map(|instance| instance.workers).map(u32::from).collect();
    assert_eq!(workers, [25, 25, 4, 25, 25], "a group's own, else the hard limit");
    assert_eq!(plan.edges[1].arrivals, [ArrivalStep::Burst(500)]);
    assert_eq!(plan.edges[0].arrivals.len(), 2);
    assert_eq!(plan.show_after, [10, 20]);
    let times: Vec<_> =
        plan.outages.iter().map(|outage| (&outage.instances[..], outage.from, outage.to)).collect();
    let expected: [(&[usize], u32, u32); 8] = [
        (&[0, 1, 2], 10, 20),
        (&[1], 5, 6),
        (&[2], 7, 8),
        (&[0], 30, 33),
        (&[1], 33, 36),
        (&[2], 36, 39),
        (&[3], 39, 42),
        (&[4], 42, 45),
    ];
    assert_eq!(times, expected.map(|(hit, from, to)| (hit, second * from, second * to)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_scenario_is_reported_and_never_a_panic(
        from in 0.0..1.0_f64,
        cut in 0..80_usize,
        put in "[\\[\\]=\"a-z0-9./% ,{}\n]{0,20}",
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenario/good-everything.toml");
        let whole = fs::read_to_string(path).expect("a scenario is text");
        let at = (whole.len() as f64 * from) as usize;
        let end = (at + cut).min(whole.len());
        let text = format!("{}{put}{}", &whole[..at], &whole[end..]);
        if let Err(report) = scenario::load(&Source::new("hostile.toml", "/", text)) {
            prop_assert!(!report.problems().is_empty());
        }
    }

    #[test]
    fn steps_of_traffic_are_read_from_any_text_without_a_panic(text in ".{0,40}") {
        if let Ok(steps) = ArrivalStep::list(&text) {
            prop_assert!(steps.iter().all(|step| step.requests().is_finite()));
        }
    }
}
