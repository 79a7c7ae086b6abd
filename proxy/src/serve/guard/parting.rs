//! The ends of a connection that Pingora does not see: a client that leaves while it waits, and a
//! refusal that must still be read.

use super::stream::Guard;
use std::io;
use std::time::Duration;
use tokio::io::Interest;

/// While a client with an unread body waits in the queue, how often its presence is checked.
const PRESENCE_INTERVAL: Duration = Duration::from_millis(250);

impl Guard {
    /// Ready when the client has closed its side. Reads nothing.
    pub(crate) async fn client_left(&self) {
        let socket = self.io.socket();
        loop {
            match socket.ready(Interest::READABLE).await {
                Err(_) => return,
                Ok(ready) if ready.is_read_closed() => return,
                Ok(_) => {}
            }
            // Nothing to read clears the readiness, so that the next wait costs nothing; unread
            // bytes (a body, a pipelined request) leave only an occasional look.
            let peeked = socket.try_io(Interest::READABLE, || {
                socket2::SockRef::from(socket).peek(&mut [std::mem::MaybeUninit::uninit()])
            });
            match peeked {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(PRESENCE_INTERVAL).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Writes an answer of our own and closes in a way that lets the client read it.
    pub(crate) async fn refuse(mut self: Box<Self>, answer: &[u8]) {
        const LINGER: Duration = Duration::from_secs(2);
        let _ = tokio::time::timeout(LINGER, async {
            tokio::io::AsyncWriteExt::write_all(&mut self.io, answer).await?;
            tokio::io::AsyncWriteExt::shutdown(&mut self.io).await?;
            // Closing with unread bytes would reset the connection and lose the answer.
            for _ in 0..64 {
                self.inbox.clear();
                if std::future::poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        })
        .await;
    }
}
