//! What a limit counts apart: the client, a field, a cookie, the path, the method, the name asked for over TLS.

use std::fmt;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, closest, text};

/// No name of a field or cookie that is worth a limit is longer.
const LONGEST: usize = 128;

/// A part of what a limit counts apart; without any it counts the whole service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// Each client: an IPv4 address, an IPv6 /64.
    ClientAddress,
    /// Each value of a field; its name is in lower case.
    Header(String),
    /// Each value of a cookie.
    Cookie(String),
    /// Each path, in one spelling, without the query.
    Path,
    /// Each method.
    Method,
    /// Each name that clients ask for when they open a connection over TLS (SNI).
    TlsSni,
}

const PLAIN: [(&str, LimitKey); 4] = [
    ("client.address", LimitKey::ClientAddress),
    ("path", LimitKey::Path),
    ("method", LimitKey::Method),
    ("tls.sni", LimitKey::TlsSni),
];

const HELP: &str = "it is one of \"client.address\", \"header:NAME\", \"cookie:NAME\", \"path\", \"method\", \"tls.sni\"";

impl LimitKey {
    fn parse(text: &str) -> Result<Self, Complaint> {
        if let Some((_, key)) = PLAIN.into_iter().find(|(word, _)| *word == text) {
            return Ok(key);
        }
        let complaint = Complaint::not_a::<Self>(text);
        match text.split_once(':') {
            Some(("header", name)) if is_token(name) => Ok(Self::Header(name.to_ascii_lowercase())),
            Some(("cookie", name)) if is_token(name) => Ok(Self::Cookie(name.to_owned())),
            Some((kind @ ("header" | "cookie"), _)) => Err(complaint
                .label(format!("the name of the {kind} follows the colon"))
                .help("letters, digits and hyphens, at most 128 in all")),
            _ => {
                let complaint = complaint.help(HELP);
                let known = PLAIN.iter().map(|(word, _)| *word).chain(["header:", "cookie:"]);
                Err(match closest(text, known) {
                    Some(near) if near.ends_with(':') => {
                        complaint.label(format!("did you mean \"{near}NAME\"?"))
                    }
                    Some(near) => complaint.label(format!("did you mean \"{near}\"?")),
                    None => complaint,
                })
            }
        }
    }
}

/// RFC 9110 section 5.6.2: what fields are called, and cookies (RFC 6265 section 4.1.1).
fn is_token(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'+^`|~*".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(sound)
}

impl Scalar for LimitKey {
    const WHAT: &'static str = "a key of limits";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        let name = "[!#$%&'*+.^_`|~A-Za-z0-9-]{1,128}";
        let pattern = format!("^(client\\.address|path|method|tls\\.sni|(header|cookie):{name})$");
        json!({ "type": "string", "pattern": pattern })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientAddress => formatter.write_str("client.address"),
            Self::Header(name) => write!(formatter, "header:{name}"),
            Self::Cookie(name) => write!(formatter, "cookie:{name}"),
            Self::Path => formatter.write_str("path"),
            Self::Method => formatter.write_str("method"),
            Self::TlsSni => formatter.write_str("tls.sni"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LimitKey;

    #[test]
    fn a_key_is_a_word_or_a_kind_with_a_name() {
        let parse = |text| LimitKey::parse(text).ok();
        assert_eq!(parse("client.address"), Some(LimitKey::ClientAddress));
        assert_eq!(parse("header:X-Api-Key"), Some(LimitKey::Header("x-api-key".to_owned())));
        assert_eq!(parse("cookie:Sid"), Some(LimitKey::Cookie("Sid".to_owned())));
        for good in ["client.address", "path", "method", "tls.sni", "header:x-a", "cookie:S"] {
            assert_eq!(parse(good).map(|key| key.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "header", "header:", "header:a b", "cookie:a=b", "tls", "query", "Path"] {
            assert_eq!(parse(bad), None, "{bad:?} was taken");
        }
    }
}
