//! The balancer's verdicts as sentences. Must not know how they came about.

use hither_balance::Verdict;
use std::time::Duration;

/// Why an instance would be chosen, or passed over. Begins small, as it stands in a table.
pub(super) fn reason(verdict: &Verdict, now: Duration) -> String {
    let plain = match verdict {
        Verdict::Chosen => "gets the request",
        Verdict::Tie => "as good, chance decides",
        Verdict::Unhealthy => "unhealthy, by its checks",
        Verdict::Draining => "draining, gets nothing new",
        Verdict::Excluded => "tried before by this request",
        Verdict::Full => "full, at its hard limit",
        Verdict::LessPreferred => "others bear a preferred label",
        Verdict::Busy => "busy, while others are open",
        Verdict::Further => "others are closer",
        Verdict::MoreLoaded => "others as close have less to do",
        Verdict::OtherKey => "the affinity key goes with another",
        Verdict::Ejected { until } => {
            let left = until.saturating_sub(now).as_secs() + 1;
            return format!("ejected, back in {left} s");
        }
        Verdict::LabelMissing { key, value } => {
            return format!("not {key}={value}, which is required");
        }
    };
    plain.to_owned()
}
