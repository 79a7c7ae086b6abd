//! Changed files ask for a reload. By looking at them, not by the kernel's notices: that works on
//! network file systems and through the symbolic links of mounted volumes, and costs a few `stat`
//! calls per look.

use super::{Change, Reloader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a file looked like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

type Looks = BTreeMap<PathBuf, Option<Look>>;

fn look(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look { modified: metadata.modified().ok(), len: metadata.len(), inode: metadata.ino() })
}

fn look_at(files: Vec<PathBuf>) -> Looks {
    files.into_iter().map(|path| (path.clone(), look(&path))).collect()
}

/// Watches for ever. A change counts once it has stood still for one look, so that a file that is
/// still being written is left alone.
pub(crate) async fn watch(reloader: Arc<Reloader>) {
    let mut known = looks(&reloader).await;
    let mut last = known.clone();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = looks(&reloader).await;
        let settled = now == last;
        last.clone_from(&now);
        if settled && now != known {
            known = now;
            let reloader = reloader.clone();
            // The outcome is logged where it is known; a rejected file is not tried again until
            // it changes.
            let _ = tokio::task::spawn_blocking(move || reloader.apply(Change::FromFile)).await;
        }
    }
}

async fn looks(reloader: &Arc<Reloader>) -> Looks {
    let reloader = reloader.clone();
    tokio::task::spawn_blocking(move || look_at(reloader.files())).await.unwrap_or_default()
}
