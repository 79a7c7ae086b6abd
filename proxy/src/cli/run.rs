//! `hither run`

use crate::app;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(config: &Path) -> ExitCode {
    match app::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(rejection) => super::reject(&rejection),
    }
}
