//! Which service a request is for: the most exact host, then the longest path prefix, however the path is spelt.

use crate::support::{HITHER, LISTENER};
use hither_harness::{H2, Hither, RawOrigin, Request};
use std::fmt::Write;

struct Scene {
    edge: Hither,
    origins: Vec<(&'static str, RawOrigin)>,
}

/// Services, each with an origin that answers with its name.
async fn scene(services: &[(&'static str, &str)]) -> Scene {
    let (mut config, mut origins) = (LISTENER.to_owned(), Vec::new());
    for (name, settings) in services {
        let length = name.len();
        let origin = RawOrigin::answering(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}"
        ));
        let origin = origin.await;
        let address = origin.address();
        let _ = write!(
            config,
            "[service.{name}]\n{settings}\n[[service.{name}.instance]]\nid = \"one\"\naddress = \"{address}\"\nrtt = \"1ms\"\n"
        );
        origins.push((*name, origin));
    }
    Scene { edge: Hither::builder(HITHER).config(config).start().await, origins }
}

impl Scene {
    /// The service that answers, or the reason of the refusal.
    async fn who(&self, host: &str, target: &str) -> String {
        let answer = self.edge.send(&Request::get(target).host(host)).await;
        match answer.status() {
            200 => answer.text(),
            status => format!("{status} {}", answer.json()["reason"].as_str().unwrap()),
        }
    }

    async fn all(&self, cases: &[(&str, &str, &str)]) {
        for (host, target, expected) in cases {
            assert_eq!(self.who(host, target).await, *expected, "{host} {target}");
        }
    }

    fn last_target(&self, name: &str) -> String {
        let (_, origin) = self.origins.iter().find(|(service, _)| *service == name).unwrap();
        origin.requests().last().unwrap().target.clone()
    }
}

#[tokio::test]
async fn the_most_exact_host_wins() {
    let scene = scene(&[
        ("any", ""),
        ("exact", "hosts = [\"example.com\"]"),
        ("under", "hosts = [\"*.example.com\"]"),
        ("deeper", "hosts = [\"*.eu.example.com\", \"other.example\"]"),
    ])
    .await;
    scene
        .all(&[
            ("example.com", "/", "exact"),
            ("EXAMPLE.com", "/", "exact"),
            ("example.com:8080", "/", "exact"),
            ("example.com.", "/", "exact"),
            ("www.example.com", "/", "under"),
            ("a.b.example.com", "/", "under"),
            ("a.eu.example.com", "/", "deeper"),
            ("other.example", "/", "deeper"),
            ("notexample.com", "/", "any"),
            ("example.com.evil.example", "/", "any"),
            ("127.0.0.1", "/", "any"),
            ("[::1]:80", "/", "any"),
        ])
        .await;
}

#[tokio::test]
async fn the_longest_prefix_wins_by_whole_segments() {
    let scene = scene(&[
        ("root", "hosts = [\"a.example\"]"),
        ("api", "hosts = [\"a.example\"]\npath_prefix = \"/api\""),
        ("users", "hosts = [\"a.example\"]\npath_prefix = \"/api/users\""),
        ("any", "path_prefix = \"/api/users/deep\""),
    ])
    .await;
    scene
        .all(&[
            ("a.example", "/", "root"),
            ("a.example", "/apix", "root"),
            ("a.example", "/API", "root"),
            ("a.example", "/api", "api"),
            ("a.example", "/api/", "api"),
            ("a.example", "/api?x=/api/users", "api"),
            ("a.example", "/api/usersx", "api"),
            ("a.example", "/api/users/7", "users"),
            // A host of its own comes before a longer prefix of any host.
            ("a.example", "/api/users/deep", "users"),
            ("b.example", "/api/users/deep", "any"),
        ])
        .await;
}

#[tokio::test]
async fn a_path_spelt_otherwise_cannot_dodge_a_prefix() {
    let scene = scene(&[("public", ""), ("admin", "path_prefix = \"/admin\"")]).await;
    for target in [
        "/admin",
        "/admin/x",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/%61dmin",
        "/%61%64%6D%69%6e",
        "/x/%2e%2e/admin",
        "/x/.%2E/admin",
        "/%2e/admin",
        "/public/..//./admin/x",
        "/admin?x",
    ] {
        assert_eq!(scene.who("localhost", target).await, "admin", "{target}");
        // It is only matched so: the instance gets what was sent.
        assert_eq!(scene.last_target("admin"), target);
    }
    for target in ["/adminx", "/ADMIN", "/x/admin", "/admin/../x", "/?/admin"] {
        assert_eq!(scene.who("localhost", target).await, "public", "{target}");
    }
    // Above the root there is nothing, and a broken escape has no meaning.
    for target in ["/..", "/x/../../admin", "/%2e%2e/admin", "/%", "/%zz/admin", "/%4"] {
        assert_eq!(scene.who("localhost", target).await, "400 bad_target", "{target}");
    }
}

#[tokio::test]
async fn an_absolute_target_is_routed_by_its_host_and_sent_on_without_it() {
    let scene =
        scene(&[("any", ""), ("exact", "hosts = [\"a.example\"]\npath_prefix = \"/x\"")]).await;
    scene.all(&[("a.example", "http://a.example/x/y?z", "exact")]).await;
    assert_eq!(scene.last_target("exact"), "/x/y?z");
    scene.all(&[("a.example", "http://a.example", "any")]).await;
    assert_eq!(scene.last_target("any"), "/");
}

#[tokio::test]
async fn a_request_for_no_service_is_answered_404() {
    let scene = scene(&[("one", "hosts = [\"a.example\"]\npath_prefix = \"/x\"")]).await;
    for (host, target) in [("b.example", "/x"), ("a.example", "/"), ("sub.a.example", "/x")] {
        let answer = scene.edge.send(&Request::get(target).host(host)).await.expect_status(404);
        let status = answer.header("proxy-status").unwrap();
        assert_eq!(status, "hither; error=destination_not_found; details=\"no_route\"");
        assert_eq!(answer.json()["reason"], "no_route");
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(scene.origins[0].1.accepted(), 0);
    scene.all(&[("a.example", "/x", "one")]).await;
}

#[tokio::test]
async fn http2_is_routed_by_its_authority() {
    let scene =
        scene(&[("any", ""), ("exact", "hosts = [\"a.example\"]\npath_prefix = \"/x\"")]).await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    for (host, target, expected) in [
        ("a.example", "/x", "exact"),
        ("A.example:1", "/y/../x", "exact"),
        ("b.example", "/x", "any"),
    ] {
        let answer = client.request(&Request::get(target).host(host)).await.unwrap();
        assert_eq!(answer.expect_status(200).text(), expected, "{host} {target}");
    }
}
