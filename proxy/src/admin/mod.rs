//! The admin API: reads a snapshot, asks `reload`, and never reaches into `serve`.

mod access;
mod cache;
mod events;
mod explain;
mod instances;
mod listen;
mod plugins;
mod reload;
mod status;

pub(crate) use listen::Admin;

use crate::reload::Reloader;
use crate::serve::Stage;
use crate::shared::Shared;
use access::Access;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// An answer of the admin API.
type Answer = Response<Either<Full<Bytes>, events::Stream>>;

/// What the endpoints need.
pub(crate) struct State {
    reloader: Arc<Reloader>,
    shared: Arc<Shared>,
    stage: watch::Receiver<Stage>,
    access: Access,
    /// Places for those who listen to events.
    listeners: Arc<Semaphore>,
}

impl State {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let live = path == "/live" || path == "/ready";
        if !live && let Err(refusal) = self.access.check(request.headers()) {
            return *refusal;
        }
        let method = request.method().clone();
        match (&method, path.as_str()) {
            (&Method::GET, "/live") => text(StatusCode::OK, "live\n"),
            (&Method::GET, "/ready") => self.ready(),
            (&Method::GET, "/metrics") => self.metrics(),
            (&Method::GET, "/events") => events::events(&self),
            (&Method::GET, "/status") => json(StatusCode::OK, &status::status(&self)),
            (&Method::POST, "/reload") => reload::reload(self, request.uri().query()).await,
            (&Method::POST, "/reload/back") => reload::back(self).await,
            (&Method::POST, "/explain") => explain::explain(self, request.into_body()).await,
            (&Method::POST, _) if path.starts_with("/plugins/") => {
                let query = request.uri().query().map(str::to_owned);
                let (path, body) = (&path["/plugins/".len()..], request.into_body());
                plugins::change(self, path, query.as_deref(), body).await
            }
            (&Method::PUT | &Method::DELETE, _) if path.starts_with("/services/") => {
                instances::change(self, &method, &path, request.into_body()).await
            }
            (&Method::DELETE, "/cache") => cache::purge(self, request.uri().query()).await,
            (_, "/cache") => not_allowed("DELETE"),
            (_, "/live" | "/ready" | "/metrics" | "/status" | "/events") => not_allowed("GET"),
            (_, "/reload" | "/reload/back" | "/explain") => not_allowed("POST"),
            _ if path.starts_with("/plugins/") => not_allowed("POST"),
            _ if path.starts_with("/services/") => not_allowed("PUT, DELETE"),
            _ => problem(StatusCode::NOT_FOUND, "no such path; see the admin API in the README"),
        }
    }

    fn ready(&self) -> Answer {
        match *self.stage.borrow() {
            Stage::Serving => match self.shared.load.refuses() {
                None => text(StatusCode::OK, "ready\n"),
                Some(fault) => {
                    let told = format!("overloaded: {fault}\n");
                    with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain", told)
                }
            },
            Stage::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        }
    }

    fn metrics(&self) -> Answer {
        self.shared.telemetry.requests_in_flight(self.shared.load.in_flight());
        let (held, kept) = (self.shared.bodies.held(), self.shared.cache.bytes());
        let disk = self.shared.cache.disk();
        match self.shared.telemetry.scrape(&self.shared.snapshot(), held, kept, disk) {
            Ok(page) => with_type(StatusCode::OK, "text/plain; version=0.0.4", page),
            Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
}

fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    with_type(status, "text/plain", body)
}

fn json(status: StatusCode, value: &Value) -> Answer {
    with_type(status, "application/json", format!("{value:#}\n"))
}

fn problem(status: StatusCode, message: &str) -> Answer {
    json(status, &serde_json::json!({ "error": message }))
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, &format!("use {allow}"));
    answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
    answer
}
