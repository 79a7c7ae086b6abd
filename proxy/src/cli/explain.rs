//! `hither explain`

mod text;

use super::remote::{NoAnswer, Target};
use crate::app;
use crate::explain::{Explanation, Question};
use clap::ValueEnum;
use http::{Method, StatusCode};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

/// What to ask, and how to show it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// https://example.com/path, example.com/path or /path
    url: String,
    /// A header of the request, as 'x-tenant: acme'
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Its method
    #[arg(long, short = 'X', default_value = "GET")]
    method: String,
    /// Whose connection it is: a client, or a trusted proxy with -H 'x-forwarded-for: …'
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    client: IpAddr,
    /// The listener it comes to, as configured; default: the first
    #[arg(long, value_name = "ADDRESS")]
    listener: Option<String>,
    /// How many instances to tell of
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    candidates: usize,
    /// Explain from the configuration even if an edge runs
    #[arg(long, conflicts_with = "admin")]
    offline: bool,
    /// How to show it
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// Everything, for programs: times in seconds
    Json,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn explain(args: &Args) -> ExitCode {
    let question = Question {
        url: args.url.clone(),
        method: Some(args.method.clone()),
        headers: args.headers.clone(),
        client: Some(args.client),
        listener: args.listener.clone(),
        candidates: Some(args.candidates),
    };
    let config = args.target.config();
    if let Some(config) = config.filter(|_| args.offline) {
        return from_file(config, &question, None, args.format);
    }
    match (ask(&args.target, &question), config) {
        (Ok(explanation), _) => show(&explanation, None, args.format),
        (Err(NoAnswer::Nobody(why)), Some(config)) => {
            from_file(config, &question, Some(&why), args.format)
        }
        (Err(NoAnswer::Config(rejection)), _) => super::reject(&rejection),
        (Err(error), _) => super::fail(error),
    }
}

fn ask(target: &Target, question: &Question) -> Result<Explanation, NoAnswer> {
    let other = |error: serde_json::Error| NoAnswer::Other(format!("the edge's answer: {error}"));
    let body = serde_json::to_vec(question).map_err(other)?;
    match target.send(Method::POST, "/explain", body.into())? {
        (StatusCode::OK, answer) => serde_json::from_value(answer).map_err(other),
        (status, answer) => {
            let why = answer["error"].as_str().map(str::to_owned);
            Err(NoAnswer::Other(why.unwrap_or_else(|| format!("{status}: {answer}"))))
        }
    }
}

/// `why`: nobody could be asked.
fn from_file(config: &Path, question: &Question, why: Option<&str>, format: Format) -> ExitCode {
    match app::explain(config, question) {
        Ok(explanation) => show(&explanation, why, format),
        Err(rejection) => super::reject(&rejection),
    }
}

fn show(explanation: &Explanation, why: Option<&str>, format: Format) -> ExitCode {
    let shown = match format {
        Format::Text => text::text(explanation, why),
        Format::Json => match serde_json::to_string_pretty(explanation) {
            Ok(json) => json + "\n",
            Err(error) => return super::fail(error),
        },
    };
    super::shown::show(format_args!("{shown}"));
    ExitCode::SUCCESS
}
