//! `POST /explain`: what a request would get, and why.

use super::{Answer, State, json, problem};
use crate::explain::{self, Question, Source};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// A whole request head is smaller.
const MOST_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn explain(state: Arc<State>, body: Incoming) -> Answer {
    let body = Limited::new(body, MOST_BODY).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return problem(StatusCode::BAD_REQUEST, &format!("the body: {error}")),
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in 10 s"),
    };
    let question: Question = match serde_json::from_slice(&body) {
        Ok(question) => question,
        Err(error) => {
            let help = format!("the body: {error}; try {{\"url\": \"http://example.com/\"}}");
            return problem(StatusCode::BAD_REQUEST, &help);
        }
    };
    let snapshot = state.shared.snapshot();
    // Plugins are called: this may take as long as their budgets, and what they wait for comes here.
    let runtime = tokio::runtime::Handle::current();
    let cache = state.shared.cache;
    let work =
        move || runtime.block_on(explain::explain(&snapshot, cache, &question, Source::Edge));
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(explanation)) => match serde_json::to_value(&explanation) {
            Ok(value) => json(StatusCode::OK, &value),
            Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        Ok(Err(bad)) => problem(StatusCode::BAD_REQUEST, &bad.to_string()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the explanation broke off"),
    }
}
