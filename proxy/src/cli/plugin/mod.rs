//! `hither plugin`: what an author needs, one verb, one file. What the verbs do is `hither-author`'s; here
//! are words and exit codes.

mod bench;
mod build;
mod inspect;
mod new;
mod push;
mod run;
mod swap;
mod test;

use clap::Subcommand;
use hither_author::{Error, RequestFile, ResponseFile};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Start a plugin of your own, in a new folder
    ///
    /// It is a small plugin that works as it is: it sends a request to the region that a header names, and
    /// adds a header to every answer.
    New(new::Args),
    /// Build the plugin in a folder
    ///
    /// The component lands in the folder as NAME.wasm. For Rust, cargo is needed; for C, clang with
    /// wasi-libc; for JavaScript, componentize-qjs; for Python, componentize-py; for Go, go. What is
    /// missing is told with the command that installs it.
    Build(build::Args),
    /// Tell what a plugin is: hooks, capabilities, inputs, size
    Inspect(inspect::Args),
    /// Ask a plugin about one request, and print what it says
    Run(run::Args),
    /// Compare what a plugin says with golden files
    ///
    /// Each request in tests/NAME.http is put to the plugin, and what it says is compared with
    /// tests/NAME.json.
    Test(test::Args),
    /// Measure how long a plugin's calls take
    Bench(bench::Args),
    /// Put a plugin, or a component that answers requests, into an OCI registry
    ///
    /// It becomes an artifact by the CNCF's layout for WebAssembly, and what is printed names it for ever: the
    /// line for a configuration. Credentials are those of `docker login`. A registry on loopback is spoken to
    /// without encryption.
    Push(push::Args),
    /// Put a new build in the place of a plugin that serves
    ///
    /// At once, or after it has shown itself: with --shadow it sees copies of requests and its verdicts are
    /// compared with those that count; with --canary it decides a share of the requests, and the others,
    /// too, when its time is up without a complaint. A shadow changes nothing that requests see: its
    /// store is a copy, limiters are only looked at, calls to services fail, metrics count nowhere, and
    /// bodies are not shown to it.
    ///
    /// Both end early when the new revision fails more often, rejects more or takes longer than the old
    /// one; then the exit code is 1. The edge carries them through, whether this waits or not. What is
    /// swapped lasts until the next reload from the files.
    Swap(swap::Args),
}

/// An exchange to ask about.
#[derive(Debug, clap::Args)]
struct Exchange {
    /// The request, as on the wire; lines above it such as `# edge.region: ams` or
    /// `# config: {"a": 1}` say what surrounds it
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The service's response, as on the wire, for hooks that look at one
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
}

impl Exchange {
    /// What is not given is `GET /` and 200, without anything.
    fn read(&self) -> Result<(RequestFile, ResponseFile), Error> {
        let request = self.request.as_deref().map(RequestFile::read).transpose()?;
        let response = self.response.as_deref().map(ResponseFile::read).transpose()?;
        let request = request.unwrap_or_else(RequestFile::plain);
        Ok((request, response.unwrap_or_else(ResponseFile::plain)))
    }
}

pub(super) fn plugin(verb: &Verb) -> ExitCode {
    let done = match verb {
        Verb::New(args) => new::new(args),
        Verb::Build(args) => build::build(args),
        Verb::Inspect(args) => inspect::inspect(args),
        Verb::Run(args) => run::run(args),
        Verb::Test(args) => test::test(args),
        Verb::Bench(args) => bench::bench(args),
        Verb::Push(args) => push::push(args),
        Verb::Swap(args) => Ok(swap::swap(args)),
    };
    done.unwrap_or_else(super::fail)
}

/// Bytes as people read them.
fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
