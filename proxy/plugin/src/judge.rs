//! Judges what a guest returned: every name, value, status, path and amount, so that a verdict can be
//! applied without failing and nothing malformed or misframed can reach the wire. Pure.

use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::contract::exports::hither::plugin::{failover, routing as wire};
use crate::contract::hither::plugin::types;
use crate::hook::{Hook, Hooks};
use crate::verdict::{
    BodyMode, ChunkVerdict, Edits, Failover, Pair, Reply, RequestPatch, RequestVerdict,
    ResponsePatch, ResponseVerdict, Routing, Target, WholeVerdict,
};

const LONGEST_VALUE: usize = 16 << 10;
const LONGEST_PATH: usize = 16 << 10;
const LONGEST_NAME: usize = 256;
const LONGEST_AFFINITY: usize = 1 << 10;
const MOST_PAIRS: usize = 64;
const LONGEST_PAIR_VALUE: usize = 1 << 10;

/// Fields that frame a message or belong to one connection (RFC 9110 section 7.6.1, RFC 9112 section
/// 6), and `host`, for which there is `authority`. The host writes them.
const FORBIDDEN: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is wrong, as a sentence for the plugin's author.
pub(crate) type Wrong = String;

/// Bounds that the operator sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Edits, or headers of a reply.
    pub(crate) edits: usize,
    /// What the plugin exports: it can be shown no other body.
    pub(crate) hooks: Hooks,
}

pub(crate) fn routing(raw: wire::Decision, bounds: Bounds) -> Result<Routing, Wrong> {
    Ok(match raw {
        wire::Decision::Pass => Routing::Pass,
        wire::Decision::Respond(raw) => Routing::Respond(Arc::new(reply(raw, bounds)?)),
        wire::Decision::Route(raw) => {
            if raw.affinity.len() > LONGEST_AFFINITY {
                return Err(format!("affinity is longer than {LONGEST_AFFINITY} bytes"));
            }
            Routing::Route(Arc::new(Target {
                service: raw.service.map(|name| short("service", name)).transpose()?,
                require: pairs("require", raw.require)?,
                prefer: pairs("prefer", raw.prefer)?,
                affinity: (!raw.affinity.is_empty()).then_some(raw.affinity),
                path: raw.path.map(path).transpose()?,
                authority: raw.authority.map(authority).transpose()?,
                edits: optional_edits(raw.edits, bounds)?,
                timeout: raw.timeout_ms.map(timeout).transpose()?,
                memo: raw.memo,
            }))
        }
    })
}

pub(crate) fn request(raw: types::RequestVerdict, bounds: Bounds) -> Result<RequestVerdict, Wrong> {
    Ok(match raw {
        types::RequestVerdict::Pass => RequestVerdict::Pass,
        types::RequestVerdict::Respond(raw) => {
            RequestVerdict::Respond(Arc::new(reply(raw, bounds)?))
        }
        types::RequestVerdict::Next(raw) => RequestVerdict::Next(Arc::new(RequestPatch {
            body: body_mode(Hook::RequestBody, raw.body, bounds)?,
            edits: optional_edits(raw.edits, bounds)?,
            path: raw.path.map(path).transpose()?,
            authority: raw.authority.map(authority).transpose()?,
            metadata: pairs("metadata", raw.metadata)?,
            response_hooks: raw.response_hooks,
            memo: raw.memo,
        })),
    })
}

pub(crate) fn response(
    raw: types::ResponseVerdict,
    bounds: Bounds,
) -> Result<ResponseVerdict, Wrong> {
    Ok(match raw {
        types::ResponseVerdict::Pass => ResponseVerdict::Pass,
        types::ResponseVerdict::Respond(raw) => {
            ResponseVerdict::Respond(Arc::new(reply(raw, bounds)?))
        }
        types::ResponseVerdict::Next(raw) => ResponseVerdict::Next(Arc::new(ResponsePatch {
            body: body_mode(Hook::ResponseBody, raw.body, bounds)?,
            status: raw.status.map(status).transpose()?,
            edits: optional_edits(raw.edits, bounds)?,
            metadata: pairs("metadata", raw.metadata)?,
        })),
    })
}

