//! The command line: one verb, one file. Arguments are parsed here and converted once.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid.

mod check;
mod completions;
mod explain;
mod origin;
mod plugin;
mod purge;
mod reload;
mod remote;
mod run;
mod schema;
mod shown;
mod simulate;
mod status;

use crate::snapshot::Rejection;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Hither, an edge reverse proxy: the least loaded, closest instance, and your own plugins.
#[derive(Debug, Parser)]
#[command(name = "hither", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve
    Run(ConfigArg),
    /// Check a configuration and load its plugins, without serving
    Check(ConfigArg),
    /// Make a running edge take the changed files over
    Reload(reload::Args),
    /// Show what a running edge does
    Status(remote::Target),
    /// Purge what a running edge keeps in its cache
    Purge(purge::Args),
    /// Tell what a request would get, and why
    ///
    /// The service that it matches, the rate limits, what each plugin says, and the instances in the
    /// order of preference, each with the reason why it is passed over.
    ///
    /// The running edge is asked. Nothing is sent to an instance, and no limit, metric or breaker
    /// counts the request. But plugins are really called: what they log, store and measure by
    /// themselves stays. Where no edge runs with the configuration, it is read and explained from, as
    /// if it had just been started: every instance is taken for healthy and idle.
    Explain(explain::Args),
    /// Print the JSON Schema of the configuration, for editors
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write plugins: start one, build it, ask it, test it, measure it
    #[command(subcommand)]
    Plugin(plugin::Verb),
    /// Run a small origin to try things with
    Origin(origin::Args),
    /// Play a scenario in virtual time: this balancer beside other policies
    Simulate(simulate::Args),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "hither.toml")]
    config: PathBuf,
}

impl Cli {
    /// Carries the verb out and gives the exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.verb {
            Verb::Run(arg) => run::run(&arg.config),
            Verb::Check(arg) => check::check(&arg.config),
            Verb::Reload(args) => reload::reload(&args),
            Verb::Status(target) => status::status(&target),
            Verb::Purge(args) => purge::purge(&args),
            Verb::Explain(args) => explain::explain(&args),
            Verb::Schema(args) => schema::schema(&args),
            Verb::Completions { shell } => completions::completions(shell),
            Verb::Plugin(verb) => plugin::plugin(&verb),
            Verb::Origin(args) => origin::origin(&args),
            Verb::Simulate(args) => simulate::simulate(&args),
        }
    }
}

/// Prints why, and gives the exit code that belongs to it.
fn reject(rejection: &Rejection) -> ExitCode {
    match rejection {
        Rejection::Invalid(report) if std::io::stderr().is_terminal() => {
            eprintln!("{}", report.colored());
        }
        Rejection::Invalid(report) => eprintln!("{report}"),
        other => eprintln!("hither: {other}"),
    }
    ExitCode::from(match rejection {
        Rejection::Invalid(_) | Rejection::Unreadable(_) => 3,
        Rejection::Other(_) => 1,
    })
}

/// Prints why a verb failed.
fn fail(why: impl std::fmt::Display) -> ExitCode {
    eprintln!("hither: {why}");
    ExitCode::from(1)
}
