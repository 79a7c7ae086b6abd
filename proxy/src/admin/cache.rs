//! `DELETE /cache?url=…`, `?tag=…`, `?service=…`: purges what is kept, and answers how many responses that
//! were.

use super::{Answer, State, json, problem};
use crate::shared::{Shared, purge_url};
use hither_cache::Purge;
use http::StatusCode;
use std::sync::Arc;

const HELP: &str = "say one of ?url=http://HOST/PATH, ?tag=TAG and ?service=NAME";

/// What is to be purged.
enum Wanted {
    Url(String),
    Tag(String),
    Service(String),
}

pub(super) async fn purge(state: Arc<State>, query: Option<&str>) -> Answer {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (Some((key, value)), None) = (pairs.next(), pairs.next()) else {
        return problem(StatusCode::BAD_REQUEST, HELP);
    };
    let value = value.into_owned();
    let wanted = match &*key {
        "url" => Wanted::Url(value),
        "tag" => Wanted::Tag(value),
        "service" if state.shared.snapshot().service(&value).is_some() => Wanted::Service(value),
        "service" => {
            let help = format!("no service is called {value:?}");
            return problem(StatusCode::NOT_FOUND, &help);
        }
        _ => return problem(StatusCode::BAD_REQUEST, HELP),
    };
    let shared = state.shared.clone();
    // A service is looked for in all that is kept, and files are removed.
    match tokio::task::spawn_blocking(move || carry_out(&shared, &wanted)).await {
        Ok(Ok(purged)) => json(StatusCode::OK, &serde_json::json!({ "purged": purged })),
        Ok(Err(wrong)) => problem(StatusCode::BAD_REQUEST, &wrong),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn carry_out(shared: &Shared, wanted: &Wanted) -> Result<u64, String> {
    let purged = match wanted {
        Wanted::Url(url) => {
            let snapshot = shared.snapshot();
            // Plugins may have it served by another service than its host and path say.
            let caching = snapshot.services.iter().filter(|service| service.cache.is_some());
            purge_url(shared.cache, caching.map(|service| &*service.name), url)?
        }
        Wanted::Tag(tag) => shared.cache.purge(&Purge::Tag(None, tag)),
        Wanted::Service(service) => shared.cache.purge(&Purge::Service(service)),
    };
    // Whoever is told so may rely on it.
    shared.cache.settle();
    Ok(purged)
}
