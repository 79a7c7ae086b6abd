//! From a request to a verdict: where its token is, whether it holds, what the app is told of it.

use std::collections::BTreeMap;

use hither_plugin::config::{FieldName, Span};
use hither_plugin::{Edits, Request, RequestPatch, RequestVerdict};

use crate::claims::{Claims, Rules};
use crate::{Config, Hmac, Keys, Refusal, Token};

/// The declared input for a token in a header.
pub const HEADER: &str = "header:{header=authorization}";
/// The declared input for a token in a cookie.
pub const COOKIE: &str = "cookie:{cookie=jwt}";

const AUTHORIZATION: &str = "authorization";
/// The secret's HMAC is of at most 64 KiB.
const LONGEST_TOKEN: usize = 48 << 10;

/// The configuration, ready to be asked.
#[derive(Debug)]
pub struct Gate {
    keys: Keys,
    header: String,
    by_cookie: bool,
    require: bool,
    rules: Rules,
    forward: BTreeMap<FieldName, String>,
    meta: Vec<String>,
    strip: bool,
    max_token: usize,
    realm: String,
}

impl Gate {
    /// # Errors
    /// Why it cannot be meant.
    pub fn new(config: Config) -> Result<Self, String> {
        let rules = Rules {
            issuers: config.issuers,
            audiences: config.audiences,
            required: config.required,
            leeway: config.leeway,
        };
        if config.leeway > Span::seconds(600) {
            return Err("`leeway` is at most \"10m\"".to_owned());
        }
        if !(64..=LONGEST_TOKEN).contains(&config.max_token) {
            return Err(format!("`max_token` is from 64 to {LONGEST_TOKEN} bytes"));
        }
        let quotable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if !config.realm.bytes().all(quotable) {
            return Err("`realm` is visible ASCII without quotes".to_owned());
        }
        let named =
            |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(name) = config.meta.iter().find(|name| !named(name)) {
            return Err(format!("`meta` names claims in visible ASCII, and \"{name}\" is none"));
        }
        Ok(Self {
            keys: Keys::configured(config.keys)?,
            header: config.header.map_or_else(|| AUTHORIZATION.to_owned(), |name| name.to_string()),
            by_cookie: config.cookie.is_some(),
            require: config.require,
            rules,
            forward: config.forward,
            meta: config.meta,
            strip: config.strip,
            max_token: config.max_token,
            realm: config.realm,
        })
    }

    /// The operator's keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The request's token, if it bears one; what it says is not believed yet.
    ///
    /// # Errors
    /// It bears more than one, or what is none.
    pub fn token(&self, request: &Request) -> Result<Option<Token>, Refusal> {
        let field = request.values(HEADER).filter_map(|value| self.borne(value));
        let cookie = request.values(COOKIE).filter(|_| self.by_cookie);
        let mut borne = field.chain(cookie);
        let Some(token) = borne.next() else { return Ok(None) };
        if borne.next().is_some() {
            // RFC 6750 section 2; which one a later server believes would be the client's choice.
            return Err(Refusal::Request("more than one token is shown"));
        }
        Token::read(token, self.max_token).map(Some)
    }

    /// What follows `Bearer`; in a header of its own the scheme may be left out.
    fn borne<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let scheme = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        match scheme {
            true => Some(value[7..].trim_ascii()),
            // Another scheme is no token of ours.
            false => (self.header != AUTHORIZATION).then_some(value),
        }
    }

    /// What becomes of a request without a token.
    pub fn without(&self) -> RequestVerdict {
        match self.require {
            true => self.refuse(Refusal::Missing),
            false if self.forward.is_empty() => RequestVerdict::Pass,
            false => RequestPatch::default().edit(self.cleaned()).into(),
        }
    }

    /// What becomes of a request that is refused.
    pub fn refuse(&self, refusal: Refusal) -> RequestVerdict {
        refusal.reply(&self.realm).into()
    }

    /// What becomes of a request with this token, by the operator's keys and others.
    pub fn judge(
        &self,
        token: &Token,
        others: Option<&Keys>,
        now_ms: u64,
        hmac: Hmac,
    ) -> RequestVerdict {
        match self.passed(token, others, now_ms, hmac) {
            Ok(patch) => patch.into(),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn passed(
        &self,
        token: &Token,
        others: Option<&Keys>,
        now_ms: u64,
        hmac: Hmac,
    ) -> Result<RequestPatch, Refusal> {
        let mut keys = std::iter::once(&self.keys).chain(others);
        if !keys.any(|keys| keys.signed(token, hmac)) {
            return Err(Refusal::Token("no key that is trusted signed the token"));
        }
        let claims = Claims::read(&token.payload)?;
        claims.keep(&self.rules, now_ms)?;
        let mut edits = self.cleaned();
        if self.strip {
            edits = edits.remove(&*self.header);
        }
        for (header, claim) in &self.forward {
            if let Some(value) = claims.field(claim)? {
                edits = edits.set(&**header, value);
            }
        }
        let mut patch = RequestPatch::default();
        for claim in &self.meta {
            if let Some(value) = claims.meta(claim)? {
                patch = patch.metadata(claim, value);
            }
        }
        Ok(patch.edit(edits))
    }

    /// Takes out what a client wrote in the place of claims.
    fn cleaned(&self) -> Edits {
        self.forward.keys().fold(Edits::default(), |edits, header| edits.remove(&**header))
    }
}
