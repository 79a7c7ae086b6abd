//! `hither schema`

use crate::cli::shown::say;
use std::process::ExitCode;

/// Of what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Of a scenario for `hither simulate` instead
    #[arg(long)]
    scenario: bool,
}

pub(super) fn schema(args: &Args) -> ExitCode {
    let schema = match args.scenario {
        true => hither_config::scenario::schema(),
        false => hither_config::schema(),
    };
    say!("{schema:#}");
    ExitCode::SUCCESS
}
