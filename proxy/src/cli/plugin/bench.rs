//! `hither plugin bench`

use super::{Exchange, size};
use crate::cli::shown::say;
use hither_author::{Error, Measured, Workbench};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's .wasm file
    file: PathBuf,
    #[command(flatten)]
    exchange: Exchange,
    /// Seconds for each hook
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    time: u64,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn bench(args: &Args) -> Result<ExitCode, Error> {
    let (request, response) = args.exchange.read()?;
    let bench = Workbench::compile(&args.file)?;
    let first = bench.first_instance(&request)?;
    let measured = bench.measure(&request, &response, Duration::from_secs(args.time))?;
    let sheet = bench.sheet();
    if args.json {
        let hooks: Vec<_> = measured.iter().map(json).collect();
        let (load, first) = (sheet.load.as_secs_f64(), first.as_secs_f64());
        let json = serde_json::json!({
            "bytes": sheet.size, "load_seconds": load, "first_instance_seconds": first, "hooks": hooks,
        });
        say!("{json:#}");
        return Ok(ExitCode::SUCCESS);
    }
    say!("size             {}", size(sheet.size));
    say!("compiled in      {:.1} ms", sheet.load.as_secs_f64() * 1e3);
    say!("first instance   {:.3} ms", first.as_secs_f64() * 1e3);
    for Measured { hook, time, memory } in &measured {
        say!("\n{hook}: {} calls, {} of memory", time.calls, size(*memory));
        say!("  mean {:>9} ns", time.mean.as_nanos());
        let percentiles =
            [("50 %", time.p50), ("90 %", time.p90), ("99 %", time.p99), ("99.9 %", time.p999)];
        for (name, time) in percentiles {
            say!("  {name:<6} {:>7} ns", time.as_nanos());
        }
        say!("  most {:>9} ns", time.most.as_nanos());
    }
    Ok(ExitCode::SUCCESS)
}

fn json(measured: &Measured) -> serde_json::Value {
    let time = &measured.time;
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    serde_json::json!({
        "hook": measured.hook.to_string(),
        "calls": time.calls,
        "mean_ns": nanos(time.mean),
        "p50_ns": nanos(time.p50),
        "p90_ns": nanos(time.p90),
        "p99_ns": nanos(time.p99),
        "p999_ns": nanos(time.p999),
        "most_ns": nanos(time.most),
        "memory_bytes": measured.memory,
    })
}
