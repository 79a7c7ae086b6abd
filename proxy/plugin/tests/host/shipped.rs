//! The plugins of this repository load with no grants and do on the host what their tests say.

use hither_plugin_host::{ConfigureError, Host, ResponseVerdict, Routing, Spec};

use crate::scene::{Given, host, load, one_config, request, response};

fn shipped(host: &Host, name: &str) -> std::sync::Arc<hither_plugin_host::Loaded> {
    let bytes = std::fs::read(hither_guests::package(name)).expect("the plugin can be read");
    load(host, Spec::new(name, bytes))
}

#[test]
fn tenant_router_routes_by_the_configured_header() {
    let (host, _) = host();
    let config = r#"{"header":"x-org","tenants":{"acme":{"require":{"tier":"gold"}}}}"#;
    let revision = shipped(&host, "tenant-router").configure(one_config(config)).unwrap();
    let given = Given(vec![("header:x-org", "acme")]);
    let Ok(Routing::Route(target)) = revision.select(&request("/", &given)).outcome else {
        panic!("not routed");
    };
    assert_eq!(target.require, [("tier".to_owned(), "gold".to_owned())]);
    let other = Given(vec![("header:x-tenant", "acme")]);
    assert_eq!(revision.select(&request("/", &other)).outcome, Ok(Routing::Pass));
}

#[test]
fn headers_edits_responses_and_refuses_what_is_not_its_own() {
    let (host, _) = host();
    let loaded = shipped(&host, "headers");
    let config = r#"{"set":{"x-frame-options":"DENY"},"remove":["server"]}"#;
    let revision = loaded.configure(one_config(config)).unwrap();
    let report = revision.on_response(&response(&Given::default()), 0);
    let Ok(ResponseVerdict::Next(patch)) = report.outcome else { panic!("not changed") };
    assert_eq!(patch.edits.remove, ["server"]);
    assert_eq!(patch.edits.set[0].1, "DENY");
    let error = loaded.configure(one_config(r#"{"remove":["Host"]}"#)).unwrap_err();
    assert!(matches!(error, ConfigureError::Refused { config: 0, .. }), "{error:?}");
}
