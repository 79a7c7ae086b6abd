//! `hither completions`

use super::Cli;
use clap::CommandFactory;
use std::process::ExitCode;

pub(super) fn completions(shell: clap_complete::Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "hither", &mut std::io::stdout());
    ExitCode::SUCCESS
}
