//! From the contract's functions to a plugin's traits: keeps the configured values of one instance and
//! finds the one that a call names. Only the attribute's expansion uses it.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::bindings::imports::hither::plugin::types;
use crate::bindings::lifecycle::exports::hither::plugin::lifecycle;
use crate::bindings::{
    access_log, background, cache_policy, failover, rate_limit, request_body, request_filter,
    response_body, response_filter, routing,
};
use crate::{
    AccessLog, Attempt, Background, Body, CachePolicy, Decision, Failover, FailoverDecision,
    Lookup, Plugin, RateLimit, RateVerdict, Request, RequestBody, RequestFilter, Response,
    ResponseBody, ResponseFilter, Routing, Storage, Summary,
};

/// Where the configured values of a plugin lie. The attribute implements it, because a static cannot be
/// generic.
pub trait Configured: Plugin {
    /// Gives access to the values.
    fn with<R>(access: impl FnOnce(&RefCell<Vec<(u32, Rc<Self>)>>) -> R) -> R;
}

/// The value that was configured under this number, for hooks that are not told theirs: the body hooks, whose
/// filter may leave [`config`](crate::Request) in the memo. None where no configuration has this number.
pub fn configured<P: Configured, R>(config: u32, ask: impl FnOnce(&P) -> R) -> Option<R> {
    let find = |values: &RefCell<Vec<(u32, Rc<P>)>>| {
        values.borrow().iter().find(|(id, _)| *id == config).map(|(_, plugin)| Rc::clone(plugin))
    };
    P::with(find).map(|plugin| ask(&plugin))
}

/// What is exported: the contract's functions for a plugin.
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);

impl<P: Configured> Adapter<P> {
    #[allow(clippy::panic, reason = "a trap is the answer to a host that breaks the contract")]
    fn configured<R>(config: u32, call: impl FnOnce(&P) -> R) -> R {
        P::with(|values| {
            let values = values.borrow();
            match values.iter().find(|(id, _)| *id == config) {
                Some((_, plugin)) => call(plugin),
                None => panic!("the host names configuration {config}, which it never gave"),
            }
        })
    }
}

/// Reads a configuration; nothing at all is read as `{}`.
pub(crate) fn read<P: Plugin>(json: &[u8]) -> Result<P, String> {
    let json = if json.is_empty() { b"{}" } else { json };
    let config = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    P::configure(config)
}

fn extra<P: Plugin>() -> Vec<types::Pair> {
    let mut extra = vec![types::Pair { name: "tick".to_owned(), value: P::TICK.to_owned() }];
    if P::BY_INPUTS {
        extra.push(types::Pair { name: "verdicts".to_owned(), value: "by-inputs".to_owned() });
    }
    extra
}

impl<P: Configured> lifecycle::Guest for Adapter<P> {
    fn describe() -> lifecycle::Manifest {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let metric = |metric: &crate::Metric| lifecycle::Metric {
            name: metric.name.to_owned(),
            kind: metric.kind,
            help: metric.help.to_owned(),
        };
        lifecycle::Manifest {
            name: P::NAME.to_owned(),
            version: P::VERSION.to_owned(),
            request_inputs: owned(P::REQUEST_INPUTS),
            response_inputs: owned(P::RESPONSE_INPUTS),
            metrics: P::METRICS.iter().map(metric).collect(),
            config_schema: P::CONFIG_SCHEMA.to_owned(),
            extra: extra::<P>(),
        }
    }

    fn configure(id: u32, config: Vec<u8>) -> Result<(), String> {
        let plugin = read::<P>(&config)?;
        P::with(|values| {
            let mut values = values.borrow_mut();
            values.retain(|(known, _)| *known != id);
            values.push((id, Rc::new(plugin)));
        });
        Ok(())
    }

    fn release(id: u32) {
        P::with(|values| values.borrow_mut().retain(|(known, _)| *known != id));
    }
}

impl<P: Configured + Routing> routing::exports::hither::plugin::routing::Guest for Adapter<P> {
    fn select(request: types::Request) -> Decision {
        let request = Request::new(request, P::REQUEST_INPUTS);
        Self::configured(request.config, |plugin| plugin.select(&request))
    }
}

