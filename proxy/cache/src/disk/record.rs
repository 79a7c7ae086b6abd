//! One response as a file: a preamble with digests, a head, the body. A file that was torn, changed or written
//! by another version is told from a good one by its digests and its mark, and then it is nothing.
//!
//! It must not know where files lie.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use pingora_cache::key::HashBinary;
use pingora_http::ResponseHeader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::terms::{Kept, Terms};

/// Changed whenever the layout is.
const MARK: &[u8; 16] = b"hither-object-1\n";
const DIGEST: usize = 32;
/// Mark, length of the head, length of the body, digest of these lengths and the head, digest of the body.
pub(super) const PREAMBLE: usize = MARK.len() + 4 + 8 + 2 * DIGEST;
/// No head is longer: an instance's has at most 64 KiB, and a plugin adds few tags.
const LONGEST_HEAD: u32 = 1 << 20;

/// All of a response but its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// With its variant.
    pub(crate) key: HashBinary,
    pub(crate) primary: HashBinary,
    pub(crate) url: HashBinary,
    pub(crate) variance: Option<HashBinary>,
    pub(crate) service: String,
    status: u16,
    /// Names as they are sent, values as bytes.
    fields: Vec<(String, Vec<u8>)>,
    since: Duration,
    terms: StoredTerms,
}

/// [`Terms`] without clocks of this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredTerms {
    received: Duration,
    initial_age: Duration,
    lifetime: Duration,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    stale_on_wish: bool,
    for_authorized: bool,
    said: bool,
    vary: Vec<String>,
    tags: Vec<String>,
}

/// Where a response belongs.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) key: HashBinary,
    pub(crate) primary: HashBinary,
    pub(crate) url: HashBinary,
    pub(crate) variance: Option<HashBinary>,
    pub(crate) service: &'a str,
    /// Since when its variants belong together.
    pub(crate) since: SystemTime,
}

impl Head {
    pub(crate) fn new(place: &Place<'_>, head: &ResponseHeader, kept: &Kept<'_>) -> Self {
        let fields = head.headers.iter();
        let fields =
            fields.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let Terms {
            lifetime,
            stale_while_revalidate,
            stale_if_error,
            stale_on_wish,
            for_authorized,
            said,
            ..
        } = *kept.terms;
        Self {
            key: place.key,
            primary: place.primary,
            url: place.url,
            variance: place.variance,
            service: place.service.to_owned(),
            status: head.status.as_u16(),
            fields: fields.collect(),
            since: epoch(place.since),
            terms: StoredTerms {
                received: epoch(kept.received),
                initial_age: kept.initial_age,
                lifetime,
                stale_while_revalidate,
                stale_if_error,
                stale_on_wish,
                for_authorized,
                said,
                vary: kept.terms.vary.iter().map(ToString::to_string).collect(),
                tags: kept.terms.tags.iter().map(ToString::to_string).collect(),
            },
        }
    }

    pub(crate) fn tags(&self) -> &[String] {
        &self.terms.tags
    }

    pub(crate) fn since(&self) -> SystemTime {
        UNIX_EPOCH + self.since
    }

    /// Until when it may be given to anybody, in whatever state.
    pub(crate) fn until(&self) -> SystemTime {
        let StoredTerms { received, initial_age, lifetime, .. } = self.terms;
        let longest = self.terms.stale_while_revalidate.max(self.terms.stale_if_error);
        let rest = (lifetime + longest).saturating_sub(initial_age);
        UNIX_EPOCH.checked_add(received.saturating_add(rest)).unwrap_or(UNIX_EPOCH)
    }

    /// The head as it is given, and its terms. `None`: it came from the future, so its age is unknown, or what
    /// stands there is no head.
    pub(crate) fn restore(&self, now: SystemTime) -> Option<(ResponseHeader, Terms)> {
        let since_received = now.duration_since(UNIX_EPOCH + self.terms.received).ok()?;
        let status = StatusCode::from_u16(self.status).ok()?;
        let mut head = ResponseHeader::build(status, Some(self.fields.len())).ok()?;
        for (name, value) in &self.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            head.append_header(name, HeaderValue::from_bytes(value).ok()?).ok()?;
        }
        let stored = &self.terms;
        let vary = stored.vary.iter().map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        let terms = Terms {
            lifetime: stored.lifetime,
            stale_while_revalidate: stored.stale_while_revalidate,
            stale_if_error: stored.stale_if_error,
            stale_on_wish: stored.stale_on_wish,
            for_authorized: stored.for_authorized,
            said: stored.said,
            vary: vary.collect::<Option<_>>()?,
            tags: stored.tags.iter().map(|tag| tag.as_str().into()).collect(),
            ..Terms::aged(stored.initial_age.saturating_add(since_received))
        };
        Some((head, terms))
    }
}

