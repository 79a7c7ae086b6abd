//! The traits that a plugin implements.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bindings::lifecycle::exports::hither::plugin::lifecycle::MetricKind;
use crate::{
    Attempt, Decision, FailoverDecision, Lookup, RateVerdict, Request, RequestVerdict, Response,
    ResponseVerdict, Storage, Summary,
};

/// One configured plugin. Every configuration that an operator gives, for a service or for all, becomes
/// one value of the type.
///
/// Any pooled instance may serve any call, so what a hook writes into its own memory is not state: the
/// memo is what lives from hook to hook of one request, [`store`](crate::store) from request to
/// request.
pub trait Plugin: Sized + 'static {
    /// What the operator writes under `[plugin.NAME.config]`. [`NoConfig`] when there is nothing.
    type Config: DeserializeOwned;

    /// The plugin's name; the attribute fills in the package's.
    const NAME: &'static str;
    /// The plugin's version; the attribute fills in the package's.
    const VERSION: &'static str;
    /// What the request hooks want to see, such as `"header:cookie"`, `"cookie:sid"`,
    /// `"query:tenant"`, `"client.address"`. A name may come from the configuration:
    /// `"header:{field=x-tenant}"` is the header named by the string `field` in it, `x-tenant` where
    /// there is none. A trailing `?` lets the plugin load on hosts that do not know the input.
    const REQUEST_INPUTS: &'static [&'static str] = &[];
    /// What the response hook wants to see; headers are those of the response.
    const RESPONSE_INPUTS: &'static [&'static str] = &[];
    /// Promises that the verdicts of its hooks follow from the configuration and the declared inputs
    /// alone (for a response, from its status and the memo too). The host then remembers them and does
    /// not call for what it has seen before, which costs a request a fifth of a call or less. So that
    /// the promise cannot be broken by accident, every other part of a request or response is blank
    /// (no path, no method, no time), and such a plugin can import no capability.
    const BY_INPUTS: bool = false;
    /// What it reports to, by position.
    const METRICS: &'static [Metric] = &[];
    /// How long from one end of [`Background::on_tick`] to the next call, such as `"1s"`: from 100 ms to an
    /// hour.
    const TICK: &'static str = "1s";
    /// JSON Schema of the configuration, or empty. With it, the operator sees a mistake as a caret
    /// under the wrong value.
    const CONFIG_SCHEMA: &'static str = "";

    /// Takes one configuration.
    ///
    /// # Errors
    /// Why it cannot be used, in words for the operator; the previous revision goes on serving.
    fn configure(config: Self::Config) -> Result<Self, String>;
}

/// The configuration of a plugin that has none: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// A metric that a plugin reports to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// What can be done with it.
    pub kind: MetricKind,
    /// One line for people.
    pub help: &'static str,
}

/// Marks that the attribute exports a hook, so that no hook is written and then never called.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not export this hook",
    label = "list it in the attribute: `#[hither_plugin::plugin(...)]`"
)]
pub trait Exports<Hook> {}

/// Names of hooks, for [`Exports`].
pub mod hook {
    /// [`super::Routing`].
    #[derive(Debug)]
    pub struct Routing;
    /// [`super::RequestFilter`].
    #[derive(Debug)]
    pub struct RequestFilter;
    /// [`super::ResponseFilter`].
    #[derive(Debug)]
    pub struct ResponseFilter;
    /// [`super::CachePolicy`].
    #[derive(Debug)]
    pub struct CachePolicy;
    /// [`super::RateLimit`].
    #[derive(Debug)]
    pub struct RateLimit;
    /// [`super::AccessLog`].
    #[derive(Debug)]
    pub struct AccessLog;
    /// [`super::Background`].
    #[derive(Debug)]
    pub struct Background;
    /// [`crate::RequestBody`].
    #[derive(Debug)]
    pub struct RequestBody;
    /// [`crate::ResponseBody`].
    #[derive(Debug)]
    pub struct ResponseBody;
    /// [`super::Failover`].
    #[derive(Debug)]
    pub struct Failover;
}

/// Custom routing: narrows what the balancer chooses from. Limits, health and closeness stay the
/// balancer's.
pub trait Routing: Plugin + Exports<hook::Routing> {
    /// Where may this request go?
    fn select(&self, request: &Request) -> Decision;
}

/// Sees a request before it is routed on, and passes, changes or answers it.
pub trait RequestFilter: Plugin + Exports<hook::RequestFilter> {
    /// May it pass, and changed how?
    fn on_request(&self, request: &Request) -> RequestVerdict;
}

/// Sees a response's head, and passes, changes or replaces it.
pub trait ResponseFilter: Plugin + Exports<hook::ResponseFilter> {
    /// What is changed? `memo` is what an earlier hook of this plugin left for this exchange, else 0.
    fn on_response(&self, response: &Response, memo: u64) -> ResponseVerdict;
}

/// Decides what the cache keeps, under which key and for how long. Storage, collapsing, ranges and
/// revalidation are the host's.
pub trait CachePolicy: Plugin + Exports<hook::CachePolicy> {
    /// Under which key is it looked up?
    fn on_lookup(&self, request: &Request) -> Lookup;
    /// Is this response kept? `memo` is what [`Lookup::CustomKey`] left for this exchange, else 0.
    fn on_store(&self, response: &Response, memo: u64) -> Storage;
}

/// Says which limiters count a request, and under which keys. The host counts, and answers 429 itself.
pub trait RateLimit: Plugin + Exports<hook::RateLimit> {
    /// Which limits must it keep to?
    fn classify(&self, request: &Request) -> RateVerdict;
}

/// Is told of finished exchanges, many at once, off the way of requests.
pub trait AccessLog: Plugin + Exports<hook::AccessLog> {
    /// These have ended. Some may be missing: what comes faster than it is taken is dropped and counted.
    fn on_complete(&self, done: &[Summary]);
}

/// Does something now and then, with no request at hand: one instance per plugin, one call at a time.
pub trait Background: Plugin + Exports<hook::Background> {
    /// [`Plugin::TICK`] has passed. It is called once for each configuration. `now_ms` is Unix time.
    fn on_tick(&self, now_ms: u64);
}

/// Is asked when an attempt on an instance has failed, before the service's retry policy acts. The policy's
/// bounds hold whatever is said: attempts, budget, time, and that nothing is repeated which is not safe to.
pub trait Failover: Plugin + Exports<hook::Failover> {
    /// What now? `memo` is what an earlier hook of this plugin left for this exchange, else 0.
    fn on_failure(&self, request: &Request, memo: u64, attempt: &Attempt) -> FailoverDecision;
}
