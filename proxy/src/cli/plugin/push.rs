//! `hither plugin push`

use super::size;
use crate::cli::shown::say;
use crate::snapshot::image;
use hither_author::{Error, Parcel};
use hither_config::OciImage;
use hither_fetch::{Artifact, Fetcher, Surface};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's or component's .wasm file
    file: PathBuf,
    /// Where to: REGISTRY/REPOSITORY[:TAG], such as ghcr.io/team/headers:1.2
    image: String,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn push(args: &Args) -> Result<ExitCode, Error> {
    let to = OciImage::parse(&args.image).map_err(|why| {
        let example = "ghcr.io/team/headers:1.2";
        Error::Usage(format!(
            "`{}` is no place to push to: {why}; a valid one: {example}",
            args.image
        ))
    })?;
    let parcel = Parcel::pack(&args.file)?;
    let mut annotations = vec![("org.opencontainers.image.title".to_owned(), parcel.title)];
    let version =
        parcel.version.map(|version| ("org.opencontainers.image.version".to_owned(), version));
    annotations.extend(version);
    let artifact = Artifact {
        wasm: &parcel.wasm,
        component: Some(Surface { imports: parcel.imports, exports: parcel.exports }),
        annotations,
    };
    let fetcher = Fetcher::new(None, parcel.wasm.len() as u64);
    let pushed = match fetcher.push(&image(&to), &artifact) {
        Ok(pushed) => pushed,
        Err(error) => return Ok(crate::cli::fail(error)),
    };
    let reference = format!("{to}@{}", pushed.manifest_digest());
    if args.json {
        let json = serde_json::json!({ "reference": reference, "bytes": parcel.wasm.len() });
        say!("{json:#}");
    } else {
        let known = if pushed.known { ", which was there already" } else { "" };
        say!("pushed {}{known}; an edge takes it as\n", size(parcel.wasm.len()));
        say!("    file = \"{reference}\"");
    }
    Ok(ExitCode::SUCCESS)
}
