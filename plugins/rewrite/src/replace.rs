//! Text in the place of text, in a body that comes in pieces. The first that begins counts; of those that begin
//! together, the one that is listed first.

use aho_corasick::{AhoCorasick, Input, MatchKind};

/// Bytes that one piece or whole body may become: well inside a plugin's memory.
const MOST: usize = 8 << 20;

/// More has come of it than may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// What is looked for, and what comes in its place.
#[derive(Debug)]
pub(crate) struct Texts {
    finder: AhoCorasick,
    find: Vec<Vec<u8>>,
    with: Vec<Vec<u8>>,
    longest: usize,
}

impl Texts {
    pub(crate) fn new(pairs: &[(String, String)]) -> Result<Self, String> {
        let find = || pairs.iter().map(|(find, _)| find.as_bytes());
        let longest = find().map(<[u8]>::len).max().unwrap_or(0);
        if longest == 0 || find().any(<[u8]>::is_empty) {
            return Err("`replace` needs texts to find, none of them empty".to_owned());
        }
        let owned = find().map(<[u8]>::to_vec).collect();
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(find());
        Ok(Self {
            finder: finder.map_err(|error| format!("the texts to find are too many: {error}"))?,
            find: owned,
            with: pairs.iter().map(|(_, with)| with.clone().into_bytes()).collect(),
            longest,
        })
    }

    /// A whole body; none where nothing is found.
    pub(crate) fn whole(&self, body: &[u8]) -> Result<Option<Vec<u8>>, TooMuch> {
        self.piece(&mut Vec::new(), body, true)
    }

    /// The next piece of a body, after what was carried over; none where it stays as it is. What might be the
    /// beginning of a match is carried on: at most one byte less than the longest text.
    pub(crate) fn piece(
        &self,
        carried: &mut Vec<u8>,
        data: &[u8],
        last: bool,
    ) -> Result<Option<Vec<u8>>, TooMuch> {
        let carry = std::mem::take(carried);
        let joined;
        let body = match carry.is_empty() {
            true => data,
            false => {
                joined = [&*carry, data].concat();
                &*joined
            }
        };
        // Of what begins before this, all is in sight that could ever match there.
        let decided = if last { body.len() } else { (body.len() + 1).saturating_sub(self.longest) };
        let mut out = Vec::new();
        let (mut at, mut found_any) = (0, false);
        while let Some(found) = self.finder.find(Input::new(body).range(at..)) {
            if found.start() >= decided {
                break;
            }
            out.extend_from_slice(&body[at..found.start()]);
            out.extend_from_slice(&self.with[found.pattern().as_usize()]);
            if out.len() > MOST {
                return Err(TooMuch);
            }
            (at, found_any) = (found.end(), true);
        }
        let end = if last { body.len() } else { self.settled(body, at.max(decided)) };
        if !found_any && carry.is_empty() && end == body.len() {
            return Ok(None);
        }
        out.extend_from_slice(&body[at..end]);
        carried.extend_from_slice(&body[end..]);
        Ok(Some(out))
    }

    /// Where from `from` on a match begins or may have begun, else the end: most pieces end in nothing of the
    /// kind, and can stay as they are.
    fn settled(&self, body: &[u8], from: usize) -> usize {
        let may_begin = |place: &usize| {
            let rest = &body[*place..];
            self.find.iter().any(|text| text.starts_with(rest) || rest.starts_with(text))
        };
        (from..body.len()).find(may_begin).unwrap_or(body.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        let owned: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Texts::new(&owned).unwrap()
    }

    /// The body in pieces of these lengths, over and over.
    fn in_pieces(texts: &Texts, body: &[u8], lengths: &[usize]) -> Vec<u8> {
        let (mut out, mut carried, mut rest) = (Vec::new(), Vec::new(), body);
        for length in lengths.iter().cycle() {
            let (data, after) = rest.split_at((*length).min(rest.len()));
            let said = texts.piece(&mut carried, data, after.is_empty()).unwrap();
            out.extend_from_slice(said.as_deref().unwrap_or(data));
            assert!(carried.len() < texts.longest, "{} bytes are carried", carried.len());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        assert!(carried.is_empty(), "something was lost");
        out
    }

    #[test]
    fn a_match_is_found_wherever_pieces_are_cut() {
        let texts = texts(&[("http://old.example", "https://new.example"), ("old", "new")]);
        let body = b"see http://old.example/a or old http://old.exampl";
        let expected = b"see https://new.example/a or new http://new.exampl";
        for length in 1..=body.len() {
            let got = in_pieces(&texts, body, &[length]);
            assert_eq!(
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(expected),
                "{length}"
            );
        }
    }

    #[test]
    fn the_first_that_begins_counts_and_then_the_first_that_is_listed() {
        let first = texts(&[("a", "1"), ("ab", "2"), ("bc", "3")]);
        assert_eq!(first.whole(b"abc").unwrap().unwrap(), b"13");
        let longer = texts(&[("ab", "2"), ("a", "1"), ("bc", "3")]);
        assert_eq!(longer.whole(b"abca").unwrap().unwrap(), b"2c1");
        assert_eq!(in_pieces(&longer, b"abca", &[1]), b"2c1");
    }

    #[test]
    fn what_has_no_match_stays_as_it_is() {
        assert_eq!(texts(&[("old", "new")]).whole(b"nothing here"), Ok(None));
        let mut carried = Vec::new();
        assert_eq!(texts(&[("old", "new")]).piece(&mut carried, b"xyz", false), Ok(None));
        assert!(carried.is_empty());
    }

    #[test]
    fn what_grows_without_measure_is_stopped() {
        let texts = texts(&[("a", &"x".repeat(4096))]);
        assert_eq!(texts.whole(&[b'a'; 4096]), Err(TooMuch));
        assert!(texts.whole(&[b'a'; 1024]).is_ok());
    }

    proptest! {
        #[test]
        fn in_pieces_it_is_as_if_it_came_at_once(
            body in "[abc]{0,60}",
            lengths in proptest::collection::vec(1_usize..9, 1..6),
            pairs in proptest::collection::vec(("[abc]{1,4}", "[abcx]{0,5}"), 1..4),
        ) {
            let texts = Texts::new(&pairs).unwrap();
            let whole = texts.whole(body.as_bytes()).unwrap().unwrap_or(body.clone().into_bytes());
            let pieces = in_pieces(&texts, body.as_bytes(), &lengths);
            prop_assert_eq!(whole, pieces);
        }
    }
}
