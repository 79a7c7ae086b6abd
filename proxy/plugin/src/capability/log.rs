//! `log`: structured lines, bounded in size and rate, that cannot forge another.

use std::time::Instant;

use super::Capabilities;
use crate::contract::hither::plugin::log;
use crate::environment::{Level, LogLine};
use crate::guest::Guest;

const LONGEST_MESSAGE: usize = 8 << 10;
const LONGEST_FIELD: usize = 1 << 10;
const MOST_FIELDS: usize = 32;

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Trace => Self::Trace,
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl Capabilities {
    /// Writes a line to the plugin's log.
    pub(crate) fn write(
        &self,
        exchange: Option<u64>,
        config: u32,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) {
        if !self.environment.log_enabled(&self.plugin, level) {
            return;
        }
        let Some(dropped) = self.rate.pass(Instant::now()) else { return };
        let fields: Vec<_> = fields
            .into_iter()
            .take(MOST_FIELDS)
            .map(|(name, value)| (plain(name, LONGEST_FIELD), plain(value, LONGEST_FIELD)))
            .collect();
        self.environment.log(&LogLine {
            plugin: &self.plugin,
            revision: self.revision,
            exchange,
            config,
            level,
            message: &plain(message, LONGEST_MESSAGE),
            fields: &fields,
            dropped,
        });
    }
}

impl log::Host for Guest {
    fn emit(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let may = self.enter("log")?;
        may.write(self.exchange, self.config, level.into(), message, fields);
        Ok(())
    }

    fn enabled(&mut self, level: log::Level) -> wasmtime::Result<bool> {
        let may = self.enter("log")?;
        Ok(may.environment.log_enabled(&may.plugin, level.into()))
    }
}

/// Bounds a guest's text and takes the control characters out of it, with which a line could forge
/// another one or drive a terminal.
pub(crate) fn plain(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    if !text.contains(char::is_control) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_forge_another() {
        assert_eq!(plain("a\nb\u{1b}[31m".to_owned(), 100), "a\\nb\\u{1b}[31m");
        assert_eq!(plain("äää".to_owned(), 3), "ä");
    }
}
