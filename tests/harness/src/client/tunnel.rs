//! A connection after 101: bytes both ways.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::error::ClientError;
use crate::message::Head;
use crate::wire::{Taken, Wire};

/// An upgraded connection.
pub struct Tunnel {
    wire: Wire,
    head: Head,
    deadline: Duration,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tunnel").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Tunnel {
    pub(crate) fn new(wire: Wire, head: Head, deadline: Duration) -> Self {
        Self { wire, head, deadline }
    }

    /// The 101 that opened it.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection is broken, or takes nothing before the deadline.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ClientError> {
        timed(self.deadline, "send through the tunnel", self.wire.write(bytes.as_ref())).await
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// The stream ends before, or brings too little before the deadline.
    pub async fn receive(&mut self, length: usize) -> Result<Vec<u8>, ClientError> {
        let mut taken = Taken::keeping();
        let read = self.wire.exactly(length as u64, &mut taken);
        timed(self.deadline, "read from the tunnel", read).await?;
        Ok(taken.bytes.unwrap_or_default())
    }

    /// Sends bytes and reads as many back.
    ///
    /// # Errors
    /// As [`Tunnel::send`] and [`Tunnel::receive`].
    ///
    /// # Panics
    /// If other bytes come back.
    pub async fn echo(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ClientError> {
        self.send(bytes.as_ref()).await?;
        let back = self.receive(bytes.as_ref().len()).await?;
        assert!(back == bytes.as_ref(), "the tunnel changed what it carried");
        Ok(())
    }

    /// Tells the peer that no more will be sent, and reads what still comes until its end.
    ///
    /// # Errors
    /// The connection breaks, or does not end before the deadline.
    pub async fn end(mut self) -> Result<Vec<u8>, ClientError> {
        let mut taken = Taken::keeping();
        let ending = async {
            self.wire.stream.shutdown().await?;
            self.wire.until_end(&mut taken).await
        };
        timed(self.deadline, "see the tunnel closed", ending).await?;
        Ok(taken.bytes.unwrap_or_default())
    }

    /// Goes away with a reset.
    pub fn reset(self) {
        self.wire.reset().unwrap();
    }
}

async fn timed<T>(
    deadline: Duration,
    doing: &'static str,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ClientError::Timeout { waited: deadline, doing, unread: String::new() }),
    }
}
