//! What is kept outlives swaps, and goes when who runs the edge says so.

use super::{is_forwarded, is_hit, ok, origin};
use crate::support::{LISTENER, instance};
use hither_harness::Request;

const FRESH: &str = "cache-control: max-age=600\r\n";

#[tokio::test]
async fn what_is_kept_survives_a_reload_and_not_its_service() {
    let origin = origin(|_| ok(FRESH, "hello")).await;
    let config = |cache: &str, more: &str| {
        let instance = instance("one", origin.address(), "");
        format!("{LISTENER}[service.web]\nmax_body = \"1MiB\"\n{cache}\n{instance}{more}")
    };
    let on = "[service.web.cache]";
    let edge = hither_harness::Hither::builder(crate::support::HITHER)
        .config(config(on, ""))
        .start()
        .await;
    edge.get("/a").await.expect_status(200);
    edge.write_config(&config(on, "[cache]\nmemory = \"64MiB\"").replace("1MiB", "2MiB"));
    edge.reload().await.expect_status(200);
    is_hit(&edge.get("/a").await);
    // Off, and on again: what was kept is gone.
    edge.write_config(&config("", ""));
    edge.reload().await.expect_status(200);
    assert!(edge.get("/a").await.header("cache-status").is_none());
    edge.write_config(&config(on, ""));
    edge.reload().await.expect_status(200);
    is_forwarded(&edge.get("/a").await, "uri-miss");
    is_hit(&edge.get("/a").await);
}

/// Pages with two tags, one field for each.
async fn tagged() -> (hither_harness::RawOrigin, hither_harness::Hither) {
    let origin = origin(|request| {
        let tags = format!("cache-tag: all\r\nsurrogate-key: page:{} x\r\n", &request.target[1..]);
        ok(&format!("{FRESH}{tags}vary: accept-language\r\n"), "hello")
    })
    .await;
    let edge = super::before(&origin, "").await;
    for path in ["/a", "/b", "/c?d=e"] {
        for language in ["de", "en"] {
            let ask = Request::get(path).host("x.example").header("accept-language", language);
            let answer = edge.send(&ask).await.expect_status(200);
            assert!(answer.header("cache-tag").is_none(), "for us alone: {}", answer.head.headers);
            assert!(answer.header("surrogate-key").is_none(), "{}", answer.head.headers);
        }
    }
    (origin, edge)
}

async fn purged(edge: &hither_harness::Hither, query: &str) -> u64 {
    let answer = edge.ask(&Request::new("DELETE", &format!("/cache?{query}"))).await;
    answer.expect_status(200).json()["purged"].as_u64().expect("a number")
}

#[tokio::test]
async fn purges_by_url_tag_and_service_take_all_variants_and_say_how_many() {
    let (_origin, edge) = tagged().await;
    let hit = async |path: &str| {
        let ask = Request::get(path).host("x.example").header("accept-language", "en");
        super::told(&edge.send(&ask).await).contains("; hit;")
    };
    assert_eq!(purged(&edge, "url=http%3A%2F%2Fx.example%2Fc%3Fd%3De").await, 2);
    assert_eq!(purged(&edge, "url=http://other.example/a").await, 0);
    assert!(!hit("/c?d=e").await && hit("/a").await && hit("/b").await);
    assert_eq!(purged(&edge, "tag=page:a").await, 2);
    assert!(!hit("/a").await && hit("/b").await);
    assert_eq!(purged(&edge, "service=web").await, 4);
    assert!(!hit("/b").await);
    for bad in ["", "?url=/a", "?url=x&tag=y", "?all"] {
        edge.ask(&Request::new("DELETE", &format!("/cache{bad}"))).await.expect_status(400);
    }
    edge.ask(&Request::new("DELETE", "/cache?service=none")).await.expect_status(404);
    edge.ask(&Request::get("/cache")).await.expect_status(405);
}

#[tokio::test]
async fn the_command_purges_too() {
    let (_origin, edge) = tagged().await;
    let admin = edge.admin().to_string();
    let ended =
        edge.command(&["purge", "--admin", &admin, "--url", "http://x.example/c?d=e"]).await;
    assert_eq!(ended.stdout, "purged: 2\n", "{ended:?}");
    let ended = edge.command(&["purge", "--admin", &admin, "--tag", "all"]).await;
    assert_eq!(ended.stdout, "purged: 4\n", "{ended:?}");
    let ended = edge.command(&["purge", "--admin", &admin, "--service", "none"]).await;
    assert!(ended.stderr.contains("no service"), "{ended:?}");
}

