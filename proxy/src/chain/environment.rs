//! What plugins are lent by this process: the log, their metrics, the balancer's picture, limiters,
//! calls to services.

use crate::shared::{Shared, purge_url};
use crate::snapshot::{Service, Snapshot, Way};
use crate::telemetry::Telemetry;
use crate::upstream::{self, CallError};
use bytes::Bytes;
use hither_balance::{Band, InstanceStatus};
use hither_cache::Purge;
use hither_config::Name;
use hither_limit::{Check, Ruling};
use hither_plugin_host as host;
use std::sync::{Arc, OnceLock, Weak};

/// Responses that a plugin's call purges while the request's thread waits: about a millisecond.
const MOST_PURGED_AT_ONCE: usize = 1000;

/// Stands behind the capabilities of every plugin.
pub(crate) struct PluginEnvironment {
    telemetry: Arc<Telemetry>,
    /// Known once the first snapshot serves; plugins that are only being loaded see no instances.
    shared: OnceLock<Weak<Shared>>,
}

impl PluginEnvironment {
    pub(crate) fn new(telemetry: Arc<Telemetry>) -> Arc<PluginEnvironment> {
        Arc::new(PluginEnvironment { telemetry, shared: OnceLock::new() })
    }

    /// From now on the balancers of `shared` can be asked.
    pub(crate) fn serves(&self, shared: &Arc<Shared>) {
        let _ = self.shared.set(Arc::downgrade(shared));
    }
}

impl host::Environment for PluginEnvironment {
    fn log_enabled(&self, _plugin: &str, level: host::Level) -> bool {
        match level {
            host::Level::Trace => tracing::enabled!(tracing::Level::TRACE),
            host::Level::Debug => tracing::enabled!(tracing::Level::DEBUG),
            host::Level::Info => tracing::enabled!(tracing::Level::INFO),
            host::Level::Warn => tracing::enabled!(tracing::Level::WARN),
            host::Level::Error => tracing::enabled!(tracing::Level::ERROR),
        }
    }

    fn log(&self, line: &host::LogLine<'_>) {
        let fields: serde_json::Map<_, _> =
            line.fields.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        let fields = serde_json::Value::Object(fields);
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    plugin = line.plugin,
                    revision = line.revision,
                    exchange = line.exchange,
                    dropped = line.dropped,
                    fields = %fields,
                    "{}",
                    line.message
                )
            };
        }
        match line.level {
            host::Level::Trace => emit!(trace),
            host::Level::Debug => emit!(debug),
            host::Level::Info => emit!(info),
            host::Level::Warn => emit!(warn),
            host::Level::Error => emit!(error),
        }
    }

    fn metrics(
        &self,
        plugin: &str,
        declared: &[host::Metric],
    ) -> Result<Arc<dyn host::MetricSink>, String> {
        self.telemetry.declared_by_plugin(plugin, declared)
    }

    fn instances(&self, service: &str) -> Option<Vec<host::InstanceView>> {
        let snapshot = self.shared.get()?.upgrade()?.snapshot();
        Some(snapshot.service(service)?.balancer.instances().into_iter().map(view).collect())
    }

    fn take(&self, limiter: &str, key: &[u8], cost: u32) -> Option<host::Charged> {
        self.charge(Check { limit: limiter, key, cost }, Way::Take)
    }

    fn peek(&self, limiter: &str, key: &[u8], cost: u32) -> Option<host::Charged> {
        self.charge(Check { limit: limiter, key, cost }, Way::Peek)
    }

    fn purge_tag(&self, plugin: &str, tag: &str) -> u64 {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else { return 0 };
        let services = attached_and_caching(&shared.snapshot(), plugin);
        let cache = shared.cache;
        let purge = {
            let tag = tag.to_owned();
            move || {
                let purged = services.iter().map(|name| cache.purge(&Purge::Tag(Some(name), &tag)));
                purged.sum()
            }
        };
        let bearing = cache.tagged(tag);
        match tokio::runtime::Handle::try_current() {
            // Too many for the time that a request's thread has.
            Ok(runtime) if bearing > MOST_PURGED_AT_ONCE => {
                runtime.spawn_blocking(purge);
                bearing as u64
            }
            _ => purge(),
        }
    }

    fn purge_url(&self, plugin: &str, url: &str) -> Result<u64, String> {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else { return Ok(0) };
        let snapshot = shared.snapshot();
        let services = attached_and_caching(&snapshot, plugin);
        let services = services.iter().map(Name::as_str);
        purge_url(shared.cache, services, url)
    }

    fn call(&self, call: host::HttpCall) -> host::HttpFuture {
        let snapshot = self.shared.get().and_then(Weak::upgrade).map(|shared| shared.snapshot());
        let service = snapshot.and_then(|snapshot| snapshot.service(&call.service).cloned());
        Box::pin(async move {
            let Some(service) = service else {
                let why = format!("service {} does not serve now", call.service);
                return Err(host::HttpError::Unavailable(why));
            };
            let timeout = call.timeout;
            let sent = send(&service, call);
            tokio::time::timeout(timeout, sent).await.unwrap_or(Err(host::HttpError::Timeout))
        })
    }
}

/// Where a plugin may purge: whoever is trusted with one service is not with another.
fn attached_and_caching(snapshot: &Snapshot, plugin: &str) -> Vec<Name> {
    let services = snapshot.plan.services.iter();
    let services = services.filter(|(_, plan)| plan.cache.is_some());
    let attached = services.filter(|(_, plan)| plan.plugins.iter().any(|a| *a.plugin == *plugin));
    attached.map(|(name, _)| name.clone()).collect()
}

async fn send(
    service: &Service,
    call: host::HttpCall,
) -> Result<host::HttpAnswer, host::HttpError> {
    let mut request = http::Request::new(Bytes::from(call.body));
    *request.method_mut() = call.method;
    *request.uri_mut() = call.path.into();
    for (name, value) in call.headers {
        request.headers_mut().append(name, value);
    }
    let now = || service.clock.now();
    match upstream::call(&service.balancer, now, request, call.most).await {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            let (status, headers) = (head.status, head.headers);
            Ok(host::HttpAnswer { status, headers, body: body.into() })
        }
        Err(CallError::TooLarge) => Err(host::HttpError::TooLarge),
        Err(error) => Err(host::HttpError::Unavailable(error.to_string())),
    }
}

impl PluginEnvironment {
    fn charge(&self, check: Check<'_>, way: Way) -> Option<host::Charged> {
        let snapshot = self.shared.get()?.upgrade()?.snapshot();
        let Ruling { spec, decision } = snapshot.limiters.ask_one(check, way)?;
        Some(host::Charged {
            allowed: decision.allowed || spec.shadow,
            remaining: decision.remaining(),
            retry_after: decision.retry_after(),
        })
    }
}

fn view(status: InstanceStatus) -> host::InstanceView {
    host::InstanceView {
        id: status.id.to_string(),
        region: status.region.to_string(),
        healthy: status.healthy && !status.draining,
        band: match status.band {
            Band::Open => host::Band::Open,
            Band::Busy => host::Band::Busy,
            Band::Full => host::Band::Full,
        },
        in_flight: status.in_flight,
        soft_limit: status.soft_limit,
        rtt: status.rtt,
    }
}
