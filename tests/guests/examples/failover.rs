//! Says of a failed attempt what the request's `x-failover` says, and tells what it was told in the
//! answer that it gives.

use hither_plugin::{
    Attempt, Failover, FailoverDecision, NoConfig, Pair, Plugin, Reply, Request, plugin,
};

struct Says;

#[plugin(failover)]
impl Plugin for Says {
    type Config = NoConfig;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-failover"];

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Failover for Says {
    fn on_failure(&self, request: &Request, _: u64, attempt: &Attempt) -> FailoverDecision {
        match request.header("x-failover").unwrap_or_default() {
            "give-up" => FailoverDecision::GiveUp,
            "retry" => FailoverDecision::Retry(Vec::new()),
            "trap" => std::process::abort(),
            "respond" => {
                let Attempt { number, instance, status, error, .. } = attempt;
                let status = status.unwrap_or_default();
                let error = error.as_deref().unwrap_or("-");
                Reply::new(299).body(format!("{number} {instance} {status} {error}")).into()
            }
            label => match label.split_once('=') {
                Some((name, value)) => FailoverDecision::Retry(vec![Pair {
                    name: name.to_owned(),
                    value: value.to_owned(),
                }]),
                None => FailoverDecision::ByPolicy,
            },
        }
    }
}
