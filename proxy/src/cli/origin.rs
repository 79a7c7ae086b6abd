//! `hither origin`

use crate::origin::{self, Origin, OriginSpec};
use crate::telemetry::init_logging;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// What the origin is to be.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens; port 0 takes any free port
    #[arg(long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// The region it says it is in
    #[arg(long, default_value = "local")]
    region: String,
    /// How long it waits before each answer, as 5ms or 2s
    #[arg(long, default_value = "0s", value_parser = duration)]
    delay: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let help = || format!("`{text}` is not a duration; write 5ms, 2s or 1m");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(help)?;
    let number: u64 = text[..digits].parse().map_err(|_| help())?;
    match &text[digits..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(help),
        _ => Err(help()),
    }
}

pub(super) fn origin(args: &Args) -> ExitCode {
    init_logging(true, "info");
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return super::fail(error),
    };
    let spec = OriginSpec { address: args.address, region: args.region.clone(), delay: args.delay };
    runtime.block_on(async {
        let bound = match Origin::bind(spec).await {
            Ok(bound) => bound,
            Err(error) => return super::fail(format!("{}: {error}", args.address)),
        };
        tracing::info!(address = %bound.local_address(), "origin listening");
        origin::serve(bound, told_to_end()).await;
        ExitCode::SUCCESS
    })
}

async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
