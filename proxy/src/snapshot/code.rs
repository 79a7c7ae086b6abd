//! Code that is kept elsewhere, for the materials of a snapshot: what ran with the same name is taken as it
//! is, the rest is fetched side by side. Must not know plugins or places of the configuration.

use super::materials::{MAX_PLUGIN, PluginBytes};
use hither_config::{Code, Digest, OciImage, Plan};
use hither_fetch::{Fetcher, Image, Place, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What a plan calls code, and which bytes that must be: the same pair is the same code for ever.
pub(crate) type CodeName = (Code, Option<Digest>);

/// Code that was fetched.
pub(crate) type Fetched = BTreeMap<CodeName, PluginBytes>;

/// So many at once: enough that a slow registry holds up none of the others, few enough for any.
const AT_ONCE: usize = 8;

/// Where what was fetched is kept, in the folder of what was compiled.
const FOLDER: &str = "fetched";

/// Fetches all code of a plan that is no file; why, in words, where it cannot be had.
pub(super) fn fetch_all(
    plan: &Plan,
    before: &Fetched,
) -> BTreeMap<CodeName, Result<PluginBytes, String>> {
    let plugins = plan.plugins.values().map(|plugin| (&plugin.code, plugin.sha256));
    let components = plan.services.values().filter_map(|service| service.component.as_ref());
    let components = components.map(|component| (&component.code, component.sha256));
    let names: BTreeSet<CodeName> = plugins
        .chain(components)
        .filter(|(code, _)| !matches!(code, Code::File(_)))
        .map(|(code, sha256)| (code.clone(), sha256))
        .collect();
    let (known, new): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| before.contains_key(name));
    let known = known.into_iter().filter_map(|name| {
        let bytes = before.get(&name)?.clone();
        Some((name, Ok(bytes)))
    });
    let fetched = fetch_new(&new, &plan.edge.plugin_cache);
    known.chain(new.iter().cloned().zip(fetched)).collect()
}

fn fetch_new(names: &[CodeName], cache: &Path) -> Vec<Result<PluginBytes, String>> {
    if names.is_empty() {
        return Vec::new();
    }
    let fetcher = Fetcher::new(Some(cache.join(FOLDER)), MAX_PLUGIN);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((number, name)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            names.get(number).map(|name| (number, name))
        } {
            done.push((number, fetch(&fetcher, name)));
        }
        done
    };
    let mut done: Vec<(usize, Result<PluginBytes, String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE.min(names.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

fn fetch(fetcher: &Fetcher, name: &CodeName) -> Result<PluginBytes, String> {
    let Some(place) = place(name) else {
        return Err("it has no digest".to_owned());
    };
    let began = Instant::now();
    let bytes = fetcher.fetch(&place).map_err(|error| error.to_string())?;
    tracing::info!(code = %name.0, bytes = bytes.len(), took = ?began.elapsed(), "fetched");
    Ok(bytes.into())
}

/// Where it is, if it is elsewhere.
fn place((code, sha256): &CodeName) -> Option<Place> {
    match code {
        Code::File(_) => None,
        Code::Https(url) => {
            Some(Place::Https { url: url.clone(), sha256: Sha256(*sha256.as_ref()?.bytes()) })
        }
        Code::Oci { image: at, manifest } => {
            Some(Place::Oci { image: image(at), manifest: Sha256(*manifest.bytes()) })
        }
    }
}

/// An image as it is fetched and pushed.
pub(crate) fn image(image: &OciImage) -> Image {
    let OciImage { registry, repository, tag } = image.clone();
    Image { registry, repository, tag }
}
