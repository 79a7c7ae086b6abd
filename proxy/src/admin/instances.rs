//! `PUT` and `DELETE /services/S/instances/I`: add, change, drain and remove an instance at run time.
//!
//! What is said here stays over the file, also when that is read anew, until it is taken back or the
//! process ends.

use super::{Answer, State, json, problem};
use crate::upstream::{Done, Refusal};
use hither_config::{InstanceChange, Name};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// An instance with every label it may have is far smaller.
const MOST_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn change(
    state: Arc<State>,
    method: &Method,
    path: &str,
    body: Incoming,
) -> Answer {
    let Some((service, id)) = parts(path) else {
        return problem(StatusCode::NOT_FOUND, "the path is /services/NAME/instances/ID");
    };
    let Some(id) = Name::new(id) else {
        let help = format!("{id:?} is not an id: 1 to 64 of a-z, 0-9, dot, underscore and hyphen");
        return problem(StatusCode::BAD_REQUEST, &help);
    };
    let snapshot = state.shared.snapshot();
    let Some(service) = snapshot.service(service) else {
        let known: Vec<&str> = snapshot.services.iter().map(|service| &*service.name).collect();
        let help = format!("no service is called {service:?}; there are: {}", known.join(", "));
        return problem(StatusCode::NOT_FOUND, &help);
    };
    if service.component.is_some() {
        let help =
            format!("service {} has a component that answers, and no instances", service.name);
        return problem(StatusCode::CONFLICT, &help);
    }
    let fleet = service.fleet.clone();
    drop(snapshot);
    if *method == Method::DELETE {
        return answer(&id, fleet.remove(&id));
    }
    let body = Limited::new(body, MOST_BODY).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return problem(StatusCode::BAD_REQUEST, &format!("the body: {error}")),
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in 10 s"),
    };
    match InstanceChange::read(&body) {
        Ok(change) => answer(&id, fleet.put(&id, &change)),
        Err(report) => {
            let body = serde_json::json!({ "error": "invalid", "report": report });
            json(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
    }
}

/// The service and the instance of a path.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (service, id) = path.strip_prefix("/services/")?.split_once("/instances/")?;
    (!service.is_empty() && !id.is_empty() && !id.contains('/')).then_some((service, id))
}

fn answer(id: &Name, done: Result<Done, Refusal>) -> Answer {
    match done {
        Ok(done) => {
            let status = if done == Done::Added { StatusCode::CREATED } else { StatusCode::OK };
            json(status, &serde_json::json!({ "result": done.name(), "instance": id }))
        }
        Err(refusal) => {
            let status = match refusal {
                Refusal::NoAddress(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::AddressTaken { .. } => StatusCode::CONFLICT,
                Refusal::Unknown(_) => StatusCode::NOT_FOUND,
                Refusal::TooMany => StatusCode::INSUFFICIENT_STORAGE,
            };
            problem(status, &refusal.to_string())
        }
    }
}
