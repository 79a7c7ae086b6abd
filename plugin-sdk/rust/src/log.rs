//! The `log` capability: structured lines, to which the host adds plugin, revision and exchange.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::log as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::log as host;

pub use crate::bindings::imports::hither::plugin::log::Level;

/// Writes one line. The host bounds its length and how many there are per second.
pub fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    host::emit(level, message, &fields);
}

/// Whether lines of this level are kept, for those that are costly to make.
pub fn enabled(level: Level) -> bool {
    host::enabled(level)
}

/// Writes a line, made only when its level is kept: `log!(Info, "tenant {tenant} is new")`.
#[macro_export]
macro_rules! log {
    ($level:ident, $($message:tt)+) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::emit($crate::log::Level::$level, &::std::format!($($message)+), &[]);
        }
    };
}
