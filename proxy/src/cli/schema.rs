//! `hither schema`

use std::process::ExitCode;

pub(super) fn schema() -> ExitCode {
    println!("{:#}", hither_config::schema());
    ExitCode::SUCCESS
}
