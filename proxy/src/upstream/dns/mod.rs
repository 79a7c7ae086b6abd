//! Instances by the answers of DNS: asks again when an answer's time is over, and keeps the last
//! good answer while there is none.
//!
//! A name that does not exist, or has no address, is no answer either: an empty service helps
//! nobody, and whether the last known instances still live is found out by their checks.

mod answer;
mod lookup;

use super::fleet::Fleet;
use answer::Known;
use hither_config::DnsPlan;
use lookup::Asker;
pub(super) use lookup::LookupError;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;

/// An answer is used so long at least and at most, whatever it says of itself.
const LEAST_TTL: Duration = Duration::from_secs(1);
const MOST_TTL: Duration = Duration::from_secs(300);

/// After a failure; doubled with each further one, up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// For one answer with all that it leads to.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a service asks of DNS, for as long as it does.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) plan: DnsPlan,
    /// Whether DNS has been heard of, for better or worse.
    heard: watch::Sender<bool>,
}

impl Resolver {
    pub(super) fn new(plan: DnsPlan) -> Resolver {
        Resolver { plan, heard: watch::Sender::new(false) }
    }

    /// Tells when the first question was answered or could not be.
    pub(super) fn heard(&self) -> watch::Receiver<bool> {
        self.heard.subscribe()
    }
}

/// Asks for as long as the service wants it to.
pub(super) async fn follow(resolver: Weak<Resolver>, fleet: Weak<Fleet>) {
    let Some(plan) = resolver.upgrade().map(|resolver| resolver.plan.clone()) else { return };
    let mut asker = None;
    let mut known = Known::default();
    let mut failures = 0_u32;
    loop {
        let asked = tokio::time::timeout(PATIENCE, ask(&mut asker, &plan)).await;
        let answer = asked.unwrap_or(Err(LookupError::Timeout));
        let (Some(resolver), Some(fleet)) = (resolver.upgrade(), fleet.upgrade()) else { return };
        let pause = match answer.and_then(|answer| known.take(answer)) {
            Ok(ttl) => {
                fleet.found(&resolver, known.instances(&plan), failures > 0);
                failures = 0;
                ttl.clamp(LEAST_TTL, MOST_TTL)
            }
            Err(error) => {
                fleet.not_found(&resolver, &error, failures == 0);
                // The system's resolvers may be others by now.
                asker = None;
                failures = failures.saturating_add(1);
                retry_after(failures)
            }
        };
        resolver.heard.send_replace(true);
        drop((resolver, fleet));
        tokio::time::sleep(pause).await;
    }
}

async fn ask(asker: &mut Option<Asker>, plan: &DnsPlan) -> Result<answer::Answer, LookupError> {
    let asker = match asker {
        Some(asker) => asker,
        None => asker.insert(Asker::new(plan)?),
    };
    asker.ask(&plan.name).await
}

fn retry_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_asked_less_and_less() {
        let pauses = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|n| retry_after(n).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
