//! Purges as the path says: `/purge-tag?TAG`, `/purge-url?URL`; and whatever `/purge-many?TAG` says, again and again.

use hither_plugin::{
    NoConfig, Plugin, Reply, Request, RequestFilter, RequestVerdict, cache_control, plugin,
};

struct Purging;

#[plugin(request_filter)]
impl Plugin for Purging {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl RequestFilter for Purging {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let (path, what) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let said = match path {
            "/purge-tag" => cache_control::purge_tag(what).map(|purged| purged.to_string()),
            "/purge-url" => cache_control::purge_url(what).map(|purged| purged.to_string()),
            "/purge-many" => loop {
                let _ = cache_control::purge_tag(what);
            },
            _ => return RequestVerdict::Pass,
        };
        Reply::new(200).body(said.unwrap_or_else(|why| format!("refused: {why}"))).into()
    }
}