impl<P: Configured + RequestFilter> request_filter::exports::hither::plugin::request_filter::Guest
    for Adapter<P>
{
    fn on_request(request: types::Request) -> types::RequestVerdict {
        let request = Request::new(request, P::REQUEST_INPUTS);
        Self::configured(request.config, |plugin| plugin.on_request(&request))
    }
}

impl<P: Configured + ResponseFilter>
    response_filter::exports::hither::plugin::response_filter::Guest for Adapter<P>
{
    fn on_response(response: types::Response, memo: u64) -> types::ResponseVerdict {
        let response = Response::new(response, P::RESPONSE_INPUTS);
        Self::configured(response.config, |plugin| plugin.on_response(&response, memo))
    }
}

impl<P: Configured + CachePolicy> cache_policy::exports::hither::plugin::cache_policy::Guest
    for Adapter<P>
{
    fn on_lookup(request: types::Request) -> Lookup {
        let request = Request::new(request, P::REQUEST_INPUTS);
        Self::configured(request.config, |plugin| plugin.on_lookup(&request))
    }

    fn on_store(response: types::Response, memo: u64) -> Storage {
        let response = Response::new(response, P::RESPONSE_INPUTS);
        Self::configured(response.config, |plugin| plugin.on_store(&response, memo))
    }
}

impl<P: Configured + RateLimit> rate_limit::exports::hither::plugin::rate_limit::Guest
    for Adapter<P>
{
    fn classify(request: types::Request) -> RateVerdict {
        let request = Request::new(request, P::REQUEST_INPUTS);
        Self::configured(request.config, |plugin| plugin.classify(&request))
    }
}

impl<P: Configured + AccessLog> access_log::exports::hither::plugin::access_log::Guest
    for Adapter<P>
{
    /// Exchanges of several configurations come together; each value sees its own.
    fn on_complete(done: Vec<types::Summary>) {
        P::with(|values| {
            let mut done: Vec<_> =
                done.into_iter().map(|raw| Summary::new(raw, P::REQUEST_INPUTS)).collect();
            for (id, plugin) in values.borrow().iter() {
                let (own, others) = done.into_iter().partition(|one: &Summary| one.config == *id);
                done = others;
                if !Vec::is_empty(&own) {
                    plugin.on_complete(&own);
                }
            }
        });
    }
}

impl<P: Configured + Background> background::exports::hither::plugin::background::Guest
    for Adapter<P>
{
    fn on_tick(now_ms: u64) {
        P::with(|values| values.borrow().iter().for_each(|(_, plugin)| plugin.on_tick(now_ms)));
    }
}

impl<P: Configured + RequestBody> request_body::exports::hither::plugin::request_body::Guest
    for Adapter<P>
{
    fn on_whole(exchange: u64, memo: u64, body: Vec<u8>) -> types::WholeVerdict {
        P::on_whole_request(Body { exchange, memo }, body)
    }

    fn on_chunk(exchange: u64, memo: u64, data: Vec<u8>, last: bool) -> types::ChunkVerdict {
        P::on_request_chunk(Body { exchange, memo }, data, last)
    }
}

impl<P: Configured + ResponseBody> response_body::exports::hither::plugin::response_body::Guest
    for Adapter<P>
{
    fn on_whole(exchange: u64, memo: u64, body: Vec<u8>) -> types::WholeVerdict {
        P::on_whole_response(Body { exchange, memo }, body)
    }

    fn on_chunk(exchange: u64, memo: u64, data: Vec<u8>, last: bool) -> types::ChunkVerdict {
        P::on_response_chunk(Body { exchange, memo }, data, last)
    }
}

impl<P: Configured + Failover> failover::exports::hither::plugin::failover::Guest for Adapter<P> {
    fn on_failure(request: types::Request, memo: u64, attempt: Attempt) -> FailoverDecision {
        let request = Request::new(request, P::REQUEST_INPUTS);
        Self::configured(request.config, |plugin| plugin.on_failure(&request, memo, &attempt))
    }
}
