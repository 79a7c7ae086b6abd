//! `hither plugin new`

use crate::cli::shown::say;
use hither_author::{Error, Language, create};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Its name: lower-case letters, digits and `-`; the folder is called so, too
    name: String,
    /// The language: rust, c, js, python or go
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
    /// Where the folder is made
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    within: PathBuf,
}

pub(super) fn new(args: &Args) -> Result<ExitCode, Error> {
    let folder = create(&args.within, &args.name, args.lang)?;
    let shown = folder.strip_prefix(".").unwrap_or(&folder).display();
    say!("{shown} is there. Next:\n\n  hither plugin build {shown}\n  hither plugin test {shown}");
    Ok(ExitCode::SUCCESS)
}
