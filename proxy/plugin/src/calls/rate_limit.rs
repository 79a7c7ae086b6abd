//! `rate-limit.classify`: which limiters count a request, and under which keys. Counting is the caller's.

use crate::block_on::block_on;
use crate::contract::exports::hither::plugin::rate_limit as wire;
use crate::judge::{self, Bounds, Wrong};
use crate::lent::Lent;
use crate::report::Report;
use crate::request::{RequestHead, Values};
use crate::revision::Revision;
use crate::verdict::Reply;

const MOST_CHECKS: usize = 16;
const LONGEST_KEY: usize = 1 << 10;

/// What a rate-limit hook says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// No limiter counts it.
    Allow,
    /// All of these are charged, or none and it is refused.
    Charges(Vec<Charge>),
    /// It is refused with this answer.
    Deny(Reply),
}

/// Units to take of one limiter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// A limiter that the plugin was lent.
    pub limiter: String,
    /// What is counted apart; at most 1 KiB.
    pub key: Vec<u8>,
    /// Units; 0 only looks whether the key is over its limit.
    pub cost: u32,
}

impl Revision {
    /// `rate-limit.classify`. A plugin without this hook allows. For one that waits there is
    /// [`Revision::classify_waiting`]; here it holds this thread up.
    pub fn classify(&self, head: &RequestHead<'_>) -> Report<Classified> {
        if self.waits() {
            return block_on(self.classify_waiting(head));
        }
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.request);
        let inputs = values.lowered();
        let head = self.shown(head);
        let judge = |raw, bounds| judge(raw, bounds, self.lent());
        self.call(head.occasion(), judge, Classified::Allow, |instance| {
            let hook = instance.interfaces.rate_limit.as_ref()?;
            Some(hook.call_classify(&mut instance.store, head.lowered(&inputs)))
        })
    }
}

pub(super) fn judge(raw: wire::Verdict, bounds: Bounds, lent: &Lent) -> Result<Classified, Wrong> {
    Ok(match raw {
        wire::Verdict::Allow => Classified::Allow,
        wire::Verdict::Deny(reply) => Classified::Deny(judge::reply(reply, bounds)?),
        wire::Verdict::Checks(checks) => {
            if checks.len() > MOST_CHECKS {
                return Err(judge::too_many("checks", checks.len(), MOST_CHECKS));
            }
            let charges = checks.into_iter().map(|check| charge(check, lent));
            Classified::Charges(charges.collect::<Result<_, _>>()?)
        }
    })
}

fn charge(raw: wire::Check, lent: &Lent) -> Result<Charge, Wrong> {
    let limiter = judge::short("checks", raw.limiter)?;
    if !lent.limiters.contains(&limiter) {
        return Err(format!(
            "the limiter `{limiter}` was not lent to this plugin; add `limiters = [\"{limiter}\"]`"
        ));
    }
    if raw.key.len() > LONGEST_KEY {
        return Err(format!("a key of `{limiter}` is longer than {LONGEST_KEY} bytes"));
    }
    Ok(Charge { limiter, key: raw.key, cost: raw.cost })
}
