//! OCI registries, by the distribution specification 1.1, and WebAssembly in them, by the CNCF's layout
//! "Wasm OCI Artifact": one layer of `application/wasm`, and a configuration that names its digest.

mod auth;
mod layout;
pub(crate) mod pull;
pub(crate) mod push;
mod session;

use std::fmt;

use crate::digest::Sha256;
use crate::transport::is_loopback;

/// A name in a registry. What it may consist of is the caller's to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Host, and port if it is not 443.
    pub registry: String,
    /// The path inside the registry.
    pub repository: String,
    /// A name of one version, which may move.
    pub tag: Option<String>,
}

/// What is pushed.
#[derive(Debug, Clone)]
pub struct Artifact<'a> {
    /// A component, or a core module.
    pub wasm: &'a [u8],
    /// What the component imports and exports, by the names in its binary; `None` for a core module.
    pub component: Option<Surface>,
    /// `org.opencontainers.image.…` and others of the manifest.
    pub annotations: Vec<(String, String)>,
}

/// The outside of a component.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Surface {
    /// Names of imports.
    pub imports: Vec<String>,
    /// Names of exports.
    pub exports: Vec<String>,
}

/// What was pushed is called this, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest's digest.
    pub manifest: Sha256,
    /// Whether its bytes were there before.
    pub known: bool,
}

impl Pushed {
    /// The manifest's digest as references write it.
    pub fn manifest_digest(&self) -> String {
        self.manifest.oci()
    }
}

impl Image {
    /// The root of its registry's API. Loopback registries are asked without encryption, as others do.
    fn root(&self) -> String {
        let host = match self.registry.as_str() {
            // Docker's is reached under another name than it is called by.
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let scheme = if is_loopback(name) { "http" } else { "https" };
        format!("{scheme}://{host}/v2/{}", self.repository)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oci://{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))
    }
}
