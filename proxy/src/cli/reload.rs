//! `hither reload`

use super::remote::Target;
use crate::cli::shown::say;
use http::{Method, StatusCode};
use serde_json::Value;
use std::process::ExitCode;

/// How to reload.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only tell what a reload would do
    #[arg(long, conflicts_with = "back")]
    dry_run: bool,
    /// Go back to what ran before the last swap
    #[arg(long)]
    back: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) fn reload(args: &Args) -> ExitCode {
    let path = match (args.dry_run, args.back) {
        (true, _) => "/reload?dry-run",
        (_, true) => "/reload/back",
        _ => "/reload",
    };
    match args.target.ask(Method::POST, path) {
        Ok((StatusCode::OK, outcome)) => {
            print(&outcome);
            ExitCode::SUCCESS
        }
        Ok((StatusCode::UNPROCESSABLE_ENTITY, rejection)) => refused(&rejection),
        Ok((status, answer)) => super::fail(format!("{status}: {answer}")),
        Err(error) => super::fail(error),
    }
}

fn lines<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    value[key].as_array().into_iter().flatten().filter_map(Value::as_str)
}

pub(super) fn print(outcome: &Value) {
    let result = outcome["result"].as_str().unwrap_or_default();
    say!("{result}: snapshot {}", outcome["snapshot"]);
    lines(outcome, "changes").for_each(|line| say!("  {line}"));
    for key in lines(outcome, "needs_restart") {
        say!("  {key}: takes effect at the next start only");
    }
}

/// Tells why nothing was changed.
pub(super) fn refused(rejection: &Value) -> ExitCode {
    eprintln!("hither: refused, what ran runs on");
    match rejection["report"]["problems"].as_array() {
        Some(problems) => problems.iter().for_each(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap_or_default();
            let line = problem["line"].as_u64().map(|line| format!("line {line}: "));
            eprintln!("  {}{}: {}", line.unwrap_or_default(), text("place"), text("message"));
            for key in ["label", "help"] {
                if !text(key).is_empty() {
                    eprintln!("      {}", text(key));
                }
            }
        }),
        None => eprintln!("  {}", rejection["error"].as_str().unwrap_or_default()),
    }
    ExitCode::from(3)
}
