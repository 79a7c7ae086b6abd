//! What plugins and earlier attempts ask of the balancer, in the balancer's words, and what its
//! refusals mean in ours.

use crate::chain::Wish;
use crate::fault::Fault;
use hither_balance::{Refusal, Wanted};
use smallvec::SmallVec;
use std::time::Duration;

/// Lends the balancer the wish in the form that it reads without allocating.
pub(crate) fn with_wanted<R>(
    wish: &Wish,
    tried: &[Box<str>],
    ask: impl FnOnce(&Wanted<'_>) -> R,
) -> R {
    if wish.is_empty() && tried.is_empty() {
        return ask(&Wanted::default());
    }
    let require: SmallVec<[(&str, &str); 4]> =
        wish.require().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let prefer: SmallVec<[(&str, &str); 4]> =
        wish.prefer().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let exclude: SmallVec<[&str; 4]> = tried.iter().map(|id| &**id).collect();
    let affinity = wish.affinity();
    ask(&Wanted { require: &require, prefer: &prefer, exclude: &exclude, affinity })
}

/// The fault behind a refusal, and when to come back.
pub(crate) fn fault_of(refusal: &Refusal) -> (Fault, Option<Duration>) {
    match refusal {
        Refusal::NoInstance => (Fault::NoInstance, None),
        Refusal::QueueFull { retry_after } => (Fault::QueueFull, Some(*retry_after)),
        Refusal::Overloaded { retry_after } => (Fault::Overloaded, Some(*retry_after)),
    }
}
