//! Where an HTTP/1 request body ends: followed byte by byte, so that the bytes of the next request
//! are never handed over with it, and a malformed chunk is refused before Pingora interprets it.
//!
//! Pure: bytes in, progress out.

use super::head::Framing;
use crate::fault::Fault;

/// Bytes of trailer fields that are let through; more is an attack.
const MAX_TRAILERS: usize = 8 * 1024;

/// The place inside a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes are still to come (more than none).
    Length(u64),
    /// Inside a chunked body.
    Chunked(Chunk),
    /// The last byte has passed.
    Done,
}

/// The place inside a chunked body (RFC 9112 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Reading hexadecimal digits of a size.
    Size { digits: u8, size: u64 },
    /// The size's CR has passed.
    SizeLf { size: u64 },
    /// So many bytes of data to come.
    Data(u64),
    /// The CR after the data.
    DataCr,
    /// The LF after the data.
    DataLf,
    /// At the start of a trailer line or of the final blank line.
    TrailerStart { seen: usize },
    /// Inside a trailer line.
    Trailer { seen: usize },
    /// A trailer line's CR has passed.
    TrailerLf { seen: usize },
    /// The final CR has passed.
    FinalLf,
}

impl Body {
    /// The place before the first byte of a body framed so.
    pub(crate) fn start(framing: Framing) -> Body {
        match framing {
            Framing::None => Body::Done,
            Framing::Length(n) => Body::Length(n),
            Framing::Chunked => Body::Chunked(Chunk::Size { digits: 0, size: 0 }),
        }
    }

    /// Passes over `bytes` and tells how many of them belong to this body.
    ///
    /// # Errors
    /// [`Fault::BadChunk`] where the chunking is malformed. Chunk extensions are refused: nobody
    /// needs them, and parsers disagree on them.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match *self {
            Body::Done => Ok(0),
            Body::Length(left) => {
                let taken = left.min(bytes.len() as u64);
                *self = if taken == left { Body::Done } else { Body::Length(left - taken) };
                Ok(taken as usize)
            }
            Body::Chunked(mut chunk) => {
                let mut at = 0;
                while at < bytes.len() {
                    if let Chunk::Data(left) = chunk {
                        let taken = left.min((bytes.len() - at) as u64);
                        at += taken as usize;
                        chunk =
                            if taken == left { Chunk::DataCr } else { Chunk::Data(left - taken) };
                        continue;
                    }
                    let next = chunk.step(bytes[at])?;
                    at += 1;
                    match next {
                        Some(next) => chunk = next,
                        None => {
                            *self = Body::Done;
                            return Ok(at);
                        }
                    }
                }
                *self = Body::Chunked(chunk);
                Ok(at)
            }
        }
    }
}

impl Chunk {
    /// One byte further; `None` when it was the body's last.
    fn step(self, byte: u8) -> Result<Option<Chunk>, Fault> {
        Ok(Some(match (self, byte) {
            (Chunk::Size { digits, size }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                Chunk::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }
            }
            (Chunk::Size { digits: 1.., size }, b'\r') => Chunk::SizeLf { size },
            (Chunk::SizeLf { size: 0 }, b'\n') => Chunk::TrailerStart { seen: 0 },
            (Chunk::SizeLf { size }, b'\n') => Chunk::Data(size),
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => Chunk::Size { digits: 0, size: 0 },
            (Chunk::TrailerStart { .. }, b'\r') => Chunk::FinalLf,
            (Chunk::FinalLf, b'\n') => return Ok(None),
            (Chunk::Trailer { seen }, b'\r') => Chunk::TrailerLf { seen },
            (Chunk::TrailerLf { seen }, b'\n') => Chunk::TrailerStart { seen },
            (Chunk::TrailerStart { seen } | Chunk::Trailer { seen }, _)
                if seen < MAX_TRAILERS && byte != b'\n' && byte != 0 =>
            {
                Chunk::Trailer { seen: seen + 1 }
            }
            _ => return Err(Fault::BadChunk),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(bytes: &[u8]) -> Result<(usize, bool), Fault> {
        let mut body = Body::start(Framing::Chunked);
        let taken = body.advance(bytes)?;
        Ok((taken, body == Body::Done))
    }

    #[test]
    fn a_length_takes_its_bytes_and_leaves_the_next_request() {
        let mut body = Body::start(Framing::Length(5));
        assert_eq!(body.advance(b"abc"), Ok(3));
        assert_eq!(body.advance(b"deGET /"), Ok(2));
        assert_eq!(body, Body::Done);
        assert_eq!(body.advance(b"GET /"), Ok(0));
    }

    #[test]
    fn chunks_end_where_they_say() {
        assert_eq!(run(b"5\r\nhello\r\n0\r\n\r\nGET"), Ok((15, true)));
        assert_eq!(run(b"0\r\nx: y\r\n\r\nGET"), Ok((11, true)));
        assert_eq!(run(b"5\r\nhel"), Ok((6, false)));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let cases: &[&[u8]] = &[
            b"\r\n",
            b"5;x=y\r\n",
            b"5 \r\n",
            b"5;\r\n",
            b"0x5\r\n",
            b"-1\r\n",
            b"5\nhello",
            b"5\r\nhelloX",
            b"5\r\nhello\n",
            b"5\rX",
            b"0\r\n\n",
            b"0\r\nx\0: y\r\n",
            b"FFFFFFFFFFFFFFFFF\r\n",
        ];
        for case in cases {
            assert_eq!(run(case), Err(Fault::BadChunk), "{}", case.escape_ascii());
        }
        let long = [b"0\r\n".to_vec(), vec![b'x'; 9000]].concat();
        assert_eq!(run(&long), Err(Fault::BadChunk));
    }

    proptest! {
        #[test]
        fn any_cut_of_a_good_body_ends_at_the_same_byte(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            cut in 0usize..200,
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            let end = bytes.len();
            bytes.extend(b"GET / HTTP/1.1\r\n");
            let cut = cut.min(end);
            let mut body = Body::start(Framing::Chunked);
            let first = body.advance(&bytes[..cut]).unwrap();
            prop_assert_eq!(first, cut);
            let second = body.advance(&bytes[cut..]).unwrap();
            prop_assert_eq!(first + second, end);
            prop_assert_eq!(body, Body::Done);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = run(&bytes);
        }
    }
}
