//! Text to [`ScenarioPlan`]: what `hither simulate` plays. Read with the same machinery, and the
//! same care for whoever made a mistake, as `hither.toml`.
//!
//! It must not know how a scenario is played.

mod arrivals;
mod check;
mod incident;
mod plan;
mod raw;
mod service_time;
mod title;

use serde_json::{Value, json};

pub use arrivals::ArrivalStep;
pub use plan::{
    ScenarioCheck, ScenarioEdge, ScenarioInstance, ScenarioOutage, ScenarioPlan, ScenarioRetry,
    ScenarioTimeouts,
};
pub use service_time::{ServiceTime, ServiceTimePart, ServiceTimeShape};

use crate::findings::{Document, Findings};
use crate::read;
use crate::report::Report;
use crate::source::Source;
use crate::syntax;

/// Reads a scenario.
///
/// # Errors
/// Every problem of the file at once, in the order of the text.
pub fn load(source: &Source) -> Result<ScenarioPlan, Report> {
    let mut findings = Findings::of(Document::Scenario);
    let plan = syntax::parse(source.text(), &mut findings, |tree, findings| {
        let raw = read::read_root::<raw::RawScenario>(tree, findings);
        check::check(raw, findings)
    });
    match plan.flatten() {
        Some(plan) if findings.is_empty() => Ok(plan),
        _ => Err(Report::new(source, findings)),
    }
}

/// The JSON Schema (draft 2020-12) of a scenario, for editors.
pub fn schema() -> Value {
    let mut schema = read::describe::<raw::RawScenario>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("A scenario for hither simulate");
    schema["description"] = json!("Traffic, instances and incidents, played in virtual time.");
    schema
}
