//! Code that is kept elsewhere: its bytes must be said.

use super::Check;
use crate::findings::Finding;
use crate::raw::EMPTY_SHA256;
use crate::read::At;
use crate::value::{Code, Digest};

impl Check<'_> {
    /// Where code is, as the file means it. `key` says which bytes it must be.
    pub(super) fn code(&mut self, at: At<Code>, sha256: Option<Digest>, key: &str) -> Option<Code> {
        match at.value {
            Code::File(path) => Some(Code::File(self.folder.join(path))),
            Code::Https(_) if sha256.is_none() => {
                let place = at.spot.place.rsplit_once('.').map_or("", |(table, _)| table);
                let written =
                    key.rsplit_once('.').map_or((place.to_owned(), key), |(table, key)| {
                        (format!("{place}.{table}"), key)
                    });
                if !self.findings.has(&written.0, written.1) {
                    let message = format!("a URL needs `{key}` beside it");
                    let finding = Finding::at(&at.spot, message)
                        .label("what is there may change")
                        .help("`sha256sum FILE` prints it; every edge then runs the same bytes")
                        .example(format!("{key} = {EMPTY_SHA256}"))
                        .absent();
                    self.findings.push(finding);
                }
                None
            }
            elsewhere => Some(elsewhere),
        }
    }
}
