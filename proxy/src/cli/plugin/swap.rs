//! `hither plugin swap`: a plugin of a running edge, at once or by way of a shadow or a canary. The edge carries
//! it through by itself; here it is only waited for.

use crate::cli::remote::Target;
use crate::cli::shown::say;
use crate::cli::{fail, reload};
use crate::rollout::{Percent, duration};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

mod report;

/// Between two looks at what becomes of it.
const LOOK: Duration = Duration::from_millis(500);
/// Looks that may fail one after the other: an edge may be busy, and a network may stumble.
const MOST_MISSED: u32 = 20;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin, as the configuration of the edge calls it
    name: String,
    /// Its new .wasm file
    #[arg(value_name = "FILE", required_unless_present = "back", conflicts_with = "back")]
    file: Option<PathBuf>,
    /// First show it copies of requests for this long, such as 1m, and tell how its verdicts differ. Nothing
    /// is swapped
    #[arg(long, value_name = "DURATION", value_parser = lasts, conflicts_with_all = ["canary", "back"])]
    shadow: Option<String>,
    /// First give it this share of the requests, such as 5%; it takes the others over if it fails, rejects and
    /// takes no more than the old one
    #[arg(long, value_name = "PERCENT", value_parser = share, conflicts_with = "back")]
    canary: Option<String>,
    /// How long a canary lasts
    #[arg(long = "for", value_name = "DURATION", value_parser = lasts, requires = "canary", default_value = "5m")]
    lasts: String,
    /// End its shadow or canary, or else go back to what ran before its last swap
    #[arg(long)]
    back: bool,
    #[command(flatten)]
    target: Target,
}

fn lasts(text: &str) -> Result<String, String> {
    duration(text).map(|_| text.to_owned())
}

fn share(text: &str) -> Result<String, String> {
    Percent::parse(text).map(|percent| percent.to_string())
}

pub(super) fn swap(args: &Args) -> ExitCode {
    let (path, body) = match &args.file {
        None => (format!("/plugins/{}/back", args.name), Vec::new()),
        Some(file) => match std::fs::read(file) {
            Ok(bytes) => (path(args), bytes),
            Err(error) => return fail(format!("{} cannot be read: {error}", file.display())),
        },
    };
    let outcome = match args.target.send(Method::POST, &path, Bytes::from(body)) {
        Ok((StatusCode::OK, outcome)) => outcome,
        Ok((StatusCode::UNPROCESSABLE_ENTITY, rejection)) => return reload::refused(&rejection),
        Ok((_, answer)) if answer["error"].is_string() => {
            return fail(answer["error"].as_str().unwrap_or_default());
        }
        Ok((status, answer)) => return fail(format!("{status}: {answer}")),
        Err(error) => return fail(error),
    };
    reload::print(&outcome);
    match (outcome["result"].as_str(), outcome["rollout"]["id"].as_u64()) {
        (Some("started"), Some(id)) => follow(args, id),
        _ => ExitCode::SUCCESS,
    }
}

fn path(args: &Args) -> String {
    let name = &args.name;
    match (&args.shadow, &args.canary) {
        (Some(lasts), _) => format!("/plugins/{name}?shadow={lasts}"),
        (None, Some(share)) => {
            format!("/plugins/{name}?canary={}&for={}", share.replace('%', "%25"), args.lasts)
        }
        (None, None) => format!("/plugins/{name}"),
    }
}

/// Shows what becomes of a rollout, until its end.
fn follow(args: &Args, id: u64) -> ExitCode {
    let (mut missed, mut told) = (0, String::new());
    loop {
        std::thread::sleep(LOOK);
        let status = match args.target.ask(Method::GET, "/status") {
            Ok((StatusCode::OK, status)) => status,
            Ok((status, answer)) => return fail(format!("{status}: {answer}")),
            Err(error) => {
                missed += 1;
                if missed >= MOST_MISSED {
                    return fail(format!(
                        "{error}; the rollout goes on by itself, where the edge does"
                    ));
                }
                continue;
            }
        };
        missed = 0;
        let rollouts = status["rollouts"].as_array().into_iter().flatten();
        let Some(rollout) = rollouts.into_iter().find(|rollout| rollout["id"] == id) else {
            return fail("the edge does not know this rollout any more; was it started anew?");
        };
        if rollout["state"] == "running" {
            let progress = report::progress(rollout);
            if progress != told {
                say!("{progress}");
                told = progress;
            }
            continue;
        }
        return ended(rollout);
    }
}

fn ended(rollout: &Value) -> ExitCode {
    report::whole(rollout);
    match rollout["state"].as_str() {
        Some("promoted" | "finished") => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}
