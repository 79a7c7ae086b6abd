//! Changed files ask for a reload. By looking at them, not by the kernel's notices: that works on
//! network file systems and through the symbolic links of mounted volumes, and costs a few `stat`
//! calls per look.

use super::Reloader;
use crate::snapshot::{Look, Looks};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// Watches for ever.
pub(crate) async fn watch(reloader: Arc<Reloader>) {
    let mut watched = Watched::since(reloader.looks_when_read());
    loop {
        tokio::time::sleep(INTERVAL).await;
        if watched.changed(looks(&reloader).await) {
            // The outcome is logged where it is known; a rejected file is not tried again until
            // it changes.
            let _ = reloader.reload().await;
        }
    }
}

async fn looks(reloader: &Arc<Reloader>) -> Looks {
    let files = reloader.files();
    let look = || files.into_iter().map(|path| (path.clone(), Look::at(&path))).collect();
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// Tells changes from looks. A change counts once it has stood still for one look, so that a file
/// that is still being written is left alone.
struct Watched {
    known: Looks,
    last: Looks,
}

impl Watched {
    /// From what the files looked like when they were read: what was written since, while plugins
    /// were compiled and ports bound, is a change as well.
    fn since(read: Looks) -> Watched {
        Watched { last: read.clone(), known: read }
    }

    fn changed(&mut self, now: Looks) -> bool {
        let settled = now == self.last;
        self.last.clone_from(&now);
        let changed = settled && now != self.known;
        if changed {
            self.known = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Fetched, Materials};
    use std::path::Path;

    const CONFIG: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n[service.web]\n\
        [[service.web.instance]]\nid = \"one\"\naddress = \"127.0.0.1:9001\"\n";

    fn now(path: &Path) -> Looks {
        [(path.to_owned(), Look::at(path))].into()
    }

    #[test]
    fn a_file_that_changes_between_reading_and_watching_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hither.toml");
        std::fs::write(&file, CONFIG).unwrap();
        let read =
            Materials::read(&file, &Fetched::new()).unwrap_or_else(|error| panic!("{error}")).looks;
        std::fs::write(&file, format!("{CONFIG}# more\n")).unwrap();
        let mut watched = Watched::since(read);
        assert!(!watched.changed(now(&file)), "it may still be written");
        assert!(watched.changed(now(&file)));
        assert!(!watched.changed(now(&file)), "told once");
    }

    #[test]
    fn a_file_that_stands_is_no_change_and_one_that_goes_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hither.toml");
        std::fs::write(&file, CONFIG).unwrap();
        let mut watched = Watched::since(now(&file));
        assert!(!watched.changed(now(&file)));
        assert!(!watched.changed(now(&file)));
        std::fs::remove_file(&file).unwrap();
        assert!(!watched.changed(now(&file)));
        assert!(watched.changed(now(&file)));
    }
}
