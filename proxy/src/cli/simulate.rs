//! `hither simulate`

mod scenario;

use crate::snapshot::Rejection;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hither_config::Source;
use hither_config::scenario::{self as text, ArrivalStep};
use hither_simulate::{Others, PolicyKind, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to play, and how to show it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario; some to begin with are in examples/simulate
    file: PathBuf,
    /// Only these policies, as hither,random
    #[arg(long, value_name = "POLICIES", value_delimiter = ',', value_parser = policy())]
    policy: Vec<PolicyKind>,
    /// What the other policies are given
    #[arg(long, value_name = "WHAT", default_value = "bare")]
    others: OthersArg,
    /// Other traffic than the file's, at every edge, as "300/s for 20s, 500 at once"
    #[arg(long, value_name = "STEPS", value_parser = arrivals)]
    arrivals: Option<Steps>,
    /// Another seed than the file's
    #[arg(long)]
    seed: Option<u32>,
    /// How to show what was found
    #[arg(long, default_value = "text")]
    format: Format,
    /// Draw it, too
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// Everything, for programs: times in seconds, shares from 0 to 1
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OthersArg {
    /// The policy alone, as proxies come out of the box
    Bare,
    /// And the hard limit as a circuit breaker, ejection as outlier detection
    Equipped,
}

/// In one piece, since clap takes a list for a repeated option.
type Steps = std::sync::Arc<[ArrivalStep]>;

fn arrivals(text: &str) -> Result<Steps, String> {
    ArrivalStep::list(text).map(Into::into)
}

fn policy() -> impl TypedValueParser<Value = PolicyKind> {
    let named = |name: String| {
        PolicyKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("no such policy")
    };
    PossibleValuesParser::new(PolicyKind::ALL.map(PolicyKind::name)).try_map(named)
}

pub(super) fn simulate(args: &Args) -> ExitCode {
    let source = match Source::read(&args.file) {
        Ok(source) => source,
        Err(hither_config::ReadError::Missing { path }) => {
            return invalid(format!("there is no scenario at {}", path.display()));
        }
        Err(error) => return invalid(error),
    };
    let plan = match text::load(&source) {
        Ok(plan) => plan,
        Err(report) => return super::reject(&Rejection::Invalid(Box::new(report))),
    };
    let seed = args.seed.unwrap_or(plan.seed);
    let scenario = scenario::scenario(plan, args.arrivals.as_deref());
    let policies = match args.policy.as_slice() {
        [] => &PolicyKind::ALL,
        chosen => chosen,
    };
    let others = match args.others {
        OthersArg::Bare => Others::Bare,
        OthersArg::Equipped => Others::Equipped,
    };
    match hither_simulate::simulate(&scenario, policies, others, seed.into()) {
        Ok(report) => show(&report, args),
        Err(error) => super::fail(error),
    }
}

fn show(report: &Report, args: &Args) -> ExitCode {
    if let Some(path) = &args.plot
        && let Err(error) = draw(report, path)
    {
        return super::fail(error);
    }
    let shown = match args.format {
        Format::Text => report.to_string(),
        Format::Json => match serde_json::to_string_pretty(report) {
            Ok(json) => json + "\n",
            Err(error) => return super::fail(error),
        },
    };
    super::shown::show(format_args!("{shown}"));
    ExitCode::SUCCESS
}

fn draw(report: &Report, path: &Path) -> Result<(), String> {
    let picture = hither_simulate::plot(report).map_err(|error| error.to_string())?;
    std::fs::write(path, picture).map_err(|error| format!("{}: {error}", path.display()))
}

/// A scenario that cannot be read.
fn invalid(why: impl std::fmt::Display) -> ExitCode {
    eprintln!("hither: {why}");
    ExitCode::from(3)
}