pub(crate) fn whole(raw: types::WholeVerdict, bounds: Bounds) -> Result<WholeVerdict, Wrong> {
    use types::WholeVerdict as Raw;
    let changed = |body, edits| Ok(WholeVerdict::Next { body, edits });
    match raw {
        Raw::Keep => changed(None, Edits::default()),
        Raw::KeepWith(raw) => changed(None, edits(raw, bounds)?),
        Raw::Replace(body) => changed(Some(body), Edits::default()),
        Raw::ReplaceWith((body, raw)) => changed(Some(body), edits(raw, bounds)?),
        Raw::Respond(raw) => reply(raw, bounds).map(WholeVerdict::Respond),
    }
}

pub(crate) fn chunk(raw: types::ChunkVerdict, _: Bounds) -> Result<ChunkVerdict, Wrong> {
    Ok(match raw {
        types::ChunkVerdict::Keep => ChunkVerdict::Keep,
        types::ChunkVerdict::Replace(data) => ChunkVerdict::Replace(data),
        types::ChunkVerdict::Abort => ChunkVerdict::Abort,
    })
}

pub(crate) fn failover(raw: failover::Decision, bounds: Bounds) -> Result<Failover, Wrong> {
    Ok(match raw {
        failover::Decision::ByPolicy => Failover::ByPolicy,
        failover::Decision::GiveUp => Failover::GiveUp,
        failover::Decision::Retry(labels) => Failover::Retry(pairs("retry", labels)?),
        failover::Decision::Respond(raw) => Failover::Respond(reply(raw, bounds)?),
    })
}

/// A body is shown to nobody who has no hook for it.
fn body_mode(hook: Hook, mode: types::BodyMode, bounds: Bounds) -> Result<BodyMode, Wrong> {
    let mode = match mode {
        types::BodyMode::None => return Ok(BodyMode::None),
        types::BodyMode::Buffered(most) => BodyMode::Buffered(most),
        types::BodyMode::Streamed => BodyMode::Streamed,
    };
    match bounds.hooks.contains(hook) {
        true => Ok(mode),
        false => Err(format!("a body is asked for, but the plugin exports no `{hook}`")),
    }
}

pub(crate) fn reply(raw: types::Reply, bounds: Bounds) -> Result<Reply, Wrong> {
    let status = status(raw.status)?;
    let empty = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if empty && !raw.body.is_empty() {
        return Err(format!("a reply of {} cannot have a body", status.as_u16()));
    }
    if raw.headers.len() > bounds.edits {
        return Err(too_many("headers in a reply", raw.headers.len(), bounds.edits));
    }
    Ok(Reply { status, headers: fields(raw.headers)?, body: raw.body })
}

fn optional_edits(raw: Option<types::Edits>, bounds: Bounds) -> Result<Edits, Wrong> {
    raw.map_or(Ok(Edits::default()), |raw| edits(raw, bounds))
}

fn edits(raw: types::Edits, bounds: Bounds) -> Result<Edits, Wrong> {
    let count = raw.remove.len() + raw.set.len() + raw.append.len();
    if count > bounds.edits {
        return Err(too_many("header edits", count, bounds.edits));
    }
    let remove = raw.remove.iter().map(|name| header_name(name)).collect::<Result<_, _>>()?;
    Ok(Edits { remove, set: fields(raw.set)?, append: fields(raw.append)? })
}

pub(crate) fn too_many(what: &str, count: usize, most: usize) -> Wrong {
    format!("{count} {what}, at most {most} are allowed")
}

pub(crate) fn fields(raw: Vec<types::Field>) -> Result<Vec<(HeaderName, HeaderValue)>, Wrong> {
    raw.into_iter()
        .map(|field| {
            let name = header_name(&field.name)?;
            let value = header_value(&name, field.value)?;
            Ok((name, value))
        })
        .collect()
}

/// RFC 9110 section 5.1: a token; and none of those that the host writes.
fn header_name(text: &str) -> Result<HeaderName, Wrong> {
    let shown = || crate::fault::bounded(text);
    if text.len() > LONGEST_NAME {
        return Err(format!("a header name is longer than {LONGEST_NAME} bytes"));
    }
    // `http` takes upper case too and makes it lower, as HTTP/2 wants it.
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| format!("{:?} is not a header name", shown()))?;
    if FORBIDDEN.contains(&name.as_str()) {
        return Err(format!("the header `{name}` is the host's to write"));
    }
    Ok(name)
}

/// RFC 9110 section 5.5: visible characters, space, tab and obs-text, no space at the ends.
fn header_value(name: &HeaderName, value: Vec<u8>) -> Result<HeaderValue, Wrong> {
    if value.len() > LONGEST_VALUE {
        return Err(format!("the value of `{name}` is longer than {LONGEST_VALUE} bytes"));
    }
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    if edge(value.first()) || edge(value.last()) {
        return Err(format!("the value of `{name}` begins or ends with a space"));
    }
    HeaderValue::try_from(value)
        .map_err(|_| format!("the value of `{name}` has bytes that a header cannot carry"))
}

