//! `hither plugin inspect`

use super::size;
use crate::cli::shown::say;
use hither_author::{Error, Workbench};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's .wasm file
    file: PathBuf,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &Args) -> Result<ExitCode, Error> {
    let bench = Workbench::load(&args.file, false)?;
    let sheet = bench.sheet();
    let hooks: Vec<String> = sheet.hooks.iter().map(ToString::to_string).collect();
    let grants: Vec<String> = sheet.grants.iter().map(ToString::to_string).collect();
    if args.json {
        let json = serde_json::json!({
            "name": sheet.name,
            "version": sheet.version,
            "hooks": hooks,
            "capabilities": grants,
            "request_inputs": sheet.request_inputs,
            "response_inputs": sheet.response_inputs,
            "metrics": sheet.metrics,
            "config_schema": sheet.schema,
            "bytes": sheet.size,
            "sha256": sheet.digest,
        });
        say!("{json:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let line = |name: &str, value: String| say!("{name:<16} {value}");
    let list = |name: &str, values: &[String]| match values {
        [] => line(name, "none".to_owned()),
        values => line(name, values.join(", ")),
    };
    line("name", format!("{} {}", sheet.name, sheet.version));
    list("hooks", &hooks);
    list("capabilities", &grants);
    list("request inputs", &sheet.request_inputs);
    list("response inputs", &sheet.response_inputs);
    list("metrics", &sheet.metrics);
    line("config schema", if sheet.schema.is_some() { "yes" } else { "none" }.to_owned());
    line("size", size(sheet.size));
    line("sha256", sheet.digest.clone());
    Ok(ExitCode::SUCCESS)
}
