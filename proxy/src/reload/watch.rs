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
        let read = reloader.looks_when_read();
        watched.are(&read);
        if watched.changed(looks(read).await) {
            // The outcome is logged where it is known; what was rejected is not tried again until one of
            // its files changes.
            let _ = reloader.reload().await;
        }
    }
}

/// The same files now.
async fn looks(files: Looks) -> Looks {
    let look = || files.into_keys().map(|path| (path.clone(), Look::at(&path))).collect();
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

    /// From now on these are watched, and no others. One that was not is known as it looked when it was read.
    fn are(&mut self, read: &Looks) {
        for looks in [&mut self.known, &mut self.last] {
            looks.retain(|path, _| read.contains_key(path));
            for (path, look) in read {
                looks.entry(path.clone()).or_insert_with(|| look.clone());
            }
        }
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
    fn a_file_that_is_watched_from_now_on_is_no_change_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (config, plugin) = (folder.path().join("hither.toml"), folder.path().join("p.wasm"));
        std::fs::write(&config, CONFIG).unwrap();
        let mut watched = Watched::since(now(&config));
        let both = || Looks::from_iter(now(&config).into_iter().chain(now(&plugin)));
        watched.are(&both());
        assert!(!watched.changed(both()) && !watched.changed(both()), "it is not there yet");
        std::fs::write(&plugin, "wasm").unwrap();
        assert!(!watched.changed(both()), "it may still be written");
        assert!(watched.changed(both()));
        watched.are(&now(&config));
        assert!(!watched.changed(now(&config)) && !watched.changed(now(&config)), "no longer one");
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
