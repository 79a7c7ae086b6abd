//! `hither completions`

use super::{Cli, shown};
use clap::CommandFactory;
use std::process::ExitCode;

pub(super) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hither", &mut script);
    shown::show(format_args!("{}", String::from_utf8_lossy(&script)));
    ExitCode::SUCCESS
}
