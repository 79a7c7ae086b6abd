//! `POST /plugins/NAME`: the body becomes that plugin, now.

use super::{Answer, State, problem, reload};
use crate::reload::Change;
use crate::snapshot::MAX_PLUGIN;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// For the whole upload.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn swap(state: Arc<State>, name: &str, body: Incoming) -> Answer {
    let name = name.to_owned();
    let upload = Limited::new(body, MAX_PLUGIN as usize).collect();
    let bytes = match tokio::time::timeout(UPLOAD_TIMEOUT, upload).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return problem(StatusCode::BAD_REQUEST, &format!("the body: {error}")),
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in 60 s"),
    };
    if bytes.is_empty() {
        let help =
            format!("the body is empty; try: curl --data-binary @{name}.wasm …/plugins/{name}");
        return problem(StatusCode::BAD_REQUEST, &help);
    }
    reload::carry_out(state, Change::Plugin { name, bytes: bytes.to_vec().into() }).await
}