#[tokio::test]
async fn what_is_purged_while_it_is_fetched_is_not_kept() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let origin = hither_harness::RawOrigin::start(move |mut connection| {
        let mut wait = wait.clone();
        async move {
            while connection.read_request().await?.is_some() {
                let head = format!("HTTP/1.1 200 OK\r\n{FRESH}content-length: 4\r\n\r\nol");
                connection.write(head).await?;
                let _ = wait.wait_for(|go| *go).await;
                connection.write("d!").await?;
            }
            Ok(())
        }
    })
    .await;
    let edge = super::before(&origin, "").await;
    let mut client = edge.connect().await;
    client.send("GET /a HTTP/1.1\r\nhost: x.example\r\n\r\n").await.expect("sent");
    client.read_head().await.expect("a head");
    purged(&edge, "service=web").await;
    go.send_replace(true);
    let again = edge.send(&Request::get("/a").host("x.example")).await;
    is_forwarded(&again, "uri-miss");
    assert_eq!(again.text(), "old!");
}

/// Two services whose answers bear the same tag; the plugin is attached to the first alone.
async fn with_a_plugin_that_purges() -> (hither_harness::RawOrigin, hither_harness::Hither) {
    let origin = origin(|_| ok(&format!("{FRESH}cache-tag: all\r\n"), "hello")).await;
    let service = |name: &str, more: &str| {
        let instance = instance("one", origin.address(), "")
            .replace("service.web", &format!("service.{name}"));
        format!("[service.{name}]\n{more}\n[service.{name}.cache]\n{instance}")
    };
    let config = format!(
        "{LISTENER}{}{}[plugin.purging]\nfile = \"purging.wasm\"\ngrants = [\"cache-control\"]\ntime = \"500ms\"\n",
        service("web", "plugins = [\"purging\"]"),
        service("shop", "hosts = [\"shop.example\"]"),
    );
    let edge = hither_harness::Hither::builder(crate::support::HITHER)
        .config(config)
        .file(
            "purging.wasm",
            std::fs::read(hither_guests::guest("purging")).expect("the guest was just built"),
        )
        .start()
        .await;
    (origin, edge)
}

async fn says(edge: &hither_harness::Hither, path: &str) -> String {
    edge.get(path).await.expect_status(200).text().to_owned()
}

#[tokio::test]
async fn a_plugin_purges_by_tag_and_url_what_its_services_keep_and_nothing_else() {
    let (_origin, edge) = with_a_plugin_that_purges().await;
    let get = async |host: &str, path: &str| {
        let ask = Request::get(path).host(host);
        super::told(&edge.send(&ask).await.expect_status(200)).contains("; hit;")
    };
    for (host, path) in [("a.example", "/a"), ("a.example", "/b"), ("shop.example", "/a")] {
        assert!(!get(host, path).await);
        assert!(get(host, path).await);
    }
    assert_eq!(says(&edge, "/purge-url?http://shop.example/a").await, "false");
    assert_eq!(says(&edge, "/purge-url?http://a.example/b").await, "true");
    assert_eq!(
        says(&edge, "/purge-url?/b").await,
        "refused: \"/b\" is not a URL as http://HOST/PATH"
    );
    assert!(!get("a.example", "/b").await && get("a.example", "/a").await);
    assert_eq!(says(&edge, "/purge-tag?all").await, "2");
    assert_eq!(says(&edge, "/purge-tag?all").await, "0");
    assert!(!get("a.example", "/a").await && !get("a.example", "/b").await);
    assert!(get("shop.example", "/a").await, "another service's");
}

/// So many are purged beside the call, whose thread has other requests to serve.
#[tokio::test]
async fn a_plugin_purges_very_many_in_a_moment() {
    const MANY: usize = 1100;
    let (_origin, edge) = with_a_plugin_that_purges().await;
    let mut client = edge.connect().await;
    for number in 0..MANY {
        let answer = client.get(&format!("/{number}")).await.expect("an answer");
        is_forwarded(&answer, "uri-miss");
    }
    assert_eq!(says(&edge, "/purge-tag?all").await, MANY.to_string());
    hither_harness::eventually(crate::support::SOON, "nothing to be kept", || async {
        let kept = edge.status().await["cache"]["entries"].as_u64();
        if kept == Some(0) { Ok(()) } else { Err(format!("{kept:?} are kept")) }
    })
    .await;
    is_forwarded(&edge.get("/7").await, "uri-miss");
}
