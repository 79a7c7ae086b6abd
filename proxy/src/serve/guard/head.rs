//! The check of an HTTP/1 request head, byte by byte as it arrives, before Pingora sees it.
//!
//! Stricter than RFC 9112 wherever its leniency has been used to smuggle requests: one reading of a
//! head must be the only possible one. Pure: bytes in, verdict out; knows no socket and no clock.

use super::field;
use crate::fault::Fault;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadLimits {
    /// Bytes, the request line and the blank line included.
    pub(crate) bytes: usize,
    /// Field lines.
    pub(crate) lines: usize,
}

/// Where the body ends, by the head (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body.
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What the connection must know of a head that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the head, the blank line included.
    pub(crate) len: usize,
    /// How its body is framed.
    pub(crate) framing: Framing,
    /// The client may wait to be told to go on before it sends its body (RFC 9110 section 10.1.1).
    pub(crate) expects: bool,
}

/// The most a method may be; the longest registered one has 17 letters.
const MAX_METHOD: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    RequestLine,
    Fields,
}

/// Reads a head as it grows. Each byte is looked at once, however slowly it comes.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    stage: Stage,
    /// Start of the line being read.
    line: usize,
    /// Where to look for the next line end.
    seen: usize,
    lines: usize,
    http10: bool,
    skipped_blank: bool,
    absolute_authority: Option<(usize, usize)>,
    host: Option<(usize, usize)>,
    length: Option<u64>,
    chunked: bool,
    expects: bool,
}

