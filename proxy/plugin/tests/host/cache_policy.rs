//! What is cached is decided by the plugin, judged, and refused where there is no cache to decide about.

use std::sync::Arc;
use std::time::Duration;

use hither_plugin_host::{
    CacheKey, Failure, Freshness, Host, HostOptions, Lookup, Revision, Storage,
};

use crate::scene::{Given, World, host, refused, request, response, revision, spec};

fn caching() -> (Host, Arc<Revision>) {
    let mut options = HostOptions::new(Arc::new(World::default()));
    options.caches = true;
    let host = Host::new(options).unwrap();
    let revision = revision(&host, spec("caching"));
    (host, revision)
}

#[test]
fn keys_are_the_plugins_within_bounds() {
    let (_host, revision) = caching();
    let ask = |path: &str| revision.on_lookup(&request(path, &Given::default())).outcome;
    assert_eq!(ask("/"), Ok(Lookup::ByStandard));
    assert_eq!(ask("/bypass"), Ok(Lookup::Bypass));
    let vary = vec![http::HeaderName::from_static("accept-language")];
    let key = CacheKey { primary: Some(b"k".to_vec()), vary, memo: 7 };
    assert_eq!(ask("/key"), Ok(Lookup::Custom(key)));
    for (path, part) in [
        ("/long", "longer than 4096"),
        ("/vary", "is not a header name"),
        ("/varies", "17 headers to vary on, at most 16"),
    ] {
        match ask(path) {
            Err(Failure::InvalidOutput(why)) => assert!(why.contains(part), "{path}: {why}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[test]
fn what_is_kept_has_an_end() {
    let (_host, revision) = caching();
    let ask = |say: &'static str| {
        revision.on_store(&response(&Given(vec![("header:x-store", say)])), 250).outcome
    };
    assert_eq!(ask(""), Ok(Storage::ByStandard));
    assert_eq!(ask("no"), Ok(Storage::DoNotStore));
    assert_eq!(ask("miss"), Ok(Storage::HitForMiss(Duration::from_millis(250))));
    let second = Duration::from_secs(1);
    let kept = Freshness {
        ttl: second,
        stale_while_revalidate: second * 2,
        stale_if_error: second * 3,
        tags: vec!["news".to_owned()],
    };
    assert_eq!(ask("yes"), Ok(Storage::Store(kept)));
    for (say, part) in [("for-ever", "longer than a year"), ("bad-tag", "a name in tags")] {
        match ask(say) {
            Err(Failure::InvalidOutput(why)) => assert!(why.contains(part), "{say}: {why}"),
            other => panic!("{say}: {other:?}"),
        }
    }
}

#[test]
fn where_there_is_no_cache_it_is_refused_and_not_ignored() {
    let (host, _) = host();
    let text = refused(&host, spec("caching")).to_string();
    assert!(text.contains("cache-policy@0.1.0") && text.contains("not serve yet"), "{text}");
}
