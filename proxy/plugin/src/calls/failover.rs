//! `failover.on-failure`: what of an attempt that failed? Whether it may be repeated is the caller's.

use crate::judge;
use crate::report::Report;
use crate::request::{Attempt, RequestHead, Values};
use crate::revision::Revision;
use crate::verdict::Failover;

impl Revision {
    /// `failover.on-failure`. A plugin without this hook leaves it to the policy.
    pub fn on_failure(
        &self,
        head: &RequestHead<'_>,
        memo: u64,
        attempt: &Attempt<'_>,
    ) -> Report<Failover> {
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.request);
        let head = self.shown(head);
        self.call(head.occasion(), judge::failover, Failover::ByPolicy, |instance| {
            let hook = instance.interfaces.failover.as_ref()?;
            let inputs = values.lowered();
            let head = head.lowered(&inputs);
            Some(hook.call_on_failure(&mut instance.store, head, memo, attempt.lowered()))
        })
    }
}
