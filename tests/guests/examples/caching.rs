//! Says of caching what the path says, and what the response's `x-store` says.

use std::time::Duration;

use hither_plugin::{
    CachePolicy, Freshness, Key, Lookup, NoConfig, Plugin, Request, Response, Storage, plugin,
};

struct Caching;

#[plugin(cache_policy)]
impl Plugin for Caching {
    type Config = NoConfig;
    const RESPONSE_INPUTS: &'static [&'static str] = &["header:x-store"];

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl CachePolicy for Caching {
    fn on_lookup(&self, request: &Request) -> Lookup {
        match request.path.as_str() {
            "/bypass" => Lookup::Bypass,
            "/key" => Key::standard().primary("k").vary("Accept-Language").memo(7).into(),
            "/long" => Key::standard().primary(vec![0; 5000]).into(),
            "/vary" => Key::standard().vary("a b").into(),
            "/varies" => (0..17).fold(Key::standard(), |key, n| key.vary(format!("x-{n}"))).into(),
            _ => Lookup::ByStandard,
        }
    }

    fn on_store(&self, response: &Response, memo: u64) -> Storage {
        let second = Duration::from_secs(1);
        match response.header("x-store").unwrap_or_default() {
            "no" => Storage::DoNotStore,
            "miss" => Storage::HitForMiss(memo),
            "yes" => {
                let stale = Freshness::new(second).stale_while_revalidate(second * 2);
                stale.stale_if_error(second * 3).tag("news").into()
            }
            "for-ever" => Freshness::new(Duration::MAX).into(),
            "bad-tag" => Freshness::new(second).tag("a\nb").into(),
            _ => Storage::ByStandard,
        }
    }
}
