//! A WebSocket (RFC 6455) that sends back every message. The protocol itself is tungstenite's.

use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::connection::Closing;

/// 1 MiB: the most of one message that is held.
const MAX_MESSAGE: usize = 1 << 20;

/// The answer to an opening handshake (RFC 6455, section 4.2), or what is wrong with it.
pub(super) fn accept<B>(request: &Request<B>) -> Result<Response<()>, &'static str> {
    let headers = request.headers();
    if request.version() != Version::HTTP_11 || request.method() != Method::GET {
        return Err("a WebSocket is opened with GET in HTTP/1.1");
    }
    if !lists(headers, &UPGRADE, "websocket") || !lists(headers, &CONNECTION, "upgrade") {
        return Err("a WebSocket is opened with `Connection: Upgrade` and `Upgrade: websocket`");
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err("Sec-WebSocket-Version must be 13");
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or("Sec-WebSocket-Key is missing")?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_ACCEPT, accept.map_err(|_| "Sec-WebSocket-Key is not valid")?);
    Ok(response)
}

/// Whether a list header names a token, whatever its case.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Sends back text and binary messages until the peer closes or goes, or the origin is closing.
pub(super) async fn echo(io: impl AsyncRead + AsyncWrite + Unpin, mut closing: Closing) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            () = closing.asked() => break,
        };
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            // Pings and the closing handshake are answered by tungstenite while it is read.
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
    let going = CloseFrame { code: CloseCode::Away, reason: "".into() };
    if socket.close(Some(going)).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
