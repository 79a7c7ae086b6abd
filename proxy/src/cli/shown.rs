//! What verbs show on stdout. Whoever reads it may have seen enough (`hither status | head`): then the verb does what
//! is left of it without a word, and its exit code tells as ever.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// As `println!`, but for readers that leave.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::shown::show(format_args!("{}\n", format_args!($($words)*))) };
}
pub(super) use say;

/// Shows it as it is.
pub(super) fn show(words: Arguments<'_>) {
    match std::io::stdout().lock().write_fmt(words) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("hither: nothing can be shown: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}
