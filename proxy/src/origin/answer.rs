//! From a request to its answer: reads the wish, waits as asked, counts the body, says who answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::body::Answer;
use super::connection::Slot;
use super::echo::{self, Echo, Health, Note};
use super::load::{Load, Place};
use super::path::{self, Wish};
use super::socket;

/// 16 GiB: a body is counted and thrown away, so this only bounds how long one request can run.
const MAX_BODY: u64 = 16 << 30;

const REGION: HeaderName = HeaderName::from_static("x-origin-region");
const ADDRESS: HeaderName = HeaderName::from_static("x-origin-address");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Who this origin is.
#[derive(Debug)]
pub(super) struct Identity {
    region: String,
    region_header: HeaderValue,
    address: SocketAddr,
    address_header: HeaderValue,
    delay: Duration,
}

impl Identity {
    pub(super) fn new(
        region: String,
        region_header: HeaderValue,
        address: SocketAddr,
        delay: Duration,
    ) -> io::Result<Self> {
        let address_header =
            HeaderValue::from_str(&address.to_string()).map_err(io::Error::other)?;
        Ok(Self { region, region_header, address, address_header, delay })
    }
}

/// What answers one connection's requests need.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) identity: Arc<Identity>,
    pub(super) load: Arc<Load>,
    /// Where a connection that turns into a WebSocket is left for its task.
    pub(super) upgrade: Slot,
}

impl Desk {
    /// Answers one request.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        let head_only = request.method() == Method::HEAD;
        let mut response = self.respond(request).await;
        if head_only {
            // The length is that of the body a GET would have brought (RFC 9110, section 9.3.2).
            let length = HeaderValue::from(response.body().left());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            *response.body_mut() = Answer::whole("");
        }
        response.headers_mut().insert(REGION, self.identity.region_header.clone());
        response.headers_mut().insert(ADDRESS, self.identity.address_header.clone());
        response
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Answer> {
        let wish = match path::read(request.uri().path()) {
            Ok(Wish::Health) => return self.health(request.method()),
            Ok(wish) => wish,
            Err(reason) => return note(StatusCode::BAD_REQUEST, Some(&reason)),
        };
        let place = self.load.enter();
        if wish == Wish::Socket {
            return self.upgrade(request, place).await;
        }
        let (head, body) = request.into_parts();
        let length = match length(body).await {
            Ok(length) => length,
            Err(refusal) => return refusal,
        };
        self.wait(wish).await;
        let response = match wish {
            Wish::Status(code) => {
                note(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), None)
            }
            Wish::Bytes(length) => with_type(Response::new(Answer::repeated(length)), BINARY),
            _ => self.echo(&head, length, place.position()),
        };
        response.map(|body| body.counted(place))
    }

    async fn wait(&self, wish: Wish) {
        let asked = if let Wish::Delay(delay) = wish { delay } else { Duration::ZERO };
        let delay = self.identity.delay.saturating_add(asked);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    fn echo(&self, head: &Parts, body_length: u64, in_flight: u64) -> Response<Answer> {
        json(
            StatusCode::OK,
            &Echo {
                method: head.method.as_str(),
                path: head.uri.path(),
                query: head.uri.query(),
                version: echo::version(head.version),
                authority: echo::authority(head),
                headers: echo::headers(head),
                body_length,
                region: &self.identity.region,
                address: self.identity.address.to_string(),
                in_flight,
            },
        )
    }

    fn health(&self, method: &Method) -> Response<Answer> {
        if method != Method::GET && method != Method::HEAD {
            let mut refusal = note(StatusCode::METHOD_NOT_ALLOWED, None);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        json(
            StatusCode::OK,
            &Health {
                healthy: true,
                region: &self.identity.region,
                address: self.identity.address.to_string(),
                in_flight: self.load.in_flight(),
                most_in_flight: self.load.most_in_flight(),
                total: self.load.total(),
            },
        )
    }

    async fn upgrade(&self, mut request: Request<Incoming>, place: Place) -> Response<Answer> {
        self.wait(Wish::Socket).await;
        match socket::accept(&request) {
            Ok(response) => {
                self.upgrade.leave(hyper::upgrade::on(&mut request), place);
                response.map(|()| Answer::whole(""))
            }
            Err(reason) => {
                let mut refusal = note(StatusCode::UPGRADE_REQUIRED, Some(reason));
                refusal
                    .headers_mut()
                    .insert(http::header::UPGRADE, HeaderValue::from_static("websocket"));
                refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
                refusal.map(|body| body.counted(place))
            }
        }
    }
}

/// Reads a request's body to its end and tells its length; trailers do not count.
async fn length(mut body: Incoming) -> Result<u64, Response<Answer>> {
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(note(
                StatusCode::BAD_REQUEST,
                Some("the body could not be read to its end"),
            ));
        };
        let piece = frame.data_ref().map_or(0, bytes::Bytes::len);
        length = length.saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
        if length > MAX_BODY {
            return Err(note(StatusCode::PAYLOAD_TOO_LARGE, None));
        }
    }
    Ok(length)
}

/// A short answer. The statuses that must not carry a body do not (RFC 9110, section 6.4.1 and 15.3.6).
fn note(status: StatusCode, reason: Option<&str>) -> Response<Answer> {
    if matches!(status.as_u16(), 204 | 205 | 304) {
        let mut response = Response::new(Answer::whole(""));
        *response.status_mut() = status;
        return response;
    }
    json(status, &Note { status: status.as_u16(), reason })
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Answer> {
    let mut response = with_type(Response::new(Answer::whole(echo::line(value))), JSON);
    *response.status_mut() = status;
    response
}

fn with_type(mut response: Response<Answer>, kind: HeaderValue) -> Response<Answer> {
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
