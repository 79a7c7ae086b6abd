//! Heads as the chain needs them, and the facts of an exchange that are not in its head.

use super::inputs::Facts;
use crate::snapshot::{Edge, Limiters};
use hither_plugin_host::{Edits, Protocol, RequestHead, ResponseHead};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use std::net::IpAddr;

/// A request head that plugins read and whose changes have been judged.
pub(crate) trait RequestMessage: Send + Sync {
    fn method(&self) -> &Method;
    fn headers(&self) -> &HeaderMap;
    /// With query.
    fn path(&self) -> &str;
    fn authority(&self) -> &str;
    fn apply(&mut self, edits: &Edits);
    fn set_path(&mut self, path: PathAndQuery);
    fn set_authority(&mut self, authority: Authority);
}

impl RequestMessage for Parts {
    fn method(&self) -> &Method {
        &self.method
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }

    fn authority(&self) -> &str {
        authority(&self.uri, &self.headers)
    }

    fn apply(&mut self, edits: &Edits) {
        edits.apply(&mut self.headers);
    }

    fn set_path(&mut self, path: PathAndQuery) {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(path);
        if let Ok(uri) = Uri::from_parts(parts) {
            self.uri = uri;
        }
    }

    fn set_authority(&mut self, authority: Authority) {
        if let Ok(value) = HeaderValue::from_str(authority.as_str()) {
            self.headers.insert(header::HOST, value);
        }
        if self.uri.authority().is_some() {
            let mut parts = self.uri.clone().into_parts();
            parts.authority = Some(authority);
            if let Ok(uri) = Uri::from_parts(parts) {
                self.uri = uri;
            }
        }
    }
}

/// The host that the client asked for: `:authority` or an absolute target before `Host`.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    uri.authority().map(Authority::as_str).unwrap_or_else(|| {
        headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
    })
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
    pub(crate) limiters: &'a Limiters,
    /// The client asks over TLS.
    pub(crate) tls: bool,
    pub(crate) end_of_stream: bool,
    pub(crate) http_version: Version,
    /// Somebody only asks what would be said.
    pub(crate) rehearsal: bool,
}

impl RequestContext<'_> {
    /// `now_ms`: none where the plugin goes by its inputs and is told nothing else.
    pub(super) fn head<'a>(
        &self,
        message: &'a impl RequestMessage,
        facts: &'a Facts<'_>,
        now_ms: Option<u64>,
        config: u32,
    ) -> RequestHead<'a> {
        RequestHead {
            exchange: self.exchange,
            now_ms: now_ms.unwrap_or_default(),
            config,
            rehearsal: self.rehearsal,
            method: message.method(),
            protocol: match self.http_version {
                Version::HTTP_10 => Protocol::Http10,
                Version::HTTP_2 => Protocol::Http2,
                _ => Protocol::Http11,
            },
            tls: self.tls,
            end_of_stream: self.end_of_stream,
            authority: now_ms.map_or("", |_| message.authority()),
            path: message.path(),
            inputs: facts,
        }
    }
}

/// A response's facts beside its head.
pub(crate) struct ResponseContext<'a> {
    /// Path and query that were asked for, as the request's plugins left them.
    pub(crate) path: &'a str,
    pub(crate) exchange: u64,
    pub(crate) client: IpAddr,
    pub(crate) service: &'a str,
    pub(crate) edge: &'a Edge,
    /// It was kept, and no instance was asked.
    pub(crate) from_cache: bool,
}

impl ResponseContext<'_> {
    pub(super) fn head<'a>(
        &self,
        message: &'a impl ResponseMessage,
        facts: &'a Facts<'_>,
        now_ms: Option<u64>,
        config: u32,
    ) -> ResponseHead<'a> {
        ResponseHead {
            exchange: self.exchange,
            now_ms: now_ms.unwrap_or_default(),
            config,
            status: message.status(),
            from_cache: self.from_cache,
            end_of_stream: false,
            inputs: facts,
        }
    }
}
