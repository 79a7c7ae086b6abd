//! A plugin is asked about the requests that its attachment names, and about no other.

use crate::explain::FINE;
use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{H2, Hither, RawOrigin, Request};
use serde_json::json;

/// Method, path and tenant of a request, and whether the plugin is asked about it.
const REQUESTS: [(&str, &str, Option<&str>, bool); 9] = [
    ("GET", "/api/x?y=1", Some("acme"), true),
    ("PUT", "/api/", Some("acme"), true),
    // One place, however it is spelled.
    ("GET", "/%61pi/x", Some("acme"), true),
    ("GET", "/x/..//api/./y", Some("acme"), true),
    ("GET", "/api/../x", Some("acme"), false),
    ("GET", "/apix", Some("acme"), false),
    ("GET", "/x?/api/", Some("acme"), false),
    ("POST", "/api/x", Some("acme"), false),
    ("GET", "/api/x", None, false),
];

async fn edge(origin: &RawOrigin) -> Hither {
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"stamp\"]\n{}\
         [service.web.plugin.stamp]\n\
         when = {{ path = \"/api/*\", methods = [\"GET\", \"PUT\"], header = \"X-Tenant\" }}\n\
         [plugin.stamp]\nfile = \"stamp.wasm\"\n",
        instance("i0", origin.address(), "")
    );
    let stamp = std::fs::read(hither_guests::guest("stamp")).unwrap();
    Hither::builder(HITHER).config(config).file("stamp.wasm", stamp).start().await
}

#[tokio::test]
async fn a_plugin_is_asked_only_about_requests_that_its_condition_covers() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge(&origin).await;
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    for (method, path, tenant, asked) in REQUESTS {
        let mut request = Request::new(method, path);
        if let Some(tenant) = tenant {
            request = request.header("x-tenant", tenant);
        }
        for response in [edge.send(&request).await, h2.request(&request).await.unwrap()] {
            let response = response.expect_status(200);
            let received = origin.requests().pop().unwrap();
            let stamped = (received.header("x-build").is_some(), response.header("x-build"));
            assert_eq!(stamped.0, asked, "the request {method} {path}");
            assert_eq!(stamped.1.is_some(), asked, "the response to {method} {path}");
        }
    }
    // What was not asked about was not called: the metrics know two calls for each that was.
    let calls = REQUESTS.iter().filter(|(.., asked)| *asked).count() * 2;
    let metrics = edge.metrics().await;
    for hook in ["request-filter", "response-filter"] {
        let labels = [("plugin", "stamp"), ("hook", hook), ("outcome", "ok")];
        assert_eq!(metrics.value("hither_plugin_calls_total", &labels), Some(calls as f64));
    }
}

#[tokio::test]
async fn an_explanation_tells_which_plugin_was_passed_over_and_by_what() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge(&origin).await;
    for (arguments, part) in [
        (&["http://localhost/other", "-H", "x-tenant: acme"][..], Some("path")),
        (&["http://localhost/api/x"], Some("header")),
        (&["http://localhost/api/x", "-H", "x-tenant: acme", "-X", "POST"], Some("method")),
        (&["http://localhost/api/x", "-H", "x-tenant: acme"], None),
    ] {
        let admin = edge.admin().to_string();
        let all: Vec<_> = ["explain", "--admin", &admin].iter().chain(arguments).copied().collect();
        let told = edge.command(&all).await.stdout;
        let asked = !told.contains("stamp  is not asked") && told.contains("response-filter");
        assert_eq!(asked, part.is_none(), "{told}");
        if let Some(part) = part {
            let words = format!("is not asked: the {part} is not in its `when`");
            assert!(told.contains(&words), "{told}");
            assert!(!told.contains("response-filter"), "{told}");
        }
    }
    let question = json!({ "method": "POST", "url": "http://localhost/api/x" });
    let answer = edge.ask(&Request::post("/explain", question.to_string())).await;
    let answer = answer.expect_status(200).json();
    let call = &answer["plugins"][0];
    assert_eq!((&call["verdict"], &call["part"]), (&json!("not_asked"), &json!("method")));
}

#[tokio::test]
async fn a_condition_changes_by_a_reload_without_loading_the_plugin_anew() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge(&origin).await;
    let revision = |status: &serde_json::Value| status["plugins"][0]["revision"].as_u64();
    let before = edge.status_when(SOON, "a revision", revision).await;
    let text = std::fs::read_to_string(edge.config_path()).unwrap();
    edge.write_config(&text.replace("/api/*", "/other"));
    edge.reload().await.expect_status(200);
    let request = |path: &str| Request::get(path).header("x-tenant", "acme");
    assert!(edge.send(&request("/api/x")).await.header("x-build").is_none());
    assert!(edge.send(&request("/other")).await.header("x-build").is_some());
    assert_eq!(edge.status_when(SOON, "a revision", revision).await, before);
}
