//! `hither check`

use crate::app;
use crate::cli::shown::say;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn check(config: &Path) -> ExitCode {
    match app::check(config) {
        Ok(()) => {
            say!("{}: good", config.display());
            ExitCode::SUCCESS
        }
        Err(rejection) => super::reject(&rejection),
    }
}
