//! One accepted connection in the hand of a script.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::raw::Record;
use super::request::RawRequest;
use crate::wire::{Taken, Wire};

/// A connection that an origin accepted. It is closed in order when dropped.
pub struct RawConnection {
    pub(crate) wire: Wire,
    number: usize,
    record: Arc<Record>,
}

impl RawConnection {
    pub(crate) fn new(stream: TcpStream, number: usize, record: Arc<Record>) -> io::Result<Self> {
        Ok(Self { wire: Wire::new(stream)?, number, record })
    }

    /// Which connection this is, from 0 in the order in which they were accepted.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// The next request's head, recorded; its body is left. `None` once the peer has closed.
    ///
    /// # Errors
    /// The connection is broken, or what came is no request.
    pub async fn read_head(&mut self) -> io::Result<Option<RawRequest>> {
        let Some(raw) = self.wire.head().await? else { return Ok(None) };
        let request = RawRequest::parse(raw, self.number)?;
        self.record.add(request.clone());
        Ok(Some(request))
    }

    /// The next request with its body, recorded once it is whole. `None` once the peer has closed.
    ///
    /// # Errors
    /// The connection is broken, or what came is no request.
    pub async fn read_request(&mut self) -> io::Result<Option<RawRequest>> {
        let Some(raw) = self.wire.head().await? else { return Ok(None) };
        let mut request = RawRequest::parse(raw, self.number)?;
        let mut taken = Taken::keeping();
        if request.headers.lists("transfer-encoding", "chunked") {
            request.trailers = self.wire.chunked(&mut taken).await?;
        } else if let Some(length) = request.header("content-length") {
            let length = length
                .parse()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.wire.exactly(length, &mut taken).await?;
        }
        request.body = taken.bytes.unwrap_or_default();
        self.record.add(request.clone());
        Ok(Some(request))
    }

    /// At least one byte of what is there, such as a part of a body; empty once the peer has closed.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn read_some(&mut self) -> io::Result<Vec<u8>> {
        if self.wire.buffer.is_empty() {
            self.wire.fill().await?;
        }
        Ok(self.wire.buffer.split().to_vec())
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.write(bytes.as_ref()).await
    }

    /// Sends bytes one by one, this long apart: the pace is what is tested.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn trickle(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> io::Result<()> {
        for byte in bytes.as_ref() {
            self.wire.write(&[*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Says nothing and throws away what comes, until the peer closes.
    ///
    /// # Errors
    /// The peer resets.
    pub async fn stall(&mut self) -> io::Result<()> {
        self.wire.until_end(&mut Taken::counting()).await
    }

    /// Goes away with a reset.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn reset(self) -> io::Result<()> {
        self.wire.reset()
    }
}
