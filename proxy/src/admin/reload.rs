//! `POST /reload` and `POST /reload/back`.

use super::{Answer, State, json, problem};
use crate::reload::{Change, Outcome};
use crate::snapshot::Rejection;
use http::StatusCode;
use std::sync::Arc;

/// Reloads from the files; with `?dry-run` only tells what that would do.
pub(super) async fn reload(state: Arc<State>, query: Option<&str>) -> Answer {
    match query {
        None => answer(state.reloader.reload().await),
        Some("dry-run") => answer(state.reloader.try_out().await),
        Some(_) => problem(StatusCode::BAD_REQUEST, "the only parameter is `dry-run`"),
    }
}

/// Goes back to what ran before the last swap.
pub(super) async fn back(state: Arc<State>) -> Answer {
    carry_out(state, Change::Back).await
}

/// Asks for `change` and tells what came of it: 200, or 422 with every problem.
pub(super) async fn carry_out(state: Arc<State>, change: Change) -> Answer {
    answer(state.reloader.carry_out(change).await)
}

fn answer(outcome: Option<Result<Outcome, Rejection>>) -> Answer {
    match outcome {
        Some(Ok(outcome)) => json(StatusCode::OK, &serde_json::json!(outcome)),
        Some(Err(rejection)) => json(StatusCode::UNPROCESSABLE_ENTITY, &rejection.json()),
        None => problem(StatusCode::INTERNAL_SERVER_ERROR, "the reload broke off"),
    }
}
