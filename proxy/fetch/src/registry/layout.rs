//! The CNCF's "Wasm OCI Artifact" layout: a manifest with one layer of WebAssembly, and its configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Artifact, Image, Surface};
use crate::digest::Sha256;
use crate::error::FetchError;

/// An image manifest (image specification 1.1).
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// Registries must take manifests up to 4 MiB (distribution specification), so none is larger.
pub(super) const LARGEST_MANIFEST: u64 = 4 << 20;

/// An image manifest, as far as it is looked at.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'a Surface>,
}

/// The layer of a manifest.
pub(super) struct Layer {
    pub(super) digest: Sha256,
    pub(super) size: u64,
}

/// The one layer that holds the code.
pub(super) fn layer(image: &Image, manifest: &[u8]) -> Result<Layer, FetchError> {
    let wrong = |why: String| FetchError::Layout { image: image.to_string(), why };
    let manifest: Manifest = serde_json::from_slice(manifest)
        .map_err(|error| wrong(format!("its manifest is not that of an image: {error}")))?;
    let [layer] = manifest.layers.as_slice() else {
        return Err(wrong(format!("it has {} layers, not one", manifest.layers.len())));
    };
    if layer.media_type != LAYER {
        let kind: String = layer.media_type.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(wrong(format!("its layer is `{kind}`, not `{LAYER}`")));
    }
    let digest = Sha256::parse_oci(&layer.digest)
        .ok_or_else(|| wrong("its layer is not named by a SHA-256".to_owned()))?;
    Ok(Layer { digest, size: layer.size })
}

/// The configuration and the manifest of an artifact. The same artifact has always the same, so that it is
/// called the same wherever it is built: hence no time.
pub(super) fn documents(artifact: &Artifact<'_>) -> (Vec<u8>, Vec<u8>) {
    let wasm = Sha256::of(artifact.wasm);
    let config = Config {
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        os: if artifact.component.is_some() { "wasip2" } else { "wasip1" },
        layer_digests: [wasm.oci()],
        component: artifact.component.as_ref(),
    };
    let config = serde_json::to_vec(&config).unwrap_or_default();
    let descriptor = |media_type: &str, digest: Sha256, bytes: &[u8]| Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.oci(),
        size: bytes.len() as u64,
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: descriptor(CONFIG, Sha256::of(&config), &config),
        layers: vec![descriptor(LAYER, wasm, artifact.wasm)],
        annotations: artifact.annotations.iter().cloned().collect(),
    };
    (config, serde_json::to_vec(&manifest).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image { registry: "r".into(), repository: "a".into(), tag: None }
    }

    fn refused(manifest: &str) -> String {
        layer(&image(), manifest.as_bytes())
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_written_is_read() {
        let artifact = Artifact { wasm: b"code", component: None, annotations: Vec::new() };
        let (config, manifest) = documents(&artifact);
        let layer = layer(&image(), &manifest).unwrap();
        assert_eq!((layer.digest, layer.size), (Sha256::of(b"code"), 4));
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["layerDigests"][0], Sha256::of(b"code").oci());
        assert_eq!(config["os"], "wasip1");
        assert_eq!(documents(&artifact).1, manifest, "the same artifact has the same name");
    }

    #[test]
    fn other_images_are_refused_and_told_why() {
        let digest = Sha256::of(b"").oci();
        let layer = |kind: &str, digest: &str| {
            format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":0}}"#)
        };
        let with = |layers: &str| {
            let config = layer("x", &digest);
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#)
        };
        let wasm = layer("application/wasm", &digest);
        assert!(refused("not json").contains("its manifest is not that of an image"));
        assert!(refused(&with("")).contains("it has 0 layers, not one"));
        assert!(refused(&with(&format!("{wasm},{wasm}"))).contains("it has 2 layers"));
        let tar = layer("application/vnd.oci.image.layer.v1.tar+gzip", &digest);
        assert!(refused(&with(&tar)).contains("tar+gzip"));
        assert!(refused(&with(&layer("application/wasm", "sha512:00"))).contains("SHA-256"));
    }
}
