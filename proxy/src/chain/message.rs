//! Heads as the chain needs them, and the facts of an exchange that are not in its head.

use super::inputs::Facts;
use crate::snapshot::Edge;
use hither_plugin_host::{Edits, Protocol, RequestHead, ResponseHead};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, StatusCode, Version};
use std::net::IpAddr;

/// A request head that plugins read and whose changes have been judged.
pub(crate) trait RequestMessage {
    fn method(&self) -> &Method;
    fn headers(&self) -> &HeaderMap;
    /// With query.
    fn path(&self) -> &str;
    fn authority(&self) -> &str;
    fn apply(&mut self, edits: &Edits);
    fn set_path(&mut self, path: PathAndQuery);
    fn set_authority(&mut self, authority: Authority);

    /// Goes elsewhere, where a plugin says so.
    fn redirect(&mut self, path: Option<PathAndQuery>, authority: Option<Authority>) {
        if let Some(path) = path {
            self.set_path(path);
        }
        if let Some(authority) = authority {
            self.set_authority(authority);
        }
    }
}

/// A response head that plugins read and whose changes have been judged.
pub(crate) trait ResponseMessage {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    fn apply(&mut self, edits: &Edits);
    fn set_status(&mut self, status: StatusCode);
}

/// A request's facts beside its head.
pub(crate) struct RequestContext<'a> {
    pub(crate) exchange: u64,
    pub(crate) client: IpAddr,
    pub(crate) service: &'a str,
    pub(crate) edge: &'a Edge,
    pub(crate) end_of_stream: bool,
    pub(crate) http_version: Version,
}

impl RequestContext<'_> {
    pub(super) fn head<'a>(
        &self,
        message: &'a impl RequestMessage,
        facts: &'a Facts<'_>,
        now_ms: u64,
        config: u32,
    ) -> RequestHead<'a> {
        RequestHead {
            exchange: self.exchange,
            now_ms,
            config,
            method: message.method(),
            protocol: match self.http_version {
                Version::HTTP_10 => Protocol::Http10,
                Version::HTTP_2 => Protocol::Http2,
                _ => Protocol::Http11,
            },
            tls: false,
            end_of_stream: self.end_of_stream,
            authority: message.authority(),
            path: message.path(),
            inputs: facts,
        }
    }
}

/// A response's facts beside its head.
pub(crate) struct ResponseContext<'a> {
    pub(crate) exchange: u64,
    pub(crate) client: IpAddr,
    pub(crate) service: &'a str,
    pub(crate) edge: &'a Edge,
}

impl ResponseContext<'_> {
    pub(super) fn head<'a>(
        &self,
        message: &'a impl ResponseMessage,
        facts: &'a Facts<'_>,
        now_ms: u64,
        config: u32,
    ) -> ResponseHead<'a> {
        ResponseHead {
            exchange: self.exchange,
            now_ms,
            config,
            status: message.status(),
            from_cache: false,
            end_of_stream: false,
            inputs: facts,
        }
    }
}
