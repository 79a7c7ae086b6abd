//! A rollout's status in lines for people.

use crate::cli::shown::{self, say};
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// One line while it runs.
pub(super) fn progress(rollout: &Value) -> String {
    let (old, new) = (&rollout["old"], &rollout["new"]);
    let (called, rejected) = (number(&new["calls"]), number(&new["rejects"]));
    let mut line = format!(
        "{}: {called} calls of the new revision, {} failed, {rejected} rejected; {} of the old one",
        text(rollout, "kind"),
        number(&new["failures"]),
        number(&old["calls"]),
    );
    if rollout["comparison"].is_object() {
        let different: u64 = hooks(rollout).map(|(_, hook)| number(&hook["different"])).sum();
        line.push_str(&format!("; {different} verdicts differ"));
    }
    line
}

/// All that was found.
pub(super) fn whole(rollout: &Value) {
    let state = text(rollout, "state").replace('_', " ");
    let why = rollout["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
    say!("{} of {} {state}{why}", text(rollout, "kind"), text(rollout, "plugin"));
    say!(
        "  {:<10} {:>12} {:>9} {:>9} {:>9} {:>11} {:>11}",
        "revision",
        "sha256",
        "calls",
        "failed",
        "rejected",
        "median",
        "99 %"
    );
    for which in ["old", "new"] {
        let side = &rollout[which];
        let time = |share: &str| {
            let seconds = side["call_seconds"][share].as_f64();
            seconds.map_or("-".to_owned(), |seconds| format!("{:.3} ms", seconds * 1e3))
        };
        say!(
            "  {which} {:<6} {:>12.12} {:>9} {:>9} {:>9} {:>11} {:>11}",
            number(&side["revision"]),
            text(side, "digest"),
            number(&side["calls"]),
            number(&side["failures"]),
            number(&side["rejects"]),
            time("p50"),
            time("p99"),
        );
    }
    for (name, hook) in hooks(rollout) {
        comparison(name, hook);
    }
    let dropped = number(&rollout["comparison"]["dropped"]);
    if dropped > 0 {
        say!("  {dropped} copies were thrown away: the shadow could not keep up, or it was over");
    }
}

fn comparison(name: &str, hook: &Value) {
    shown::show(format_args!(
        "  {name}: {} compared, {} equal",
        number(&hook["compared"]),
        number(&hook["equal"])
    ));
    say!(
        ", {} different, {} not comparable",
        number(&hook["different"]),
        number(&hook["not_comparable"])
    );
    for example in hook["examples"].as_array().into_iter().flatten() {
        let differs = example["differs"].as_array().into_iter().flatten();
        let differs: Vec<&str> = differs.filter_map(Value::as_str).collect();
        say!(
            "    {} times, first at {}: {}",
            number(&example["times"]),
            text(example, "of"),
            differs.join(", ")
        );
        say!("      old {}", text(example, "old"));
        say!("      new {}", text(example, "new"));
    }
}

fn hooks(rollout: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let hooks = rollout["comparison"]["hooks"].as_object();
    hooks.into_iter().flatten().map(|(name, hook)| (name.as_str(), hook))
}
