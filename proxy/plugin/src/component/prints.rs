//! What a component prints: cut into lines, made harmless, bounded in rate, and handed to whoever keeps
//! the log.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::capability::{Rate, plain};
use crate::environment::Level;
use crate::wasi::{Output, Stream};

/// What is taken at once.
const ROOM: usize = 8 << 10;
/// Longer lines are cut in two before they come here; escaping makes them longer.
const LONGEST_LINE: usize = 8 << 10;

/// Takes lines that components print. Called on request threads: must neither block nor wait.
pub trait Printer: Send + Sync + 'static {
    /// Takes one line.
    fn print(&self, line: &PrintedLine<'_>);
}

/// One line that a component printed.
#[derive(Debug)]
pub struct PrintedLine<'a> {
    /// The operator's name of the component.
    pub component: &'a str,
    /// Which revision printed.
    pub revision: u64,
    /// The exchange for which it ran.
    pub exchange: u64,
    /// Information on standard output, a warning on standard error.
    pub level: Level,
    /// At most 8 KiB, without control characters.
    pub text: &'a str,
    /// Lines of this component that were dropped for their rate since its last line.
    pub dropped: u64,
}

/// Where the instances of one component print.
pub(super) struct Press {
    pub(super) component: Arc<str>,
    pub(super) revision: u64,
    pub(super) printer: Arc<dyn Printer>,
    pub(super) rate: Rate,
}

/// What one instance prints: its unfinished lines are shared by both of its streams.
#[derive(Clone)]
pub(super) struct Prints(Arc<Shared>);

struct Shared {
    press: Arc<Press>,
    exchange: u64,
    output: Mutex<Output>,
}

/// One stream of it.
pub(super) struct Print {
    prints: Prints,
    stream: Stream,
}

impl Prints {
    pub(super) fn new(press: Arc<Press>, exchange: u64) -> Self {
        Self(Arc::new(Shared { press, exchange, output: Mutex::default() }))
    }

    pub(super) fn stream(&self, stream: Stream) -> Print {
        Print { prints: self.clone(), stream }
    }

    /// The end of what it printed, if it printed anything.
    pub(super) fn last_words(&self) -> Option<String> {
        self.0.output.lock().last_words()
    }

    fn take(&self, stream: Stream, bytes: &[u8]) {
        let Shared { press, exchange, output } = &*self.0;
        output.lock().take(stream, bytes, |line| {
            let Some(dropped) = press.rate.pass(Instant::now()) else { return };
            press.printer.print(&PrintedLine {
                component: &press.component,
                revision: press.revision,
                exchange: *exchange,
                level: match stream {
                    Stream::Out => Level::Info,
                    Stream::Error => Level::Warn,
                },
                text: &plain(line.to_owned(), LONGEST_LINE),
                dropped,
            });
        });
    }
}

impl Print {
    fn again(&self) -> Self {
        Self { prints: self.prints.clone(), stream: self.stream }
    }
}

impl IsTerminal for Print {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Print {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.again())
    }

    /// For WASI 0.1 alone, which is not linked.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for Print {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.prints.take(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(ROOM)
    }
}

#[async_trait::async_trait]
impl Pollable for Print {
    /// What is printed never waits.
    async fn ready(&mut self) {}
}