impl HeadScanner {
    /// Looks at what `bytes` (the head from its first byte) has gained since the last call.
    ///
    /// `Ok(None)`: more is needed.
    ///
    /// # Errors
    /// The fault to answer with; the connection must then be closed.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Option<Head>, Fault> {
        while let Some(found) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + found;
            if end >= limits.bytes {
                break;
            }
            if end == self.line || bytes[end - 1] != b'\r' {
                return Err(self.at_bare_line_feed(&bytes[self.line..end]));
            }
            let (start, line) = (self.line, &bytes[self.line..end - 1]);
            self.line = end + 1;
            self.seen = end + 1;
            match self.stage {
                Stage::RequestLine => self.request_line(start, line)?,
                Stage::Fields if line.is_empty() => return self.finish(bytes, end + 1).map(Some),
                Stage::Fields => self.field_line(start, line, limits)?,
            }
        }
        self.seen = self.seen.max(bytes.len().min(limits.bytes));
        self.unfinished(bytes, limits)
    }

    fn at_bare_line_feed(&self, line: &[u8]) -> Fault {
        // A request line that is garbage is better called so than by its line end.
        match self.stage {
            Stage::RequestLine if !line.is_empty() && !line[0].is_ascii_alphabetic() => {
                Fault::BadRequestLine
            }
            _ => Fault::BareLineFeed,
        }
    }

    /// What can be refused before the line is whole.
    fn unfinished(&self, bytes: &[u8], limits: HeadLimits) -> Result<Option<Head>, Fault> {
        let open = &bytes[self.line.min(bytes.len())..];
        if self.stage == Stage::RequestLine {
            let method = open.iter().take_while(|b| field::is_token_byte(**b)).count();
            if method > MAX_METHOD || (method < open.len() && open[method] != b' ' && open != b"\r")
            {
                return Err(Fault::BadRequestLine);
            }
        }
        if bytes.len() >= limits.bytes {
            return Err(match self.stage {
                Stage::RequestLine => Fault::TargetTooLong,
                Stage::Fields => Fault::HeadTooLarge,
            });
        }
        Ok(None)
    }

    fn request_line(&mut self, start: usize, line: &[u8]) -> Result<(), Fault> {
        if line.is_empty() {
            // RFC 9112 section 2.2: one empty line before the request line is to be ignored.
            if std::mem::replace(&mut self.skipped_blank, true) {
                return Err(Fault::BadRequestLine);
            }
            return Ok(());
        }
        let method_len = line.iter().take_while(|b| field::is_token_byte(**b)).count();
        let (method, rest) = line.split_at(method_len);
        let [b' ', rest @ ..] = rest else { return Err(Fault::BadRequestLine) };
        if method.is_empty() || method.len() > MAX_METHOD || rest.len() < 9 {
            return Err(Fault::BadRequestLine);
        }
        let (target, version) = rest.split_at(rest.len() - 9);
        self.http10 = match version {
            b" HTTP/1.1" => false,
            b" HTTP/1.0" => true,
            // A control byte or a blank inside the target also lands here when it displaces the
            // version, and is no less wrong for it.
            _ => return Err(Fault::BadRequestLine),
        };
        let authority = field::check_target(method, target)?;
        let base = start + method_len + 1;
        self.absolute_authority = authority.map(|range| (base + range.start, base + range.end));
        self.stage = Stage::Fields;
        Ok(())
    }

    fn field_line(&mut self, start: usize, line: &[u8], limits: HeadLimits) -> Result<(), Fault> {
        self.lines += 1;
        if self.lines > limits.lines {
            return Err(Fault::TooManyHeaders);
        }
        let (name, value) = field::split(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                let at = start + field::offset(line, value);
                if self.host.replace((at, at + value.len())).is_some() || !field::is_host(value) {
                    return Err(Fault::BadHost);
                }
            }
            6 if name.eq_ignore_ascii_case(b"expect") => self.expects = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = field::decimal(value).ok_or(Fault::BadFraming)?;
                if self.length.replace(length).is_some() {
                    return Err(Fault::BadFraming);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let again = std::mem::replace(&mut self.chunked, true);
                if again || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::BadFraming);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, bytes: &[u8], len: usize) -> Result<Head, Fault> {
        match (self.host, self.absolute_authority) {
            // RFC 9112 section 3.2: HTTP/1.1 without Host is an error; 1.0 never promised one.
            (None, _) if !self.http10 => return Err(Fault::BadHost),
            // RFC 9112 section 3.2.2 would have us ignore Host; two names for one request are how
            // caches are poisoned. Pingora compares letter by letter, so that we do too.
            (Some((a, b)), Some((c, d))) if bytes[a..b] != bytes[c..d] => {
                return Err(Fault::BadHost);
            }
            _ => {}
        }
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(Fault::BadFraming),
            (None, true) if self.http10 => return Err(Fault::BadFraming),
            (None, true) => Framing::Chunked,
            (Some(0) | None, false) => Framing::None,
            (Some(n), false) => Framing::Length(n),
        };
        Ok(Head { len, framing, expects: self.expects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 32 * 1024, lines: 100 };

    fn scan(bytes: &[u8]) -> Result<Option<Head>, Fault> {
        HeadScanner::default().scan(bytes, LIMITS)
    }

    fn with_header(line: &str) -> Result<Option<Head>, Fault> {
        scan(format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n").as_bytes())
    }

    #[test]
    fn a_plain_head_passes_and_its_framing_is_known() {
        let head = b"GET /x?y=1 HTTP/1.1\r\nHost: example.com\r\n\r\nnext";
        let whole = Head { len: head.len() - 4, framing: Framing::None, expects: false };
        assert_eq!(scan(head), Ok(Some(whole)));
        let framing = |line: &str| with_header(line).map(|h| h.map(|h| h.framing));
        assert_eq!(framing("Content-Length: 12"), Ok(Some(Framing::Length(12))));
        assert_eq!(framing("Content-Length: 0"), Ok(Some(Framing::None)));
        assert_eq!(framing("transfer-ENCODING: Chunked"), Ok(Some(Framing::Chunked)));
    }

    #[test]
    fn one_empty_line_before_the_request_line_is_ignored_two_are_not() {
        assert!(matches!(scan(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Some(_))));
        assert_eq!(scan(b"\r\n\r\nGET / HTTP/1.1\r\n"), Err(Fault::BadRequestLine));
    }

    #[test]
    fn malformed_heads_are_refused_by_name() {
        let cases: &[(&[u8], Fault)] = &[
            (b"GET / HTTP/1.1\nHost: a\n\n", Fault::BareLineFeed),
            (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Fault::BareLineFeed),
            (b"GET  / HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET /a b HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET /\0 HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET /\t HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET /\xc3\xa9 HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET * HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET x HTTP/1.1\r\n", Fault::BadTarget),
            (b"GET / HTTP/2.0\r\n", Fault::BadRequestLine),
            (b"GET / HTTP/1.1 \r\n", Fault::BadRequestLine),
            (b"GET /\r\n", Fault::BadRequestLine),
            (b"G\0T / HTTP/1.1\r\n", Fault::BadRequestLine),
            (b"CONNECT a:1 HTTP/1.1\r\n", Fault::MethodNotAllowed),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::BadHeader),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", Fault::BadHeader),
            (b"GET / HTTP/1.1\r\n: x\r\n\r\n", Fault::BadHeader),
            (b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", Fault::BadHeader),
            (b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Fault::BadHeader),
            (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", Fault::FoldedHeader),
            (b"GET / HTTP/1.1\r\n\r\n", Fault::BadHost),
            (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", Fault::BadHost),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::BadHost),
            (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Fault::BadHost),
            (b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Fault::BadHost),
            (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Fault::BadHost),
            (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::BadHost),
        ];
        for (bytes, fault) in cases {
            assert_eq!(scan(bytes), Err(*fault), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn two_lengths_are_never_one_request() {
        let cases = [
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1, 1",
            "Content-Length: +1",
            "Content-Length: -1",
            "Content-Length: 0x1",
            "Content-Length: 99999999999999999999",
            "Content-Length:",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: xchunked",
        ];
        for case in cases {
            assert_eq!(with_header(case), Err(Fault::BadFraming), "{case}");
        }
        assert_eq!(
            scan(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(Fault::BadFraming)
        );
    }

    #[test]
    fn limits_are_refused_before_the_head_is_whole() {
        let long = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(n));
        assert_eq!(scan(long(40_000).as_bytes()), Err(Fault::HeadTooLarge));
        assert_eq!(
            scan(format!("GET /{}", "x".repeat(40_000)).as_bytes()),
            Err(Fault::TargetTooLong)
        );
        assert_eq!(scan("A".repeat(100).as_bytes()), Err(Fault::BadRequestLine));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
        assert_eq!(scan(many.as_bytes()), Err(Fault::TooManyHeaders));
        let allowed = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(99));
        assert!(matches!(scan(allowed.as_bytes()), Ok(Some(_))));
    }

    proptest! {
        /// However the bytes are cut into reads, the verdict is the same.
        #[test]
        fn the_verdict_does_not_depend_on_the_reads(
            text in "(GET|POST|G T) (/|/a b|\\*|http://a/) HTTP/1.[019]\r?\n(Host: a\r?\n)?([A-Za-z :-]{0,12}\r\n){0,4}\r\n",
            cuts in proptest::collection::vec(0usize..120, 0..12),
        ) {
            let bytes = text.as_bytes();
            let whole = scan(bytes);
            let mut ends: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut scanner = HeadScanner::default();
            let mut verdict = Ok(None);
            for end in ends {
                verdict = scanner.scan(&bytes[..end], LIMITS);
                if !matches!(verdict, Ok(None)) { break; }
            }
            match (&whole, &verdict) {
                (Err(_), Err(_)) => {}
                _ => prop_assert_eq!(whole, verdict),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = scan(&bytes);
        }
    }
}
