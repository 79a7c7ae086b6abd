//! `cache-control`: forgetting what is kept for the services that the plugin is attached to.

use crate::contract::hither::plugin::cache_control;
use crate::guest::Guest;

/// No response bears a longer one.
const LONGEST_TAG: usize = 256;
/// No request has a longer one.
const LONGEST_URL: usize = 64 << 10;

impl cache_control::Host for Guest {
    fn purge_tag(&mut self, tag: String) -> wasmtime::Result<Result<u32, String>> {
        let may = self.enter("cache-control")?;
        if tag.is_empty() || tag.len() > LONGEST_TAG || !tag.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Err(format!("a tag has 1 to {LONGEST_TAG} visible ASCII characters")));
        }
        let purged = may.environment.purge_tag(&may.plugin, &tag);
        Ok(Ok(u32::try_from(purged).unwrap_or(u32::MAX)))
    }

    fn purge_url(&mut self, url: String) -> wasmtime::Result<Result<bool, String>> {
        let may = self.enter("cache-control")?;
        if url.len() > LONGEST_URL {
            return Ok(Err(format!("a URL has at most {LONGEST_URL} bytes")));
        }
        Ok(may.environment.purge_url(&may.plugin, &url).map(|purged| purged > 0))
    }
}
