//! Every way a request can fail: status, reason, who is to blame, and how it is named on the wire.
//!
//! A fault is raised anywhere on a request's way and turned into an answer in one place
//! (`serve/answer.rs`). It never carries an internal address or a stack: what an operator needs
//! beyond the reason is in the access log.

use std::fmt;

/// Who made the request fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The client sent something that cannot be served, or left.
    Client,
    /// This edge refused: limits, queue, configuration.
    Edge,
    /// The instance did not answer as HTTP asks.
    Upstream,
    /// A plugin failed and its policy is to reject.
    Plugin,
}

impl Blame {
    /// The word in the access log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Blame::Client => "client",
            Blame::Edge => "edge",
            Blame::Upstream => "upstream",
            Blame::Plugin => "plugin",
        }
    }
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident => $status:literal, $reason:literal, $blame:ident, $proxy_status:literal;)*) => {
        /// One way for a request to fail. The name in logs, metrics and `Proxy-Status` details is
        /// [`Fault::reason`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every fault, for metrics that name them all and for tests.
            pub(crate) const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// The status the client sees. 499 is never sent: the client is gone.
            pub(crate) const fn status(self) -> u16 { match self { $(Fault::$name => $status,)* } }

            /// A stable, machine-readable word for logs, metrics and headers.
            pub(crate) const fn reason(self) -> &'static str { match self { $(Fault::$name => $reason,)* } }

            /// Who made it fail.
            pub(crate) const fn blame(self) -> Blame { match self { $(Fault::$name => Blame::$blame,)* } }

            /// The error type of RFC 9209 section 2.3 that comes closest.
            pub(crate) const fn proxy_status(self) -> &'static str { match self { $(Fault::$name => $proxy_status,)* } }
        }
    };
}

