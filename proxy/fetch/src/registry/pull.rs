//! Fetching one artifact: its manifest by its digest, then its layer by the manifest's word.

use http::Method;

use super::Image;
use super::layout::{LARGEST_MANIFEST, MANIFEST, layer};
use super::session::{Ask, Session};
use crate::digest::Sha256;
use crate::error::FetchError;
use crate::transport::Transport;

/// Fetches what is not kept yet.
pub(crate) type Get<'a> = &'a mut dyn FnMut() -> Result<Vec<u8>, FetchError>;

/// Bytes by their name, of so many at most, from an URL: kept ones, or those that the last one fetches.
pub(crate) type Keep<'a> = &'a dyn Fn(&Sha256, u64, &str, Get<'_>) -> Result<Vec<u8>, FetchError>;

/// The code of an artifact.
pub(crate) fn pull(
    transport: &Transport,
    image: &Image,
    manifest: &Sha256,
    most: u64,
    keep: Keep<'_>,
) -> Result<Vec<u8>, FetchError> {
    let mut session = Session::new(transport, image, "pull");
    let url = format!("{}/manifests/{}", session.root, manifest.oci());
    let document = keep(manifest, LARGEST_MANIFEST, &url, &mut || {
        get(&mut session, &url, MANIFEST, LARGEST_MANIFEST)
    })?;
    let layer = layer(image, &document)?;
    let url = format!("{}/blobs/{}", session.root, layer.digest.oci());
    if layer.size > most {
        return Err(FetchError::TooLarge { url, most });
    }
    keep(&layer.digest, most, &url, &mut || get(&mut session, &url, "*/*", layer.size))
}

fn get(
    session: &mut Session<'_>,
    url: &str,
    accept: &str,
    most: u64,
) -> Result<Vec<u8>, FetchError> {
    let ask = Ask { method: Method::GET, url, headers: &[("accept", accept)], body: None };
    session.ask(&ask)?.expect(&[200])?.bytes(most)
}
