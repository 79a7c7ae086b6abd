//! A WebSocket client (RFC 6455); the protocol itself is tungstenite's.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::error::ClientError;

const DEADLINE: Duration = Duration::from_secs(20);

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    socket: WebSocketStream<TcpStream>,
}

impl WebSocket {
    /// Opens one to `path` with this `Host`.
    ///
    /// # Errors
    /// There is no connection, or no 101 with the right accept key.
    pub async fn connect(address: SocketAddr, host: &str, path: &str) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!("ws://{host}{path}").into_client_request().map_err(Box::new)?;
        let opened =
            timed("open a WebSocket", tokio_tungstenite::client_async(request, stream)).await?;
        Ok(Self { socket: opened.0 })
    }

    /// Sends a text.
    ///
    /// # Errors
    /// The socket is broken.
    pub async fn send(&mut self, text: &str) -> Result<(), ClientError> {
        timed("send a message", self.socket.send(Message::text(text))).await
    }

    /// The next text or binary message; `None` once the peer has closed in order and the close was answered.
    ///
    /// # Errors
    /// The socket is broken, or brings nothing for 20 s.
    pub async fn receive(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            let next = async { self.socket.next().await.transpose() };
            match timed("read a message", next).await? {
                Some(Message::Text(text)) => return Ok(Some(text.to_string())),
                Some(Message::Binary(bytes)) => {
                    return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
                }
                None => return Ok(None),
                // The answer to a close is sent while the socket is read to its end.
                Some(_) => {}
            }
        }
    }

    /// Sends a text and waits for the same text.
    ///
    /// # Errors
    /// The socket is broken, or brings nothing for 20 s.
    ///
    /// # Panics
    /// If another message or a close comes back.
    pub async fn echo(&mut self, text: &str) -> Result<(), ClientError> {
        self.send(text).await?;
        assert_eq!(
            self.receive().await?.as_deref(),
            Some(text),
            "the WebSocket changed what it carried"
        );
        Ok(())
    }

    /// Closes in order and waits for the peer's close.
    ///
    /// # Errors
    /// The socket breaks instead.
    pub async fn close(mut self) -> Result<(), ClientError> {
        timed("close", self.socket.close(None)).await?;
        while self.receive().await?.is_some() {}
        Ok(())
    }
}

async fn timed<T>(
    doing: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => Ok(done.map_err(Box::new)?),
        Err(_) => Err(ClientError::Timeout { waited: DEADLINE, doing, unread: String::new() }),
    }
}
