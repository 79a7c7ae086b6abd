//! Which bodies are changed, and what of their heads no longer holds then.

use hither_plugin::Edits;
use hither_plugin::config::Size;
use serde::Deserialize;

use crate::replace::Texts;

/// As an operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBodies {
    types: Vec<String>,
    replace: Vec<RawText>,
    #[serde(default)]
    whole: Option<Size>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawText {
    find: String,
    with: String,
}

/// Bodies of one side.
#[derive(Debug)]
pub(crate) struct Bodies {
    types: Vec<String>,
    pub(crate) texts: Texts,
    /// The most bytes where it is wanted at once.
    pub(crate) whole: Option<u32>,
}

impl RawBodies {
    pub(crate) fn read(self) -> Result<Bodies, String> {
        if self.types.is_empty() {
            return Err("`types` names content types, as in [\"text/html\"]".to_owned());
        }
        let pairs: Vec<_> = self.replace.into_iter().map(|text| (text.find, text.with)).collect();
        let most =
            |size: Size| u32::try_from(size.0).map_err(|_| "`whole` is too large".to_owned());
        Ok(Bodies {
            types: self.types.iter().map(|kind| kind.to_ascii_lowercase()).collect(),
            texts: Texts::new(&pairs)?,
            whole: self.whole.map(most).transpose()?,
        })
    }
}

impl Bodies {
    /// Whether a body of this type is taken: one that is named, exactly or as in `text/*`, in no coding.
    pub(crate) fn takes(&self, kind: Option<&str>, coding: Option<&str>) -> bool {
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        let named = self.types.iter().any(|one| match one.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => kind == *one,
        });
        named && coding.is_none_or(|coding| coding.trim().eq_ignore_ascii_case("identity"))
    }
}

/// Whether the origin forbids that its answer is changed (RFC 9111 section 5.2.2.6).
pub(crate) fn must_stay<'a>(mut cache_control: impl Iterator<Item = &'a [u8]>) -> bool {
    cache_control.any(|value| {
        let mut words = value.split(|byte| *byte == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    })
}

/// Digests are of other bytes than go out, parts of them cannot be had, and a strong validator would promise
/// the same bytes (RFC 9110 section 8.8.1).
pub(crate) fn edits(etag: Option<&str>) -> Edits {
    let digests = ["content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"];
    let edits = digests.into_iter().fold(Edits::default(), Edits::remove);
    match etag {
        Some(etag) if !etag.starts_with("W/") => edits.set("etag", format!("W/{etag}")),
        _ => edits,
    }
}
