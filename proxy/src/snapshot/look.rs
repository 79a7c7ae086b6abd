//! What files look like from outside: enough to tell that one has changed since it was read.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a file looked like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl Look {
    /// `None` where there is no such file, or none that may be looked at.
    pub(crate) fn at(path: &Path) -> Option<Look> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok();
        Some(Look { modified, len: metadata.len(), inode: metadata.ino() })
    }
}

/// What each of several files looked like.
pub(crate) type Looks = BTreeMap<PathBuf, Option<Look>>;
