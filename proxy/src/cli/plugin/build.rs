//! `hither plugin build`

use super::size;
use crate::cli::shown::say;
use hither_author::{Error, Project};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn build(args: &Args) -> Result<ExitCode, Error> {
    let project = Project::read(&args.folder)?;
    let built = hither_author::build(&project)?;
    let (path, size, time) = (built.path.display(), size(built.bytes), built.time.as_secs_f64());
    say!("{path}: {size}, in {time:.1} s");
    Ok(ExitCode::SUCCESS)
}
