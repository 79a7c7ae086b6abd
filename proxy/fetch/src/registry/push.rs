//! Pushing one artifact: its blobs first, so that no manifest names what is not there.

use http::Method;
use http::header::LOCATION;

use super::layout::{MANIFEST, documents};
use super::session::{Ask, Session};
use super::{Artifact, Image, Pushed};
use crate::digest::Sha256;
use crate::error::FetchError;
use crate::transport::Transport;

/// Puts an artifact under its tag, or under its digest alone where it has none.
pub(crate) fn push(
    transport: &Transport,
    image: &Image,
    artifact: &Artifact<'_>,
) -> Result<Pushed, FetchError> {
    let mut session = Session::new(transport, image, "pull,push");
    let (config, manifest) = documents(artifact);
    let known = blob(&mut session, artifact.wasm)?;
    blob(&mut session, &config)?;
    let digest = Sha256::of(&manifest);
    let name = image.tag.clone().unwrap_or_else(|| digest.oci());
    let url = format!("{}/manifests/{name}", session.root);
    let headers = [("content-type", MANIFEST)];
    let ask = Ask { method: Method::PUT, url: &url, headers: &headers, body: Some(&manifest) };
    session.ask(&ask)?.expect(&[201])?;
    Ok(Pushed { manifest: digest, known })
}

/// Uploads bytes in one piece, unless they are there. Whether they were.
fn blob(session: &mut Session<'_>, bytes: &[u8]) -> Result<bool, FetchError> {
    let digest = Sha256::of(bytes).oci();
    let url = format!("{}/blobs/{digest}", session.root);
    let there = session.ask(&Ask { method: Method::HEAD, url: &url, headers: &[], body: None })?;
    if there.expect(&[200, 404])?.status() == 200 {
        return Ok(true);
    }
    let url = format!("{}/blobs/uploads/", session.root);
    let begin = Ask { method: Method::POST, url: &url, headers: &[], body: Some(&[]) };
    let answer = session.ask(&begin)?.expect(&[202])?;
    let location = answer.header(LOCATION).next().map(str::to_owned);
    let upload = location.and_then(|location| resolve(&url, &location)).ok_or_else(|| {
        FetchError::Unreachable { url, why: "it does not say where to upload to".to_owned() }
    })?;
    let separator = if upload.contains('?') { '&' } else { '?' };
    let url = format!("{upload}{separator}digest={digest}");
    let headers = [("content-type", "application/octet-stream")];
    let ask = Ask { method: Method::PUT, url: &url, headers: &headers, body: Some(bytes) };
    session.ask(&ask)?.expect(&[201])?;
    Ok(false)
}

/// A location against the URL that gave it: registries give whole ones, or a path.
fn resolve(base: &str, location: &str) -> Option<String> {
    if location.starts_with("https://") || location.starts_with("http://") {
        return Some(location.to_owned());
    }
    let base: http::Uri = base.parse().ok()?;
    let rooted = location.starts_with('/') && !location.starts_with("//");
    rooted.then(|| Some(format!("{}://{}{location}", base.scheme_str()?, base.authority()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_go_to_where_the_registry_says() {
        let base = "https://r.example:5000/v2/a/blobs/uploads/";
        assert_eq!(resolve(base, "/v2/x?y").as_deref(), Some("https://r.example:5000/v2/x?y"));
        assert_eq!(resolve(base, "https://s3/x").as_deref(), Some("https://s3/x"));
        assert_eq!(resolve(base, "//s3/x"), None);
        assert_eq!(resolve(base, "x"), None);
    }
}
