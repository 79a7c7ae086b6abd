//! What was fetched, on disk by its digest. What is read is checked against its name, so a torn or changed
//! file is the same as none. Must not know where anything came from.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::digest::Sha256;

/// Beyond this many bytes, what was not used for the longest time goes.
const LARGEST: u64 = 1 << 30;

/// A folder of files, each named after its own SHA-256.
pub(crate) struct Store {
    folder: PathBuf,
    /// No file is larger.
    most: u64,
}

impl Store {
    pub(crate) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most }
    }

    /// The bytes of this name, if they are there and still themselves.
    pub(crate) fn get(&self, name: &Sha256) -> Option<Vec<u8>> {
        let path = self.path(name);
        let file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        (&file).take(self.most).read_to_end(&mut bytes).ok()?;
        if Sha256::of(&bytes) != *name {
            let _ = fs::remove_file(path);
            return None;
        }
        // When it was used last decides who goes first; without that the oldest goes.
        let _ = file.set_modified(SystemTime::now());
        Some(bytes)
    }

    /// Keeps bytes: written beside and renamed, so that nobody meets half of them.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("{}.{number}.part", std::process::id()));
        let written = write_whole(&beside, bytes)
            .and_then(|()| fs::rename(&beside, self.path(&Sha256::of(bytes))));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        self.make_room();
        written
    }

    fn path(&self, name: &Sha256) -> PathBuf {
        self.folder.join(format!("sha256-{name}"))
    }

    /// Best effort: what cannot be looked at stays.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut sum: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if sum <= LARGEST {
                break;
            }
            let _ = fs::remove_file(path);
            sum -= size;
        }
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_until_it_is_no_longer_itself() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::new(home.path().join("fetched"), 1 << 20);
        let name = Sha256::of(b"code");
        assert_eq!(store.get(&name), None);
        store.put(b"code").unwrap();
        assert_eq!(store.get(&name).as_deref(), Some(b"code".as_slice()));
        fs::write(store.path(&name), b"cod").unwrap();
        assert_eq!(store.get(&name), None);
        assert!(!store.path(&name).exists(), "what is torn is removed");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), b"").unwrap();
        assert!(Store::new(home.path().join("file/fetched"), 1 << 20).put(b"code").is_err());
    }
}
