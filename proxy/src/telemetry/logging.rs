//! The application log: what the operator reads when something is unusual. To stderr.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts logging. `level` is a word such as "info"; `HITHER_LOG` overrides it in the syntax of
/// `tracing_subscriber::EnvFilter`. That DNS does not answer is told once, by ourselves. Pingora's own log lines pass only from errors up: each of its
/// faults reaches the access log by our own way. Wasmtime's WASI tells of each mistake of a guest's, as often as the
/// guest likes.
pub(crate) fn init(json: bool, level: &str) {
    let filter = EnvFilter::try_from_env("HITHER_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!("{level},pingora=off,wasmtime=off,hickory=off,h2=error,hyper=error"))
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_timer(SystemTime);
    // A second call (as in tests of one process) changes nothing.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
}
