//! `POST /reload` and `POST /reload/back`.

use super::{Answer, State, json, problem};
use crate::reload::{Change, Outcome};
use crate::snapshot::Rejection;
use http::StatusCode;
use std::sync::Arc;

/// Reloads from the files; with `?dry-run` only tells what that would do.
pub(super) async fn reload(state: Arc<State>, query: Option<&str>) -> Answer {
    match query {
        None => carry_out(state, Change::FromFile).await,
        Some("dry-run") => blocking(move || state.reloader.dry_run()).await,
        Some(_) => problem(StatusCode::BAD_REQUEST, "the only parameter is `dry-run`"),
    }
}

/// Goes back to what ran before the last swap.
pub(super) async fn back(state: Arc<State>) -> Answer {
    carry_out(state, Change::Back).await
}

/// Asks for `change` and tells what came of it: 200, or 422 with every problem.
pub(super) async fn carry_out(state: Arc<State>, change: Change) -> Answer {
    blocking(move || state.reloader.apply(change)).await
}

async fn blocking(work: impl FnOnce() -> Result<Outcome, Rejection> + Send + 'static) -> Answer {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(outcome)) => json(StatusCode::OK, &serde_json::json!(outcome)),
        Ok(Err(rejection)) => json(StatusCode::UNPROCESSABLE_ENTITY, &rejection.json()),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the reload broke off"),
    }
}