/// 1xx are the host's; above 599 nothing is defined (RFC 9110 section 15).
fn status(code: u16) -> Result<StatusCode, Wrong> {
    match StatusCode::from_u16(code) {
        Ok(status) if (200..=599).contains(&code) => Ok(status),
        _ => Err(format!("{code} is not a status between 200 and 599")),
    }
}

/// RFC 9112 section 3.2.1, origin form: begins with a slash, holds only visible ASCII, no fragment.
pub(crate) fn path(text: String) -> Result<PathAndQuery, Wrong> {
    let wrong = || format!("{:?} is not a path in origin form", crate::fault::bounded(&text));
    if text.len() > LONGEST_PATH {
        return Err(format!("a path is longer than {LONGEST_PATH} bytes"));
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !text.starts_with('/') || !text.bytes().all(plain) {
        return Err(wrong());
    }
    let parsed = PathAndQuery::try_from(text.as_str()).map_err(|_| wrong())?;
    if parsed.as_str() == text { Ok(parsed) } else { Err(wrong()) }
}

/// RFC 9110 section 4.2.4: host and optional port, no user information.
fn authority(text: String) -> Result<Authority, Wrong> {
    let wrong =
        || format!("{:?} is not a host with an optional port", crate::fault::bounded(&text));
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b',' | b'/' | b'\\');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        return Err(wrong());
    }
    let parsed = Authority::try_from(text.as_str()).map_err(|_| wrong())?;
    let port = &text[parsed.host().len()..];
    let good_port = port.is_empty() || parsed.port_u16().is_some();
    if parsed.host().is_empty() || !good_port { Err(wrong()) } else { Ok(parsed) }
}

/// RFC 9110 section 9.1: a token; CONNECT asks for a tunnel, which nobody here gives.
pub(crate) fn method(raw: types::MethodResult) -> Result<Method, Wrong> {
    use types::MethodResult as M;
    Ok(match raw {
        M::Get => Method::GET,
        M::Head => Method::HEAD,
        M::Post => Method::POST,
        M::Put => Method::PUT,
        M::Delete => Method::DELETE,
        M::Options => Method::OPTIONS,
        M::Trace => Method::TRACE,
        M::Patch => Method::PATCH,
        M::Connect => return Err("CONNECT cannot be sent".to_owned()),
        M::Other(name) => match Method::from_bytes(name.as_bytes()) {
            Ok(Method::CONNECT) | Err(_) => {
                return Err(format!("{:?} is not a method", crate::fault::bounded(&name)));
            }
            Ok(method) => method,
        },
    })
}

fn timeout(ms: u32) -> Result<Duration, Wrong> {
    if ms == 0 {
        return Err("a timeout of 0 ms lets nothing through".to_owned());
    }
    Ok(Duration::from_millis(u64::from(ms)))
}

fn pairs(what: &str, raw: Vec<types::Pair>) -> Result<Vec<Pair>, Wrong> {
    if raw.len() > MOST_PAIRS {
        return Err(too_many(&format!("pairs in {what}"), raw.len(), MOST_PAIRS));
    }
    raw.into_iter()
        .map(|pair| {
            let name = short(what, pair.name)?;
            if pair.value.len() > LONGEST_PAIR_VALUE || pair.value.contains(char::is_control) {
                return Err(format!(
                    "the value of `{name}` in {what} is longer than {LONGEST_PAIR_VALUE} bytes or \
                     holds control characters"
                ));
            }
            Ok((name, pair.value))
        })
        .collect()
}

