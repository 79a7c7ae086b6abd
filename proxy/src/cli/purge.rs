//! `hither purge`

use super::remote::Target;
use crate::cli::shown::say;
use http::{Method, StatusCode};
use std::process::ExitCode;

/// What to purge.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// What is kept of this URL, in all its variants: http://HOST/PATH
    #[arg(long)]
    url: Option<String>,
    /// What bears this tag
    #[arg(long)]
    tag: Option<String>,
    /// What is kept of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

pub(super) fn purge(args: &Args) -> ExitCode {
    let What { url, tag, service } = &args.what;
    let pairs = [("url", url), ("tag", tag), ("service", service)];
    let mut query = form_urlencoded::Serializer::new(String::from("/cache?"));
    for (key, value) in pairs {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    match args.target.ask(Method::DELETE, &query.finish().replacen("?&", "?", 1)) {
        Ok((StatusCode::OK, answer)) => {
            say!("purged: {}", answer["purged"]);
            ExitCode::SUCCESS
        }
        Ok((_, answer)) => super::fail(answer["error"].as_str().unwrap_or("no answer")),
        Err(error) => super::fail(error),
    }
}
