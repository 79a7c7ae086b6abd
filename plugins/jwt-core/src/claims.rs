//! What must be true of a token's claims (RFC 7519 section 4), and how they are written into a header.

use hither_plugin::config::Span;
use serde_json::{Map, Value};

use crate::Refusal;

/// A header's value; what is longer is no claim to route by.
const LONGEST_FIELD: usize = 4 << 10;
/// The contract's bound on metadata.
const LONGEST_META: usize = 1 << 10;

/// What must be true.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) required: Vec<String>,
    pub(crate) leeway: Span,
}

/// Claims that a valid signature stands behind.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn read(json: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(json)
            .map(Self)
            .map_err(|_| Refusal::Token("the token's claims are malformed"))
    }

    /// # Errors
    /// What is not true.
    pub(crate) fn keep(&self, rules: &Rules, now_ms: u64) -> Result<(), Refusal> {
        if rules.required.iter().any(|name| self.get(name).is_none()) {
            return Err(Refusal::Token("the token lacks a claim"));
        }
        // Far from the ends of what 52 bits can count.
        let (now, leeway) = (now_ms as f64 / 1000.0, rules.leeway.as_secs_f64());
        if self.moment("exp")?.is_some_and(|end| now >= end + leeway) {
            return Err(Refusal::Token("the token has expired"));
        }
        if self.moment("nbf")?.is_some_and(|begin| now + leeway < begin) {
            return Err(Refusal::Token("the token is not valid yet"));
        }
        if self.moment("iat")?.is_some_and(|issued| now + leeway < issued) {
            return Err(Refusal::Token("the token comes from the future"));
        }
        let issuer = self.get("iss").and_then(Value::as_str);
        if !rules.issuers.is_empty() && !issuer.is_some_and(|one| listed(&rules.issuers, one)) {
            return Err(Refusal::Token("the token is from another issuer"));
        }
        if !rules.audiences.is_empty() && !self.is_for(&rules.audiences) {
            return Err(Refusal::Token("the token is for another audience"));
        }
        Ok(())
    }

    /// RFC 7519 section 4.1.3: one or several.
    fn is_for(&self, ours: &[String]) -> bool {
        match self.get("aud") {
            Some(Value::String(one)) => listed(ours, one),
            Some(Value::Array(several)) => {
                several.iter().filter_map(Value::as_str).any(|one| listed(ours, one))
            }
            _ => false,
        }
    }

    /// Seconds since the Unix epoch.
    fn moment(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite());
        number.map(Some).ok_or(Refusal::Token("a time in the token is no number"))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A claim as the value of a header; none when it is not there.
    ///
    /// # Errors
    /// A header cannot carry it so that it could be told from another.
    pub(crate) fn field(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.text(name, LONGEST_FIELD)
    }

    /// The same for metadata.
    pub(crate) fn meta(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.text(name, LONGEST_META)
    }

    fn text(&self, name: &str, longest: usize) -> Result<Option<String>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let plain = |text: &String| {
            let edge = |byte: Option<char>| byte.is_some_and(|one| one == ' ');
            text.len() <= longest
                && !text.chars().any(char::is_control)
                && !edge(text.chars().next())
                && !edge(text.chars().next_back())
        };
        let text = match value {
            Value::Array(several) => joined(several),
            other => Some(single(other)),
        };
        let wrong = Refusal::Token("a claim of the token cannot be passed on");
        text.filter(plain).map(Some).ok_or(wrong)
    }
}

fn listed(ours: &[String], one: &str) -> bool {
    ours.iter().any(|known| known == one)
}

fn single(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// With commas between; none where a value has one itself and would pass for two.
fn joined(values: &[Value]) -> Option<String> {
    let texts: Vec<String> = values.iter().map(single).collect();
    (!texts.iter().any(|text| text.contains(','))).then(|| texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn claims(json: &str) -> Claims {
        Claims::read(json.as_bytes()).unwrap()
    }

    fn rules() -> Rules {
        Rules {
            issuers: vec!["https://id.example".to_owned()],
            audiences: vec!["shop".to_owned(), "stock".to_owned()],
            required: vec!["exp".to_owned()],
            leeway: Span::seconds(30),
        }
    }

    fn kept(change: &str) -> Result<(), Refusal> {
        let mut all = serde_json::json!({
            "iss": "https://id.example", "aud": "shop", "exp": NOW + 60, "nbf": NOW, "iat": NOW,
        });
        let change: Map<String, Value> = serde_json::from_str(change).unwrap();
        all.as_object_mut().unwrap().extend(change);
        claims(&all.to_string()).keep(&rules(), NOW * 1000)
    }

    #[test]
    fn times_hold_with_leeway_to_the_second() {
        for good in [
            "{}".to_owned(),
            format!(r#"{{"exp":{}}}"#, NOW - 29),
            format!(r#"{{"exp":{}.5}}"#, NOW - 30),
            format!(r#"{{"nbf":{}}}"#, NOW + 30),
            format!(r#"{{"iat":{}}}"#, NOW + 30),
            r#"{"nbf":null,"iat":null}"#.to_owned(),
        ] {
            assert_eq!(kept(&good), Ok(()), "{good}");
        }
        for (bad, part) in [
            (format!(r#"{{"exp":{}}}"#, NOW - 30), "expired"),
            (format!(r#"{{"nbf":{}}}"#, NOW + 31), "not valid yet"),
            (format!(r#"{{"iat":{}}}"#, NOW + 31), "future"),
            (r#"{"exp":"later"}"#.to_owned(), "no number"),
            (r#"{"exp":null}"#.to_owned(), "lacks a claim"),
        ] {
            match kept(&bad) {
                Err(Refusal::Token(why)) => assert!(why.contains(part), "{bad}: {why}"),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }

    #[test]
    fn issuer_and_audience_must_be_ours() {
        for good in [r#"{"aud":"stock"}"#, r#"{"aud":["x","shop"]}"#] {
            assert_eq!(kept(good), Ok(()), "{good}");
        }
        for bad in [
            r#"{"aud":"shopping"}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":null}"#,
            r#"{"aud":{"shop":1}}"#,
            r#"{"iss":"https://id.example/"}"#,
            r#"{"iss":["https://id.example"]}"#,
            r#"{"iss":null}"#,
        ] {
            assert!(kept(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_claim_is_passed_on_only_where_it_cannot_be_taken_for_another() {
        let claims = claims(
            r#"{"sub":"alice","n":7,"ok":true,"roles":["a","b"],"o":{"k":"v"},"u":"Zoë","gone":null,
                "line":"a\r\nx: y","comma":["a,b","c"],"blank":" a","empty":""}"#,
        );
        for (name, value) in [
            ("sub", Some("alice")),
            ("n", Some("7")),
            ("ok", Some("true")),
            ("roles", Some("a,b")),
            ("o", Some(r#"{"k":"v"}"#)),
            ("u", Some("Zoë")),
            ("empty", Some("")),
            ("gone", None),
            ("other", None),
        ] {
            assert_eq!(claims.field(name), Ok(value.map(str::to_owned)), "{name}");
        }
        for name in ["line", "comma", "blank"] {
            assert!(claims.field(name).is_err(), "{name}");
        }
        let long = self::claims(&format!(r#"{{"long":"{}"}}"#, "x".repeat(2000)));
        assert!(long.field("long").is_ok() && long.meta("long").is_err());
    }
}