/// A name that people and logs can bear.
pub(crate) fn short(what: &str, text: String) -> Result<String, Wrong> {
    let plain = |byte: u8| byte.is_ascii_graphic();
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        return Err(format!(
            "a name in {what} is not 1 to {LONGEST_NAME} visible ASCII characters"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { edits: 4, hooks: Hooks::NONE };

    fn field(name: &str, value: &[u8]) -> types::Field {
        types::Field { name: name.to_owned(), value: value.to_vec() }
    }

    fn judge_set(name: &str, value: &[u8]) -> Result<Edits, Wrong> {
        let set = vec![field(name, value)];
        optional_edits(Some(types::Edits { remove: vec![], set, append: vec![] }), BOUNDS)
    }

    #[test]
    fn names_and_values_that_break_a_message_are_wrong() {
        for name in ["", "a b", "a:b", "a\r\n", "ä", ":path", "x\0"] {
            assert!(judge_set(name, b"v").is_err(), "{name:?} passed");
        }
        for value in [b"a\r\nb: c".as_slice(), b"a\nb", b"a\0", b"\x7f", b" a", b"a\t"] {
            assert!(judge_set("x-a", value).is_err(), "{value:?} passed");
        }
        assert!(judge_set("X-A", b"a b\tc\xff").is_ok());
        assert!(judge_set("x-empty", b"").is_ok());
    }

    #[test]
    fn framing_is_the_hosts() {
        for name in FORBIDDEN {
            assert!(judge_set(&name.to_uppercase(), b"1").is_err(), "set {name}");
            let edits = types::Edits { remove: vec![name.to_owned()], set: vec![], append: vec![] };
            assert!(optional_edits(Some(edits), BOUNDS).is_err(), "remove {name}");
            let raw = types::Reply { status: 200, headers: vec![field(name, b"1")], body: vec![] };
            assert!(reply(raw, BOUNDS).is_err(), "reply with {name}");
        }
    }

    #[test]
    fn statuses_are_between_200_and_599() {
        for code in [0, 99, 100, 101, 199, 600, 999, 1000, u16::MAX] {
            assert!(status(code).is_err(), "{code} passed");
        }
        assert!(status(200).is_ok() && status(599).is_ok());
    }

    #[test]
    fn an_empty_status_has_no_body() {
        for (code, body, good) in [(204, "x", false), (304, "x", false), (204, "", true)] {
            let raw = types::Reply { status: code, headers: vec![], body: body.into() };
            assert_eq!(reply(raw, BOUNDS).is_ok(), good, "{code} {body:?}");
        }
    }

    #[test]
    fn paths_are_in_origin_form() {
        for good in ["/", "/a/b?c=d&e=%20", "/a?b?c", "//x"] {
            assert!(path(good.to_owned()).is_ok(), "{good:?} was refused");
        }
        for bad in ["", "a", "*", "http://a/", "/a b", "/a\r\n", "/ä", "/a#b", "/\0", "?a"] {
            assert!(path(bad.to_owned()).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn authorities_are_a_host_and_a_port() {
        for good in ["example.com", "example.com:80", "[::1]:80", "127.0.0.1"] {
            assert!(authority(good.to_owned()).is_ok(), "{good:?} was refused");
        }
        for bad in ["", "a b", "u@a", "a,b", "a/b", "a:b", "a:", "a:99999", ":80", "a\r\n"] {
            assert!(authority(bad.to_owned()).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_body_is_for_plugins_with_a_hook_for_it() {
        let mode = |hooks| {
            let bounds = Bounds { hooks, ..BOUNDS };
            body_mode(Hook::RequestBody, types::BodyMode::Buffered(7), bounds)
        };
        assert!(mode(Hooks::NONE).is_err());
        let mut hooks = Hooks::NONE;
        hooks.insert(Hook::ResponseBody);
        assert!(mode(hooks).is_err());
        hooks.insert(Hook::RequestBody);
        assert_eq!(mode(hooks), Ok(BodyMode::Buffered(7)));
    }

    #[test]
    fn amounts_are_bounded() {
        let remove = vec!["x-a".to_owned(); 5];
        let edits = types::Edits { remove, set: vec![], append: vec![] };
        assert!(optional_edits(Some(edits), BOUNDS).is_err());
        let pair = types::Pair { name: "a".to_owned(), value: String::new() };
        assert!(pairs("require", vec![pair; MOST_PAIRS + 1]).is_err());
        assert!(timeout(0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_passes_is_one_line_of_a_message(name: String, value: Vec<u8>) {
            if let Ok(edits) = judge_set(&name, &value) {
                let (name, value) = &edits.set[0];
                let line = [name.as_str().as_bytes(), b": ", value.as_bytes()].concat();
                let broken = line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
                proptest::prop_assert!(!broken);
                proptest::prop_assert!(!FORBIDDEN.contains(&name.as_str()));
            }
        }

        #[test]
        fn whatever_path_passes_is_one_word(text: String) {
            if let Ok(path) = path(text) {
                proptest::prop_assert!(path.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                proptest::prop_assert!(path.as_str().starts_with('/'));
            }
        }
    }
}
