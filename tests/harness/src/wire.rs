//! A socket with what was read too much of it: heads, lengths and chunks of HTTP/1, read strictly, so that a
//! message that is cut short or badly framed is told and not taken for a whole one.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::{Headers, MAX_LINES, malformed};

/// A head or a chunk line that is longer is an error.
const MAX_HEAD: usize = 1 << 20;

pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) buffer: BytesMut,
}

/// What was taken of a body: its length, and its bytes where they are wanted.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) length: u64,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Taken {
    pub(crate) fn keeping() -> Self {
        Self { length: 0, bytes: Some(Vec::new()) }
    }

    pub(crate) fn counting() -> Self {
        Self::default()
    }

    fn take(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(piece);
        }
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads more; false at the end of the stream.
    pub(crate) async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(16 * 1024);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    async fn must_fill(&mut self) -> io::Result<()> {
        if self.fill().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The next head with its empty line; `None` if the stream ended before its first byte.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut seen = 0;
        loop {
            if let Some(at) = find(&self.buffer[seen..], b"\r\n\r\n") {
                return Ok(Some(self.buffer.split_to(seen + at + 4).to_vec()));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(malformed("a head", &self.buffer, "it is longer than 1 MiB"));
            }
            seen = self.buffer.len().saturating_sub(3);
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// A body of a known length.
    pub(crate) async fn exactly(&mut self, mut length: u64, taken: &mut Taken) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.must_fill().await?;
            }
            let piece = usize::try_from(length).unwrap_or(usize::MAX).min(self.buffer.len());
            taken.take(&self.buffer[..piece]);
            self.buffer.advance(piece);
            length -= piece as u64;
        }
        Ok(())
    }

    /// A chunked body (RFC 9112, section 7.1) and its trailers.
    pub(crate) async fn chunked(&mut self, taken: &mut Taken) -> io::Result<Headers> {
        loop {
            let line = self.line().await?;
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                .ok_or_else(|| malformed("a chunk's size", &line, "it is not hexadecimal"))?;
            if size == 0 {
                return self.trailers().await;
            }
            self.exactly(size, taken).await?;
            if !self.line().await?.is_empty() {
                return Err(malformed("a chunk", &line, "it is longer than its size"));
            }
        }
    }

    async fn trailers(&mut self) -> io::Result<Headers> {
        let mut raw = Vec::new();
        loop {
            let line = self.line().await?;
            raw.extend_from_slice(&line);
            raw.extend_from_slice(b"\r\n");
            if line.is_empty() {
                break;
            }
        }
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        match httparse::parse_headers(&raw, &mut lines) {
            Ok(httparse::Status::Complete((_, lines))) => Ok(Headers::from_parsed(lines)),
            Ok(httparse::Status::Partial) => Err(malformed("trailers", &raw, "they end too early")),
            Err(error) => Err(malformed("trailers", &raw, error)),
        }
    }

    /// A body that ends with the stream.
    pub(crate) async fn until_end(&mut self, taken: &mut Taken) -> io::Result<()> {
        loop {
            taken.take(&self.buffer);
            self.buffer.clear();
            if !self.fill().await? {
                return Ok(());
            }
        }
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(at).to_vec();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(malformed("a line", &self.buffer, "it is longer than 1 MiB"));
            }
            self.must_fill().await?;
        }
    }

    /// Closes with a reset instead of an orderly end: nothing may linger in the kernel.
    pub(crate) fn reset(self) -> io::Result<()> {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(std::time::Duration::ZERO))?;
        Ok(())
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