faults! {
    /// The request line is not `METHOD SP target SP HTTP/1.x` (RFC 9112 section 3).
    BadRequestLine => 400, "bad_request_line", Client, "http_request_error";
    /// The target holds a byte that no URI may hold, or a form that the method does not allow.
    BadTarget => 400, "bad_target", Client, "http_request_error";
    /// A field line is malformed: name, colon or value (RFC 9112 section 5).
    BadHeader => 400, "bad_header", Client, "http_request_error";
    /// A line ended in LF alone. RFC 9112 section 2.2 lets a recipient accept it; smuggling says no.
    BareLineFeed => 400, "bare_line_feed", Client, "http_request_error";
    /// A field value was continued on the next line (RFC 9112 section 5.2).
    FoldedHeader => 400, "folded_header", Client, "http_request_error";
    /// Host is missing, repeated, empty or not an authority (RFC 9112 section 3.2).
    BadHost => 400, "bad_host", Client, "http_request_error";
    /// Content-Length and Transfer-Encoding do not tell one length (RFC 9112 section 6).
    BadFraming => 400, "bad_framing", Client, "http_request_error";
    /// A chunk is malformed (RFC 9112 section 7.1).
    BadChunk => 400, "bad_chunk", Client, "http_request_error";
    /// The body ended before its length.
    BodyCutShort => 400, "body_cut_short", Client, "http_request_error";
    /// CONNECT: Hither is not a forward proxy.
    MethodNotAllowed => 405, "method_not_allowed", Client, "http_request_denied";
    /// No service takes this host and path.
    NoRoute => 404, "no_route", Client, "destination_not_found";
    /// The client asked for another host when it opened the connection (SNI), and its certificate is not for this one
    /// (RFC 9110 section 15.5.20).
    Misdirected => 421, "misdirected", Client, "http_request_denied";
    /// The head was not complete in time.
    HeadTimeout => 408, "head_timeout", Client, "http_request_error";
    /// The body did not come in time.
    BodyTimeout => 408, "body_timeout", Client, "http_request_error";
    /// The request wants what is kept and nothing else, and nothing is (RFC 9111 section 5.2.1.7).
    NotCached => 504, "not_cached", Client, "http_request_denied";
    /// The body is larger than the service's `max_body`, or than a plugin wants to have held.
    BodyTooLarge => 413, "body_too_large", Client, "http_request_denied";
    /// The request target alone fills the head.
    TargetTooLong => 414, "target_too_long", Client, "http_request_denied";
    /// The head is larger than the listener's `max_head`.
    HeadTooLarge => 431, "head_too_large", Client, "http_request_denied";
    /// More field lines than the listener's `max_header_lines`.
    TooManyHeaders => 431, "too_many_headers", Client, "http_request_denied";
    /// The client closed before its answer was complete. Logged, never sent.
    ClientLeft => 499, "client_left", Client, "http_request_error";
    /// The client took too little of its answer for too long. Logged, never sent.
    SlowReader => 499, "slow_reader", Client, "http_request_error";
    /// A rate limit of the service refused.
    RateLimited => 429, "rate_limited", Edge, "http_request_denied";
    /// No instance is eligible: none configured, healthy or bearing the labels asked for.
    NoInstance => 503, "no_instance", Edge, "destination_unavailable";
    /// All instances are full and so is the queue.
    QueueFull => 503, "queue_full", Edge, "connection_limit_reached";
    /// The queue's `timeout` passed.
    QueueTimeout => 503, "queue_timeout", Edge, "connection_limit_reached";
    /// Every instance has been full for `shed_after`: new requests are refused at once.
    Overloaded => 503, "overloaded", Edge, "connection_limit_reached";
    /// The edge serves as many requests as it may, of all services together: `max_requests`.
    EdgeFull => 503, "edge_full", Edge, "connection_limit_reached";
    /// The edge takes as much memory as it may: `max_memory`.
    MemoryFull => 503, "memory_full", Edge, "connection_limit_reached";
    /// Too many bytes of bodies are held back for plugins already: `held_bodies`.
    BodiesFull => 503, "bodies_full", Edge, "connection_limit_reached";
    /// A plugin aborted the request's body.
    PluginRefused => 403, "plugin_refused", Plugin, "http_request_denied";
    /// A plugin aborted the response's body.
    PluginCut => 502, "plugin_cut", Plugin, "http_response_incomplete";
    /// A plugin failed and its `on_failure` is "reject".
    PluginFailed => 503, "plugin_failed", Plugin, "proxy_internal_error";
    /// The service's component answers as many requests as it may, or all components together do.
    ComponentFull => 503, "component_full", Edge, "connection_limit_reached";
    /// The component trapped, wanted too much memory or ended without an answer.
    ComponentFailed => 502, "component_failed", Upstream, "http_response_incomplete";
    /// The component took longer than its `time` or its `wait`.
    ComponentTimeout => 504, "component_timeout", Upstream, "http_response_timeout";
    /// Nobody listens at the instance's address.
    ConnectRefused => 502, "connect_refused", Upstream, "connection_refused";
    /// The instance could not be reached for another reason.
    ConnectFailed => 502, "connect_failed", Upstream, "destination_unavailable";
    /// The instance did not accept in `timeouts.connect`.
    ConnectTimeout => 504, "connect_timeout", Upstream, "connection_timeout";
    /// The instance closed or reset before its head was complete.
    UpstreamClosed => 502, "upstream_closed", Upstream, "connection_terminated";
    /// The instance's answer is not HTTP.
    UpstreamInvalid => 502, "upstream_invalid", Upstream, "http_protocol_error";
    /// The head of the answer did not come in `timeouts.first_byte`.
    FirstByteTimeout => 504, "first_byte_timeout", Upstream, "http_response_timeout";
    /// The body of the answer ended early or stalled: the client sees a cut, never a short whole.
    BodyCut => 502, "upstream_body_cut", Upstream, "http_response_incomplete";
    /// A plugin gave up an answer of the instance's for another attempt, which nobody took.
    AnswerGivenUp => 502, "answer_given_up", Upstream, "destination_unavailable";
    /// The body of the answer is larger than a plugin wants to have held.
    AnswerTooLarge => 502, "answer_too_large", Upstream, "http_response_body_size";
    /// Hither itself could not go on.
    Internal => 500, "internal", Edge, "proxy_internal_error";
}

impl Fault {
    /// The fault at this place in [`Fault::ALL`].
    pub(crate) const fn from_code(code: u8) -> Option<Fault> {
        if (code as usize) < Self::ALL.len() { Some(Self::ALL[code as usize]) } else { None }
    }

    /// Its place in [`Fault::ALL`], so that it fits an atomic.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The status as HTTP's own type.
    pub(crate) fn status_code(self) -> http::StatusCode {
        http::StatusCode::from_u16(self.status()).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_reason_and_survives_its_code() {
        for (place, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(usize::from(fault.code()), place);
            assert_eq!(Fault::from_code(fault.code()), Some(*fault));
            assert_eq!(Fault::ALL.iter().filter(|f| f.reason() == fault.reason()).count(), 1);
            assert!((400..=599).contains(&fault.status()), "{fault}");
        }
        assert_eq!(Fault::from_code(255), None);
    }
}
