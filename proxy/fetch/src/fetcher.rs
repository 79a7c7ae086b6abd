//! The one door: a place, and the bytes that are there.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256;
use crate::error::FetchError;
use crate::registry::{Artifact, Image, Pushed, pull, push};
use crate::store::Store;
use crate::transport::Transport;

/// Where code is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a web server.
    Https {
        /// The whole URL.
        url: String,
        /// What is there.
        sha256: Sha256,
    },
    /// In a registry, by the digest of its manifest.
    Oci {
        /// Where.
        image: Image,
        /// The manifest's.
        manifest: Sha256,
    },
}

/// Fetches and pushes, and keeps what it fetched.
pub struct Fetcher {
    transport: Transport,
    store: Option<Store>,
    /// The most bytes of code.
    most: u64,
}

impl Fetcher {
    /// For code of at most so many bytes, kept in `folder` if there is one.
    pub fn new(folder: Option<PathBuf>, most: u64) -> Self {
        let store = folder.map(|folder| Store::new(folder, most));
        Self { transport: Transport::new(), store, most }
    }

    /// The code at a place: from disk if it was fetched before, and then nobody is asked.
    ///
    /// # Errors
    /// It cannot be had, or other bytes are there.
    pub fn fetch(&self, place: &Place) -> Result<Vec<u8>, FetchError> {
        match place {
            Place::Https { url, sha256 } => self.kept(sha256, self.most, url, || {
                let answer = self.transport.send(http::Request::get(url.as_str()), None)?;
                answer.expect(&[200])?.bytes(self.most)
            }),
            Place::Oci { image, manifest } => {
                let kept = |digest: &Sha256, most, url: &str, get: pull::Get<'_>| {
                    self.kept(digest, most, url, get)
                };
                pull::pull(&self.transport, image, manifest, self.most, &kept)
            }
        }
    }

    /// Puts an artifact into a registry.
    ///
    /// # Errors
    /// The registry cannot be reached or does not take it.
    pub fn push(&self, image: &Image, artifact: &Artifact<'_>) -> Result<Pushed, FetchError> {
        push::push(&self.transport, image, artifact)
    }

    /// Bytes by their name: kept ones, or fetched ones that are checked and kept.
    fn kept(
        &self,
        name: &Sha256,
        most: u64,
        url: &str,
        get: impl FnOnce() -> Result<Vec<u8>, FetchError>,
    ) -> Result<Vec<u8>, FetchError> {
        if let Some(bytes) = self.store.as_ref().and_then(|store| store.get(name))
            && bytes.len() as u64 <= most
        {
            return Ok(bytes);
        }
        let bytes = get()?;
        let found = Sha256::of(&bytes);
        if found != *name {
            return Err(FetchError::OtherBytes { url: url.to_owned(), wanted: *name, found });
        }
        // What cannot be kept is fetched again next time; it serves now.
        let _: io::Result<()> = self.store.as_ref().map_or(Ok(()), |store| store.put(&bytes));
        Ok(bytes)
    }
}
