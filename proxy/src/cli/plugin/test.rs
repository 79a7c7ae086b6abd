//! `hither plugin test`

use crate::cli::shown::say;
use hither_author::{Error, Outcome, Project, Verdict, check};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Write down what the plugin says now, instead of comparing
    #[arg(long)]
    bless: bool,
}

pub(super) fn test(args: &Args) -> Result<ExitCode, Error> {
    let project = Project::read(&args.folder)?;
    let outcomes = check(&project, args.bless)?;
    outcomes.iter().for_each(show);
    let good = outcomes.iter().all(|outcome| outcome.verdict.is_good());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(Outcome { name, verdict }: &Outcome) {
    match verdict {
        Verdict::Same => say!("{name}: good"),
        Verdict::Written => say!("{name}: written"),
        Verdict::Different { expected, found } => {
            say!("{name}: it says something else; if that is right: `hither plugin test --bless`");
            say!("expected {expected}found {found}");
        }
        Verdict::New(found) => {
            say!("{name}: tests/{name}.json is not there; `hither plugin test --bless` writes");
            say!("{found}");
        }
    }
}
