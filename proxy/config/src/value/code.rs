//! Where WebAssembly is kept: a file, a web server, a registry.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::{Digest, FilePath};
use crate::read::{Complaint, Scalar, text};

/// Distribution specification, "Pulling manifests": the most of a tag.
const LONGEST_TAG: usize = 128;
/// The same section: registries and clients bound names together to this.
const LONGEST_NAME: usize = 255;
const OCI: &str = "oci://registry.example/team/headers:1.2@sha256:…";

/// Where a plugin or a component is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Absolute if the configuration's folder is.
    File(PathBuf),
    /// A whole URL; a digest says beside it what must be there.
    Https(String),
    /// An artifact of a registry, by its manifest's digest.
    Oci {
        /// Where.
        image: OciImage,
        /// The manifest's SHA-256.
        manifest: Digest,
    },
}

/// `oci://REGISTRY/REPOSITORY[:TAG]`, by the distribution specification.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OciImage {
    /// Host, and port if it is not 443.
    pub registry: String,
    /// The path in it.
    pub repository: String,
    /// A name of a version; with a digest it is there for who reads it.
    pub tag: Option<String>,
}

impl OciImage {
    /// As a place to push to is written: without a digest, `oci://` may be left out.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix("oci://").unwrap_or(text);
        if bare.contains('@') {
            return Err("a digest is what pushing gives, so none is written here".to_owned());
        }
        Self::parse_bare(bare).map_err(str::to_owned)
    }

    fn parse_bare(text: &str) -> Result<Self, &'static str> {
        let (registry, path) =
            text.split_once('/').ok_or("a registry and a path in it are needed")?;
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_authority(registry) {
            return Err("the registry is no host, or host and port");
        }
        if !is_repository(repository) || repository.len() + registry.len() >= LONGEST_NAME {
            return Err(
                "paths have lower-case letters and digits, with `.`, `_`, `-` and `/` between them",
            );
        }
        if !tag.is_none_or(is_tag) {
            return Err("tags have letters, digits, `_`, `.` and `-`, 128 at most");
        }
        let tag = tag.map(str::to_owned);
        Ok(Self { registry: registry.to_ascii_lowercase(), repository: repository.to_owned(), tag })
    }
}

impl Code {
    fn https(text: &str) -> Result<Self, Complaint> {
        let complaint = |help: &str| Err(Complaint::not_a::<Self>(text).help(help));
        let rest = text.strip_prefix("https://").unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return complaint("a URL with a password in it would be logged");
        }
        if !is_authority(authority) {
            return complaint("the host is missing, or none");
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        if !path.bytes().all(plain) {
            return complaint("blanks and other signs are written as %20 and so on");
        }
        Ok(Self::Https(text.to_owned()))
    }

    fn oci(text: &str) -> Result<Self, Complaint> {
        let complaint = || Complaint::not_a::<Self>(text);
        let rest = text.strip_prefix("oci://").unwrap_or_default();
        let Some((image, digest)) = rest.split_once('@') else {
            return Err(complaint()
                .label("the digest is missing")
                .help(format!("a tag may move, so the digest says what it is: {OCI}")));
        };
        let manifest = digest.strip_prefix("sha256:").and_then(Digest::parse).ok_or_else(|| {
            complaint()
                .label("the digest is none")
                .help(format!("as `plugin push` prints it: {OCI}"))
        })?;
        let image = OciImage::parse_bare(image).map_err(|help| complaint().help(help))?;
        Ok(Self::Oci { image, manifest })
    }
}

impl Scalar for Code {
    const WHAT: &'static str = "a path, an https URL or an oci artifact";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        match text.split_once("://") {
            Some(("https", _)) => Self::https(text),
            Some(("oci", _)) => Self::oci(text),
            Some(_) => Err(Complaint::not_a::<Self>(text).help(format!(
                "\"headers.wasm\", \"https://example.com/headers.wasm\" or \"{OCI}\""
            ))),
            None => FilePath::read(value).map(|path| Self::File(path.0)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for OciImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oci://{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Https(url) => formatter.write_str(url),
            Self::Oci { image, manifest } => write!(formatter, "{image}@sha256:{manifest}"),
        }
    }
}

/// RFC 3986, 3.2, without user information: a name, an IPv4 address or an IPv6 one in brackets, and a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_host = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            let edges = [host.bytes().next(), host.bytes().next_back()];
            host.bytes().all(plain)
                && edges.iter().all(|edge| edge.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        }
    };
    good_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

/// The distribution specification's `<name>`.
fn is_repository(text: &str) -> bool {
    text.split('/').all(|part| {
        let alone = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let between = |gap: &str| {
            matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-')
        };
        let edges = [part.bytes().next(), part.bytes().next_back()];
        edges.iter().all(|edge| edge.is_some_and(alone))
            && part.split(|letter: char| alone(letter as u8) && letter.is_ascii()).all(between)
    })
}

/// Its `<reference>` as a tag.
fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = text.bytes().next().is_some_and(plain);
    first
        && text.len() <= LONGEST_TAG
        && text.bytes().all(|byte| plain(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Result<Code, Complaint> {
        Code::read(&DeValue::String(text.into()))
    }

    #[test]
    fn each_kind_is_shown_as_it_was_written() {
        for text in [
            "plugins/headers.wasm",
            "https://example.com:8443/a/b.wasm?x=1",
            &format!("oci://127.0.0.1:5000/a/b_c/d-e:v1.2@sha256:{DIGEST}"),
            &format!("oci://[::1]:5000/a@sha256:{DIGEST}"),
        ] {
            assert_eq!(read(text).ok().map(|code| code.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "http://example.com/a.wasm",
            "https://",
            "https://user:word@example.com/a.wasm",
            "https://example.com/a b.wasm",
            "https://example.com/a#b",
            "https://example.com:0/a",
            "oci://example.com/a:1",
            "oci://example.com@sha256:e3",
            &format!("oci://example.com@sha256:{DIGEST}"),
            &format!("oci://example.com/A@sha256:{DIGEST}"),
            &format!("oci://example.com/a//b@sha256:{DIGEST}"),
            &format!("oci://example.com/a..b@sha256:{DIGEST}"),
            &format!("oci://example.com/../b@sha256:{DIGEST}"),
            &format!("oci://example.com/a:-@sha256:{DIGEST}"),
            &format!("oci://exa mple.com/a@sha256:{DIGEST}"),
            &format!("oci://example.com/a@sha512:{DIGEST}"),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_to_push_to_needs_no_scheme_and_has_no_digest() {
        let image = OciImage::parse("ghcr.io/team/headers:1").unwrap();
        assert_eq!(image.to_string(), "oci://ghcr.io/team/headers:1");
        assert!(OciImage::parse("headers").is_err());
        assert!(OciImage::parse(&format!("ghcr.io/a@sha256:{DIGEST}")).is_err());
    }
}
