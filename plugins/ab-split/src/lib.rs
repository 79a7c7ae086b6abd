//! Splits traffic between variants by weight, each to the instances that bear its labels, and keeps a visitor
//! where it was: by a cookie of its own that says nothing of who that is, or by a key that the request has.

mod draw;

use std::collections::BTreeMap;

use draw::PLACES;
use hither_plugin::config::{FieldName, Span};
use hither_plugin::{
    Decision, Edits, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, Response,
    ResponseFilter, ResponsePatch, ResponseVerdict, Routing, Target, plugin,
};
use serde::Deserialize;

const COOKIE: &str = "cookie:{cookie=split}";
const HEADER: &str = "header:{header=x-user}";
const CLIENT: &str = "client.address";

/// A label's value and a place in the cookie: short names keep both in sight.
const LONGEST_NAME: usize = 64;
const MOST_VARIANTS: usize = 64;

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    by: By,
    #[serde(default = "cookie")]
    cookie: String,
    /// Read by the host, which delivers the header that it names.
    #[serde(default, rename = "header")]
    _header: Option<FieldName>,
    #[serde(default)]
    mode: Mode,
    variants: BTreeMap<String, RawVariant>,
    #[serde(default)]
    variant_header: Option<FieldName>,
    #[serde(default)]
    salt: String,
    #[serde(default = "max_age")]
    max_age: Span,
    #[serde(default)]
    secure: bool,
}

/// By what a visitor is told from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// A cookie that this plugin gives out.
    #[default]
    Visitor,
    /// A cookie of the app's.
    Cookie,
    /// A header.
    Header,
    /// The client's address.
    Client,
}

/// How strictly a variant keeps to its instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// There first, and elsewhere when all of them are full or gone.
    #[default]
    Prefer,
    /// There or nowhere.
    Require,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariant {
    weight: u32,
    labels: BTreeMap<String, String>,
}

fn cookie() -> String {
    "split".to_owned()
}

fn max_age() -> Span {
    Span::seconds(30 * 86_400)
}

/// The plugin.
#[derive(Debug)]
pub struct AbSplit {
    by: By,
    mode: Mode,
    variants: Vec<Variant>,
    variant_header: String,
    salt: String,
    /// What follows the place in the cookie, and what comes before it.
    cookie: (String, String),
}

#[derive(Debug)]
struct Variant {
    name: String,
    weight: u32,
    labels: BTreeMap<String, String>,
}

/// Where a visitor belongs.
struct Drawn<'a> {
    variant: &'a Variant,
    /// The place to be written down, where it is new.
    new: Option<u32>,
}

#[plugin(request_filter, routing, response_filter)]
impl Plugin for AbSplit {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[COOKIE, HEADER, CLIENT];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        let plain = |text: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(good)
        };
        if !plain(&config.cookie) {
            return Err(format!(
                "`cookie` is letters, digits, `.`, `_` and `-`, and is `{}`",
                config.cookie
            ));
        }
        if let Some(name) = config.variants.keys().find(|name| !plain(name)) {
            return Err(format!(
                "a variant is letters, digits, `.`, `_` and `-`, and not `{name}`"
            ));
        }
        let variants: Vec<Variant> = config
            .variants
            .into_iter()
            .map(|(name, RawVariant { weight, labels })| Variant { name, weight, labels })
            .collect();
        if variants.len() > MOST_VARIANTS || variants.iter().all(|variant| variant.weight == 0) {
            return Err(format!(
                "`variants` needs 1 to {MOST_VARIANTS} variants, and one with a weight above 0"
            ));
        }
        let secure = if config.secure { "; Secure" } else { "" };
        let attributes = format!(
            "; Path=/; Max-Age={}; SameSite=Lax; HttpOnly{secure}",
            config.max_age.as_secs()
        );
        Ok(Self {
            by: config.by,
            mode: config.mode,
            variants,
            variant_header: config
                .variant_header
                .map_or_else(|| "x-variant".to_owned(), |name| name.to_string()),
            salt: config.salt,
            cookie: (format!("{}=", config.cookie), attributes),
        })
    }
}

impl RequestFilter for AbSplit {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let edits = Edits::default();
        let Some(Drawn { variant, new }) = self.draw(request) else {
            // The app must not believe a client that it is in some variant.
            let edits = edits.remove(&*self.variant_header);
            return RequestPatch::default().edit(edits).without_response_hooks().into();
        };
        let edits = edits.set(&*self.variant_header, variant.name.as_str());
        let patch = RequestPatch::default().edit(edits).metadata("variant", &variant.name);
        match new {
            Some(place) => patch.memo(memo(place)),
            // Nothing to write down.
            None => patch.without_response_hooks(),
        }
        .into()
    }
}

impl Routing for AbSplit {
    fn select(&self, request: &Request) -> Decision {
        // The same draw again: nothing that it goes by has changed since the filter.
        let Some(Drawn { variant, new }) = self.draw(request) else { return Decision::Pass };
        let begin = Target::default().memo(new.map_or(0, memo));
        let narrow = |target: Target, (label, value)| match self.mode {
            Mode::Prefer => target.prefer(label, value),
            Mode::Require => target.require(label, value),
        };
        variant.labels.iter().fold(begin, narrow).into()
    }
}

impl ResponseFilter for AbSplit {
    fn on_response(&self, _: &Response, memo: u64) -> ResponseVerdict {
        let Some(place) = place(memo) else { return ResponseVerdict::Pass };
        let (name, attributes) = &self.cookie;
        let cookie = format!("{name}{place}{attributes}");
        ResponsePatch::default().edit(Edits::default().append("set-cookie", cookie)).into()
    }
}

impl AbSplit {
    /// The variant of a request; none where it does not have what it is told by.
    fn draw(&self, request: &Request) -> Option<Drawn<'_>> {
        let first = |name| request.values(name).next();
        let key = match self.by {
            By::Visitor => {
                let kept = first(COOKIE).and_then(draw::read);
                let place = kept.unwrap_or_else(|| draw::fresh(request.exchange, request.now_ms));
                let variant = self.of(&place.to_le_bytes())?;
                return Some(Drawn { variant, new: kept.is_none().then_some(place) });
            }
            By::Cookie => first(COOKIE)?,
            By::Header => first(HEADER)?,
            By::Client => first(CLIENT)?,
        };
        Some(Drawn { variant: self.of(key)?, new: None })
    }

    fn of(&self, key: &[u8]) -> Option<&Variant> {
        let score = |variant: &Variant| draw::score(&self.salt, &variant.name, variant.weight, key);
        self.variants.iter().max_by(|a, b| score(a).total_cmp(&score(b)))
    }
}

/// A place in the memo, where 0 is none.
fn memo(place: u32) -> u64 {
    u64::from(place) + 1
}

fn place(memo: u64) -> Option<u32> {
    let place = memo.checked_sub(1)?;
    u32::try_from(place).ok().filter(|place| *place < PLACES)
}

#[cfg(test)]
mod tests;
