//! `POST /plugins/NAME`: the body becomes that plugin, now, or is first put beside it: `?shadow=1m` shows it
//! copies, `?canary=5%&for=5m` gives it a share. `POST /plugins/NAME/back` undoes the last of these.

use super::{Answer, State, problem, reload};
use crate::reload::Change;
use crate::rollout::RolloutPlan;
use crate::snapshot::MAX_PLUGIN;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// For the whole upload.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// `path` is what follows `/plugins/`.
pub(super) async fn change(
    state: Arc<State>,
    path: &str,
    query: Option<&str>,
    body: Incoming,
) -> Answer {
    match (path.strip_suffix("/back"), query) {
        (Some(name), None) => {
            reload::carry_out(state, Change::PluginBack { name: name.to_owned() }).await
        }
        (Some(_), Some(_)) => problem(StatusCode::BAD_REQUEST, "there are no parameters here"),
        (None, query) => match plan(query.unwrap_or_default()) {
            Ok(plan) => swap(state, path, plan, body).await,
            Err(help) => problem(StatusCode::BAD_REQUEST, &help),
        },
    }
}

async fn swap(state: Arc<State>, name: &str, plan: Option<RolloutPlan>, body: Incoming) -> Answer {
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
    let bytes = bytes.to_vec().into();
    let change = match plan {
        None => Change::Plugin { name, bytes },
        Some(plan) => Change::Rollout { name, bytes, plan },
    };
    reload::carry_out(state, change).await
}

/// The parameters of a rollout, each at most once.
fn plan(query: &str) -> Result<Option<RolloutPlan>, String> {
    let (mut shadow, mut canary, mut lasts) = (None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "shadow" => &mut shadow,
            "canary" => &mut canary,
            "for" => &mut lasts,
            _ => {
                return Err(format!(
                    "there is no parameter `{name}`; there are shadow=1m, or canary=5% with for=5m"
                ));
            }
        };
        // A percent sign is written %25, and nobody minds who forgets it.
        if place.replace(value.replace("%25", "%")).is_some() {
            return Err(format!("`{name}` is there twice"));
        }
    }
    RolloutPlan::read(shadow.as_deref(), canary.as_deref(), lasts.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_one_thing() {
        assert_eq!(plan(""), Ok(None));
        for good in ["shadow=1m", "canary=5%25&for=1m", "canary=5%", "for=1m&canary=5"] {
            assert!(matches!(plan(good), Ok(Some(_))), "{good}");
        }
        for bad in ["shadow", "shadow=1m&shadow=2m", "shadow=1m&canary=5%", "canary=5&until=1m"] {
            assert!(plan(bad).is_err(), "{bad}");
        }
    }
}
