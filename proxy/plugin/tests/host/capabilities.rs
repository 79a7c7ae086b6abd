//! What a plugin may ask for is bounded, belongs to its name, and outlives its revisions where it
//! should.

use std::sync::Arc;
use std::time::Duration;

use std::collections::BTreeMap;

use hither_plugin_host::{
    Band, Budget, Failure, InstanceView, Lent, Level, RequestVerdict, Secret, Spec,
};

use crate::scene::{ask, host, load, metadata, one_config, revision, spec};

#[test]
fn a_line_reaches_the_log_and_cannot_forge_another() {
    let (host, world) = host();
    let revision = revision(&host, spec("capable"));
    ask(&revision, "/log");
    let lines = world.lines.lock();
    let field = ("name".to_owned(), "value\\nforged".to_owned());
    assert_eq!(*lines, [(Level::Warn, "hello\\nforged".to_owned(), vec![field], 0)]);
}

#[test]
fn lines_beyond_the_rate_are_dropped() {
    let (host, world) = host();
    let budget = Budget { log_lines: 3, ..spec("capable").budget };
    let revision = revision(&host, Spec { budget, ..spec("capable") });
    for _ in 0..20 {
        ask(&revision, "/log");
    }
    // A second may have turned between.
    let lines = world.lines.lock().len();
    assert!((3..=6).contains(&lines), "{lines} lines passed");
}

#[test]
fn metrics_arrive_and_wrong_ones_fail_the_call() {
    let (host, world) = host();
    let revision = revision(&host, spec("capable"));
    ask(&revision, "/metrics");
    assert_eq!(*world.metrics.lock(), [(0, 2.0), (1, 0.5), (2, 10.0)]);
    for path in ["/wrong-metric", "/nan"] {
        let outcome = ask(&revision, path).outcome;
        assert!(matches!(outcome, Err(Failure::InvalidOutput(_))), "{path}: {outcome:?}");
    }
    assert_eq!(world.metrics.lock().len(), 3);
}

#[test]
fn it_purges_by_tag_and_by_url_in_its_own_name() {
    let (host, world) = host();
    let revision = revision(&host, spec("purging"));
    let said = |path: &str| match ask(&revision, path).outcome {
        Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(said("/purge-tag?news"), "3");
    assert_eq!(said("/purge-url?http://a/b"), "true");
    assert_eq!(said("/purge-url?b"), "refused: not a URL");
    let asked = ["news", "http://a/b", "b"].map(|what| ("purging".to_owned(), what.to_owned()));
    assert_eq!(*world.purged.lock(), asked);
    let refused = "refused: a tag has 1 to 256 visible ASCII characters";
    let long = "t".repeat(257);
    for tag in ["", "two words", "a\n", "\u{e4}", &long] {
        assert_eq!(said(&format!("/purge-tag?{tag}")), refused, "{tag}");
    }
    let many = ask(&revision, "/purge-many?x").outcome;
    assert!(matches!(many, Err(Failure::HostCalls)), "{many:?}");
    assert_eq!(world.purged.lock().iter().filter(|(_, what)| what == "x").count(), 10_000);
}

#[test]
fn the_store_survives_a_swap_and_belongs_to_one_name() {
    let (host, _) = host();
    let count = |revision: &Arc<_>| metadata(&ask(revision, "/count"), "said");
    let first = revision(&host, spec("capable"));
    assert_eq!([count(&first), count(&first)], ["1", "2"]);
    // The new revision is there before the old one goes, as in a swap.
    let second = revision(&host, spec("capable"));
    drop(first);
    assert_eq!(count(&second), "3");
    let stranger = revision(&host, Spec { name: "stranger".to_owned(), ..spec("capable") });
    assert_eq!(count(&stranger), "1");
}

#[test]
fn the_store_is_bounded() {
    let (host, _) = host();
    let time = Duration::from_secs(10);
    let budget = Budget { store: 1 << 20, time, ..Budget::default() };
    let revision = revision(&host, Spec { budget, ..spec("capable") });
    assert!(metadata(&ask(&revision, "/fill"), "said").contains("Full"));
}

#[test]
fn instances_of_a_service_are_seen() {
    let (host, world) = host();
    let revision = revision(&host, spec("capable"));
    assert_eq!(metadata(&ask(&revision, "/instances"), "said"), "no service bears this name");
    let view = InstanceView {
        id: "a".to_owned(),
        region: "ams".to_owned(),
        healthy: true,
        band: Band::Open,
        in_flight: 1,
        soft_limit: 20,
        rtt: Some(Duration::from_millis(9)),
    };
    world.services.lock().insert("web".to_owned(), vec![view]);
    assert_eq!(metadata(&ask(&revision, "/instances"), "said"), "a@ams ");
}

#[test]
fn a_configuration_that_names_no_header_is_refused() {
    let (host, _) = host();
    let loaded = crate::scene::load(&host, spec("capable"));
    let text = loaded.configure(one_config(r#"{"header":"no header"}"#)).unwrap_err().to_string();
    assert!(text.contains("`header` must be a string"), "{text}");
}

#[test]
fn secrets_sign_and_compare_and_belong_to_whom_they_were_lent() {
    let (host, _) = host();
    let loaded = load(&host, spec("secretive"));
    let lent = |secret: &[u8]| Lent {
        secrets: BTreeMap::from([("signing".to_owned(), Secret::new(secret))]),
        ..Lent::default()
    };
    let say = |revision: &Arc<_>, path: &str| match ask(revision, path).outcome {
        Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
        other => panic!("{path}: {other:?}"),
    };
    let config = r#"{"sign":"what do ya want for nothing?"}"#;
    let jefe = loaded.configure_with(one_config(config), lent(b"Jefe")).unwrap();
    // RFC 4231 section 4.3.
    let signed = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(say(&jefe, "/sign/signing/what do ya want for nothing?"), signed);
    assert_eq!(say(&jefe, "/configured"), signed, "secrets are there when it is configured");
    assert_eq!(say(&jefe, "/equals/signing/Jefe"), "true");
    assert_eq!(say(&jefe, "/equals/signing/jefe"), "false");
    assert_eq!(say(&jefe, "/long/signing"), "more than 65536 bytes at once");

    let none = "this plugin was lent no secret of this name";
    assert_eq!(say(&jefe, "/sign/other/x"), none);
    let nothing = loaded.configure(one_config(config)).unwrap();
    assert_eq!(say(&nothing, "/sign/signing/x"), none, "another revision was lent nothing");
    let rotated = loaded.configure_with(one_config(config), lent(b"new")).unwrap();
    assert_eq!(say(&rotated, "/equals/signing/Jefe"), "false");
    assert_eq!(say(&jefe, "/equals/signing/Jefe"), "true", "the old revision keeps what it had");
}
