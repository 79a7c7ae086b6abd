//! Compiled plugins on disk, so that a restart does not compile again. Loading compiled code means
//! running it unchecked, so a file is taken only from a folder and with an owner that nobody else can
//! write, and only whole. It knows bytes and keys, no engine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// The first bytes of every file, changed when the layout is: mark, digest of the rest, the rest.
const MARK: &[u8; 16] = b"hither-compiled1";
const DIGEST: usize = 32;
const HEAD: usize = MARK.len() + DIGEST;
/// A file larger than this is none of ours.
const LARGEST: u64 = 1 << 30;
/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;

/// A folder of compiled plugins.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The compiled form stored under this key. None when there is none, when it is torn, or when
    /// somebody else could have written it; in each case compiling again is right.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        trusted_folder(&self.folder).ok()?;
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).ok()?;
        let file =
            OpenOptions::new().read(true).custom_flags(nofollow).open(self.path(key)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !trusted(&metadata) || metadata.len() > LARGEST {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.take(LARGEST).read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(MARK)?;
        let (digest, payload) = rest.split_at_checked(DIGEST)?;
        if Sha256::digest(payload).as_slice() != digest {
            return None;
        }
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Stores a compiled form: written beside and renamed, so that a reader or a crash never meets
    /// half of it.
    ///
    /// # Errors
    /// When the folder cannot be made, is not ours alone, or cannot be written.
    pub(crate) fn put(&self, key: &str, compiled: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        trusted_folder(&self.folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("{key}.{}.{number}.part", std::process::id()));
        let written =
            write_whole(&beside, compiled).and_then(|()| fs::rename(&beside, self.path(key)));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.compiled"))
    }
}

fn write_whole(path: &Path, compiled: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(MARK)?;
    file.write_all(&Sha256::digest(compiled))?;
    file.write_all(compiled)?;
    file.sync_all()
}

fn trusted_folder(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if metadata.is_dir() && trusted(&metadata) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "the folder must be ours and not writable by others",
    ))
}

/// Ours, and nobody else may write it.
fn trusted(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & OTHERS_WRITE == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::new(home.path().join("compiled"));
        cache.put("k", b"payload").unwrap();
        (home, cache)
    }

    #[test]
    fn what_was_put_is_found() {
        let (_home, cache) = cache();
        assert_eq!(cache.get("k").as_deref(), Some(b"payload".as_slice()));
        assert_eq!(cache.get("other"), None);
        let mode = fs::metadata(&cache.folder).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o700, "{mode:o}");
    }

    #[test]
    fn a_torn_or_changed_file_is_never_trusted() {
        let (_home, cache) = cache();
        let path = cache.path("k");
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.get("k"), None, "the first {length} bytes were taken for all");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(cache.get("k"), None, "a changed byte {place} went unnoticed");
        }
    }

    #[test]
    fn what_others_can_write_is_never_trusted() {
        let (_home, cache) = cache();
        let path = cache.path("k");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.get("k"), None, "a file that others can write was trusted");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(cache.get("k").is_some());

        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(cache.get("k"), None, "a folder that others can write was trusted");
        assert!(cache.put("k", b"x").is_err());
    }

    #[test]
    fn a_link_is_not_followed() {
        let (home, cache) = cache();
        let elsewhere = home.path().join("elsewhere");
        fs::rename(cache.path("k"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, cache.path("k")).unwrap();
        assert_eq!(cache.get("k"), None);
    }
}