fn epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Writes a whole file.
pub(super) fn write(file: &mut impl Write, head: &Head, body: &[Bytes]) -> io::Result<u64> {
    let head = rmp_serde::to_vec(head).map_err(io::Error::other)?;
    let head_length = u32::try_from(head.len()).ok().filter(|length| *length <= LONGEST_HEAD);
    let head_length = head_length.ok_or_else(|| io::Error::other("the head is too long"))?;
    let body_length: u64 = body.iter().map(|piece| piece.len() as u64).sum();
    let mut body_digest = Sha256::new();
    body.iter().for_each(|piece| body_digest.update(piece));
    let lengths = lengths(head_length, body_length);
    file.write_all(MARK)?;
    file.write_all(&lengths)?;
    file.write_all(&Sha256::new().chain_update(lengths).chain_update(&head).finalize())?;
    file.write_all(&body_digest.finalize())?;
    file.write_all(&head)?;
    body.iter().try_for_each(|piece| file.write_all(piece))?;
    Ok(PREAMBLE as u64 + u64::from(head_length) + body_length)
}

fn lengths(head: u32, body: u64) -> [u8; 12] {
    let mut lengths = [0; 12];
    lengths[..4].copy_from_slice(&head.to_be_bytes());
    lengths[4..].copy_from_slice(&body.to_be_bytes());
    lengths
}

/// What a file begins with.
pub(super) struct Opened {
    pub(super) head: Head,
    body: u64,
    body_digest: [u8; DIGEST],
}

impl Opened {
    /// Bytes of the whole file.
    pub(super) fn size(&self, head_length: u64) -> u64 {
        PREAMBLE as u64 + head_length + self.body
    }
}

/// Reads the head of a file of so many bytes; `None` where it is no good one.
pub(super) fn open(file: &mut impl Read, size: u64) -> Option<Opened> {
    let mut preamble = [0; PREAMBLE];
    file.read_exact(&mut preamble).ok()?;
    let (mark, rest) = preamble.split_first_chunk::<16>()?;
    let (lengths, rest) = rest.split_first_chunk::<12>()?;
    let (head_digest, rest) = rest.split_first_chunk::<DIGEST>()?;
    let body_digest = *rest.first_chunk::<DIGEST>()?;
    let head_length = u32::from_be_bytes(*lengths.first_chunk()?);
    let body = u64::from_be_bytes(*lengths.last_chunk()?);
    if mark != MARK || head_length > LONGEST_HEAD {
        return None;
    }
    let mut head = vec![0; head_length as usize];
    file.read_exact(&mut head).ok()?;
    let found = Sha256::new().chain_update(lengths).chain_update(&head).finalize();
    if found.as_slice() != head_digest {
        return None;
    }
    let head = rmp_serde::from_slice(&head).ok()?;
    let opened = Opened { head, body, body_digest };
    (opened.size(u64::from(head_length)) == size).then_some(opened)
}

/// Reads the body behind an opened head; `None` where it is not that which was written.
pub(super) fn body(file: &mut impl Read, opened: &Opened) -> Option<Bytes> {
    let mut body = vec![0; usize::try_from(opened.body).ok()?];
    file.read_exact(&mut body).ok()?;
    (Sha256::digest(&body).as_slice() == opened.body_digest).then(|| body.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        let mut head = ResponseHeader::build(200, None).unwrap();
        head.append_header("x-a", "1").unwrap();
        head.append_header("x-a", "2").unwrap();
        let terms = Terms {
            lifetime: Duration::from_secs(60),
            tags: ["t".into()].into(),
            ..Terms::aged(Duration::from_secs(5))
        };
        let place = Place {
            key: [1; 16],
            primary: [2; 16],
            url: [3; 16],
            variance: None,
            service: "web",
            since: UNIX_EPOCH + Duration::from_secs(10),
        };
        let received = UNIX_EPOCH + Duration::from_secs(100);
        let kept = Kept { terms: &terms, received, initial_age: terms.initial_age };
        Head::new(&place, &head, &kept)
    }

    fn written(body: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let size = write(&mut file, &head(), &[Bytes::copy_from_slice(body)]).unwrap();
        assert_eq!(size, file.len() as u64);
        file
    }

    fn read(mut file: &[u8]) -> Option<(Head, Bytes)> {
        let size = file.len() as u64;
        let opened = open(&mut file, size)?;
        let body = body(&mut file, &opened)?;
        Some((opened.head, body))
    }

    #[test]
    fn what_is_written_is_read_and_has_aged() {
        let (found, body) = read(&written(b"body")).unwrap();
        assert_eq!((&found, &body[..]), (&head(), b"body".as_slice()));
        let (fields, terms) = found.restore(UNIX_EPOCH + Duration::from_secs(120)).unwrap();
        assert_eq!(fields.headers.get_all("x-a").iter().count(), 2);
        let age = terms.age(std::time::Instant::now());
        assert!((25..27).contains(&age.as_secs()), "{age:?}");
        assert_eq!(found.until(), UNIX_EPOCH + Duration::from_secs(155));
    }

    #[test]
    fn what_comes_from_the_future_has_no_age() {
        assert!(head().restore(UNIX_EPOCH + Duration::from_secs(99)).is_none());
    }

    proptest! {
        #[test]
        fn a_torn_file_is_nothing(body in prop::collection::vec(any::<u8>(), 0..200), cut in any::<usize>()) {
            let file = written(&body);
            prop_assert!(read(&file[..cut % file.len()]).is_none());
        }

        #[test]
        fn a_changed_file_is_nothing(body in prop::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), bit in 0..8_u32) {
            let mut file = written(&body);
            let at = at % file.len();
            file[at] ^= 1 << bit;
            prop_assert!(read(&file).is_none());
        }
    }
}
