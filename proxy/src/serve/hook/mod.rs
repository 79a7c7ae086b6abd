//! One file per step of a request's way, in its order.

pub(super) mod cache_at_hand;
pub(super) mod cache_hit;
pub(super) mod cache_lookup;
pub(super) mod cache_store;
pub(super) mod connected;
pub(super) mod failed;
mod failover;
pub(super) mod finished;
pub(super) mod outcome;
pub(super) mod peer;
pub(super) mod request;
pub(super) mod request_body;
pub(super) mod response;
pub(super) mod response_body;
pub(super) mod retry;
pub(super) mod to_upstream;
pub(super) mod upstream_request;
pub(super) mod upstream_response;
pub(super) mod whole_request;

use super::guard::Guard;
use pingora_proxy::Session;

/// The guard under an HTTP/1 request. HTTP/2 streams share theirs, so they do not see it.
fn guard(session: &Session) -> Option<&Guard> {
    session.as_ref().as_http1()?.stream().as_any().downcast_ref()
}
