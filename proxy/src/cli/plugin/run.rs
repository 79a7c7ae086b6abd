//! `hither plugin run`

use super::Exchange;
use crate::cli::shown;
use hither_author::{Error, Workbench};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's .wasm file
    file: PathBuf,
    #[command(flatten)]
    exchange: Exchange,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Error> {
    let (request, response) = args.exchange.read()?;
    let bench = Workbench::load(&args.file, true)?;
    shown::show(format_args!("{}", bench.ask(&request, &response)?));
    Ok(ExitCode::SUCCESS)
}
