//! A token as it came: bounded, in its three parts, and not believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Refusal;

/// What was signed, by which algorithm and key as it says itself, and the signature.
#[derive(Debug)]
pub struct Token {
    pub(crate) algorithm: String,
    pub(crate) kid: Option<String>,
    /// Header and payload as they were written.
    pub(crate) signed: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// RFC 7515 section 4.1, as far as it matters here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// What must be understood and is not.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

impl Token {
    /// Reads a token of at most so many bytes.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &[u8], most: usize) -> Result<Self, Refusal> {
        if text.len() > most {
            return Err(Refusal::Token("the token is too long"));
        }
        let none = Refusal::Token("the token is malformed");
        let text = std::str::from_utf8(text).map_err(|_| none)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(none)?;
        let (header, payload) = signed.split_once('.').ok_or(none)?;
        // Strict: no padding, no bits left over, so that a token has one spelling.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| none);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| none)?;
        if header.crit.is_some() {
            return Err(Refusal::Token("the token has an extension that is not understood"));
        }
        Ok(Self {
            algorithm: header.alg,
            kid: header.kid,
            signed: signed.to_owned(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Token, Refusal> {
        Token::read(text.as_bytes(), 200)
    }

    fn of(header: &str) -> String {
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn a_token_has_three_parts_and_one_spelling() {
        let token = read(&of(r#"{"alg":"HS256","kid":"a"}"#)).unwrap();
        assert_eq!((&*token.algorithm, token.kid.as_deref()), ("HS256", Some("a")));
        assert_eq!((&*token.payload, &*token.signature), (b"{}".as_slice(), [0].as_slice()));
        let good = of(r#"{"alg":"HS256"}"#);
        for bad in [
            "",
            ".",
            "..",
            "e30.e30",
            "e30.e30.",
            &format!("{good}="),
            &format!("{}B", &good[..good.len() - 1]),
            &format!("{good}.AA"),
            &format!("{good} "),
            &of("{}"),
            &of("[]"),
            &of(r#"{"alg":1}"#),
            &of(r#"{"alg":"HS256","alg":"none"}"#),
            &of(r#"{"alg":"HS256","crit":["exp"]}"#),
            &"x".repeat(201),
        ] {
            assert!(read(bad).is_err(), "{bad:?} was taken");
        }
        assert!(Token::read(b"\xff.e30.AA", 200).is_err());
    }
}
