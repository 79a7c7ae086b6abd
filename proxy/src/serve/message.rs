//! Pingora's heads as the plugin chain sees them: readable, and changed by judged edits only.

use crate::chain::{self, RequestMessage, ResponseMessage};
use hither_plugin_host::Edits;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, StatusCode};
use pingora_http::{RequestHeader, ResponseHeader};

/// Works on a request head's parts. Pingora's own methods keep the case of each name in a second map
/// and read every name anew, which costs more than all else that a request needs of us; so names go
/// to the instance as HTTP/2 has them, in lower case.
pub(super) fn with_parts<R>(head: &mut RequestHeader, work: impl FnOnce(&mut Parts) -> R) -> R {
    let empty = RequestHeader::from(http::Request::new(()).into_parts().0);
    let mut parts = Parts::from(std::mem::replace(head, empty));
    let result = work(&mut parts);
    *head = RequestHeader::from(parts);
    result
}

impl RequestMessage for RequestHeader {
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
        authority(self)
    }

    fn apply(&mut self, edits: &Edits) {
        if edits.is_empty() {
            return;
        }
        with_parts(self, |parts| RequestMessage::apply(parts, edits));
    }

    fn set_path(&mut self, path: PathAndQuery) {
        with_parts(self, |parts| parts.set_path(path));
    }

    fn set_authority(&mut self, authority: Authority) {
        with_parts(self, |parts| parts.set_authority(authority));
    }
}

/// The host that the client asked for: `:authority` or an absolute target before `Host`.
pub(super) fn authority(head: &RequestHeader) -> &str {
    chain::authority(&head.uri, &head.headers)
}

impl ResponseMessage for ResponseHeader {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn apply(&mut self, edits: &Edits) {
        for name in edits.remove.iter().chain(edits.set.iter().map(|(name, _)| name)) {
            self.remove_header(name);
        }
        for (name, value) in edits.set.iter().chain(&edits.append) {
            // The name and value are well-formed; only a full header map can refuse them, and
            // then the head is as long as it may be.
            let _ = self.append_header(name.clone(), value.clone());
        }
    }

    fn set_status(&mut self, status: StatusCode) {
        // Infallible for a StatusCode; the signature is Pingora's.
        let _ = ResponseHeader::set_status(self, status);
    }
}
