//! Where a plugin's declared inputs are found in one exchange.

use super::{Finished, RequestContext, ResponseContext};
use hither_plugin_host::{InputName, Inputs, Values};
use http::{HeaderMap, header};
use std::borrow::Cow;
use std::net::IpAddr;

/// One message and what surrounds it.
pub(crate) struct Facts<'a> {
    headers: &'a HeaderMap,
    path: &'a str,
    client: IpAddr,
    service: &'a str,
    region: &'a str,
    metadata: &'a [(String, String)],
}

impl<'a> Facts<'a> {
    pub(super) fn of_request(
        headers: &'a HeaderMap,
        path: &'a str,
        context: &RequestContext<'a>,
        metadata: &'a [(String, String)],
    ) -> Facts<'a> {
        Facts {
            headers,
            path,
            client: context.client,
            service: context.service,
            region: &context.edge.region,
            metadata,
        }
    }

    pub(super) fn of_response(
        headers: &'a HeaderMap,
        context: &ResponseContext<'a>,
        metadata: &'a [(String, String)],
    ) -> Facts<'a> {
        Facts {
            headers,
            path: context.path,
            client: context.client,
            service: context.service,
            region: &context.edge.region,
            metadata,
        }
    }

    /// Of a request that has ended.
    pub(super) fn of_finished(
        headers: &'a HeaderMap,
        path: &'a str,
        finished: &Finished<'a>,
        metadata: &'a [(String, String)],
    ) -> Facts<'a> {
        Facts {
            headers,
            path,
            client: finished.client,
            service: finished.service,
            region: &finished.edge.region,
            metadata,
        }
    }
}

impl Inputs for Facts<'_> {
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>) {
        match name {
            InputName::Header(name) => {
                self.headers.get_all(name).iter().for_each(|value| values.push(value.as_bytes()));
            }
            InputName::Cookie(name) => {
                for value in self.headers.get_all(header::COOKIE) {
                    cookies(value.as_bytes(), name.as_bytes(), |value| values.push(value));
                }
            }
            InputName::Query(name) => {
                let query = self.path.split_once('?').map_or("", |(_, query)| query);
                parameters(query, name, |value| values.push(value));
            }
            InputName::RequestPath => values.push(self.path.as_bytes()),
            InputName::ClientAddress => values.push(self.client.to_string().into_bytes()),
            // The edge that a client reached is the best we know of where it is.
            InputName::ClientRegion | InputName::EdgeRegion => values.push(self.region.as_bytes()),
            // No listener terminates TLS in this version, so no client named a server.
            InputName::TlsSni => {}
            InputName::ServiceName => values.push(self.service.as_bytes()),
            InputName::Meta { plugin, key } => {
                let found = self.metadata.iter().filter(|(name, _)| {
                    name.strip_prefix(plugin.as_str()).and_then(|rest| rest.strip_prefix('.'))
                        == Some(key)
                });
                found.for_each(|(_, value)| values.push(value.as_bytes()));
            }
        }
    }
}

/// RFC 6265 section 5.4: `name=value` pairs between semicolons; names are case-sensitive.
fn cookies<'a>(field: &'a [u8], name: &[u8], mut found: impl FnMut(&'a [u8])) {
    for pair in field.split(|b| *b == b';').map(<[u8]>::trim_ascii) {
        if let Some(value) = pair.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")) {
            found(value);
        }
    }
}

/// `name=value` pairs between ampersands, percent-decoded.
fn parameters<'a>(query: &'a str, name: &str, mut found: impl FnMut(Cow<'a, [u8]>)) {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if *decode(key) == *name.as_bytes() {
            found(decode(value));
        }
    }
}

/// Percent-decoding with `+` as a blank, as forms write it; broken escapes stay as they are.
fn decode(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escaped
            .filter(|code| code.iter().all(u8::is_ascii_hexdigit))
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(value.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if value.is_some() { 3 } else { 1 };
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_and_parameters_are_found_by_their_whole_name() {
        let mut found = Vec::new();
        cookies(b"sid=1; xsid=2;sid=3; sid", b"sid", |value| found.push(value.to_vec()));
        assert_eq!(found, [b"1".to_vec(), b"3".to_vec()]);
        let mut found = Vec::new();
        parameters("a=1&b=x+y%21&a=%zz&%61=4", "a", |value| found.push(value.into_owned()));
        assert_eq!(found, [b"1".to_vec(), b"%zz".to_vec(), b"4".to_vec()]);
        let mut found = Vec::new();
        parameters("a=1&b=x+y%21", "b", |value| found.push(value.into_owned()));
        assert_eq!(found, [b"x y!".to_vec()]);
    }
}
