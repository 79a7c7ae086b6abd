//! The one event of a request: everything that metrics and the access log say comes from here.

use super::ServiceMetrics;
use crate::fault::Fault;
use crate::serve::RequestId;
use http::HeaderMap;
use std::net::IpAddr;
use std::time::Duration;

/// Where a request's time went. What did not happen took no time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// In plugins.
    pub(crate) plugins: Duration,
    /// Waiting for a place on an instance.
    pub(crate) queue: Duration,
    /// Connecting, when no idle connection was there.
    pub(crate) connect: Duration,
    /// From the last attempt's start to the head of its answer.
    pub(crate) app: Option<Duration>,
    /// From the request's head to the head of the answer to the client, everything included.
    pub(crate) first_byte: Option<Duration>,
    /// From the request's head to its end.
    pub(crate) total: Duration,
}

/// A request that has ended.
pub(crate) struct RequestFinished<'a> {
    pub(crate) metrics: Option<&'a ServiceMetrics>,
    pub(crate) edge: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: Option<&'a str>,
    /// The first digits of the SHA-256 of the component that answered, or was to.
    pub(crate) component: Option<&'a str>,
    pub(crate) instance: Option<&'a str>,
    pub(crate) instance_region: Option<&'a str>,
    pub(crate) client: IpAddr,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) protocol: &'static str,
    pub(crate) status: u16,
    pub(crate) fault: Option<Fault>,
    /// What the cache did, where the service has one.
    pub(crate) cache: Option<&'static str>,
    /// The rate limit that refused.
    pub(crate) limit: Option<&'a str>,
    /// The plugin that answered or whose failure did.
    pub(crate) plugin: Option<&'a str>,
    pub(crate) attempts: u8,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) times: Times,
    pub(crate) id: &'a str,
    /// The request's, where there were any.
    pub(crate) headers: Option<&'a HeaderMap>,
    /// What plugins noted: `plugin.key` and value.
    pub(crate) metadata: &'a [(String, String)],
}

impl<'a> RequestFinished<'a> {
    /// A head that was refused before it became a request.
    pub(super) fn refused(
        client: IpAddr,
        (edge, region): (&'a str, &'a str),
        fault: Fault,
        id: &'a RequestId,
    ) -> RequestFinished<'a> {
        RequestFinished {
            metrics: None,
            edge,
            region,
            service: None,
            component: None,
            instance: None,
            instance_region: None,
            client,
            method: "",
            host: "",
            path: "",
            protocol: "HTTP/1.1",
            status: fault.status(),
            fault: Some(fault),
            cache: None,
            limit: None,
            plugin: None,
            attempts: 0,
            request_bytes: 0,
            response_bytes: 0,
            times: Times::default(),
            id: id.as_str(),
            headers: None,
            metadata: &[],
        }
    }
}
