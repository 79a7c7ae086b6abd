//! A plugin that an ordinary toolchain made loads without a grant, and WASI gives it nothing but the time
//! and chance.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hither_plugin_host::{Failure, Level, LoadError, Problem, Spec};

use crate::scene::{ask, host, metadata, refused, revision, spec};

fn without_grants() -> Spec {
    Spec { grants: vec![], ..spec("wasi") }
}

#[test]
fn wasi_needs_no_grant_and_gives_nothing() {
    let (host, _) = host();
    let revision = revision(&host, without_grants());
    let said = metadata(&ask(&revision, "/nothing"), "said");
    let (streams, sockets) = said.split_at(said.find(" None Err").expect("no terminal"));
    assert_eq!(streams, "[] [] None [] Err(StreamError::Closed)", "{said}");
    assert_eq!(sockets.matches("access-denied").count(), 2, "{said}");
}

#[test]
fn a_wait_is_over_at_once() {
    let (host, _) = host();
    let revision = revision(&host, without_grants());
    let begin = Instant::now();
    assert_eq!(metadata(&ask(&revision, "/wait"), "said"), "[0, 1] true");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn clocks_and_random_bytes_are_real() {
    let (host, _) = host();
    let revision = revision(&host, without_grants());
    let said: u64 = metadata(&ask(&revision, "/time"), "said").parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(said) < 60, "{said} is not {now}");
    assert_eq!(metadata(&ask(&revision, "/random"), "said"), "32 true");
}

#[test]
fn what_it_prints_goes_to_its_log_line_by_line() {
    let (host, world) = host();
    let revision = revision(&host, without_grants());
    ask(&revision, "/print");
    let line = |level, text: &str| (level, text.to_owned(), vec![], 0);
    assert_eq!(
        *world.lines.lock(),
        [
            line(Level::Info, "to standard output"),
            line(Level::Warn, "a\\u{1b}[31m warning"),
            line(Level::Info, "and more"),
        ]
    );
}

#[test]
fn who_prints_much_is_kept_to_the_rate_of_its_log() {
    let (host, world) = host();
    let revision = revision(&host, without_grants());
    ask(&revision, "/flood");
    // A second may have turned between.
    let lines = world.lines.lock().len();
    assert!((100..=200).contains(&lines), "{lines} lines passed");
}

#[test]
fn a_plugin_that_ends_itself_fails_with_its_last_words() {
    let (host, _) = host();
    let revision = revision(&host, without_grants());
    let Err(Failure::Trap(why)) = ask(&revision, "/exit").outcome else { panic!("it lives on") };
    assert!(why.contains("exit code 1"), "{why}");
    assert!(why.ends_with("it printed: I have had enough"), "{why}");
    // The next call has a fresh instance.
    assert_eq!(metadata(&ask(&revision, "/random"), "said"), "32 true");
}

#[test]
fn wasi_cannot_be_used_to_fill_the_host() {
    let (host, _) = host();
    let revision = revision(&host, without_grants());
    let hoard = ask(&revision, "/hoard").outcome;
    assert!(matches!(hoard, Err(Failure::InvalidOutput(_) | Failure::Trap(_))), "{hoard:?}");
    let much = ask(&revision, "/much-random").outcome;
    assert!(matches!(&much, Err(Failure::Trap(why)) if why.contains("random")), "{much:?}");
    assert_eq!(ask(&revision, "/often").outcome, Err(Failure::HostCalls));
}

#[test]
fn a_module_for_programs_is_refused_with_the_way_to_make_a_plugin_of_it() {
    let (host, _) = host();
    // (module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))
    let mut module = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x02\x26\x01\x16".to_vec();
    module.extend(b"wasi_snapshot_preview1\x0bsched_yield\0\0");
    let error = refused(&host, Spec::new("program", module));
    assert!(matches!(&error, LoadError::Refused(all) if *all == [Problem::Preview1]), "{error:?}");
    assert!(error.to_string().contains("hither plugin build"), "{error}");
}
