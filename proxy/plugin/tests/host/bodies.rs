//! Bodies reach a plugin whole or in pieces, and what is kept meanwhile is bounded and given back.

use hither_plugin_host::{
    Bearer, BodyStream, Budget, ChunkVerdict, Failure, Isolation, LARGEST_CHUNK, Side, Spec,
    WholeVerdict,
};

use crate::scene::{host, load, one_config, revision, spec};

/// The deeds of the guest `bodies`, by their places in its list.
const UPPER: u8 = 1;
const TRAP: u8 = 5;
const HUGE: u8 = 7;
const ABORT: u8 = 8;
const COUNT: u8 = 10;

/// The guest reads what to do with a request's body from the second byte of the memo, with a response's
/// from the fourth.
fn bearer(request: u8, response: u8) -> Bearer {
    let memo = u64::from_le_bytes([0, request, 0, response, 0, 0, 0, 0]);
    Bearer { exchange: 7, config: 0, memo }
}

fn few(instances: usize) -> Spec {
    let spec = spec("bodies");
    Spec { budget: Budget { instances, ..spec.budget.clone() }, ..spec }
}

fn next(stream: &mut BodyStream, data: &[u8], last: bool) -> Result<ChunkVerdict, Failure> {
    stream.chunk(data, last).outcome
}

fn replaced(text: &str) -> Result<ChunkVerdict, Failure> {
    Ok(ChunkVerdict::Replace(text.as_bytes().to_vec()))
}

#[test]
fn a_whole_body_is_shown_and_replaced_on_both_sides() {
    let (host, _) = host();
    let revision = revision(&host, spec("bodies"));
    for (side, bearer) in [(Side::Request, bearer(UPPER, 0)), (Side::Response, bearer(0, UPPER))] {
        let Ok(WholeVerdict::Next { body, edits }) =
            revision.on_whole(side, bearer, b"abc").outcome
        else {
            panic!("it goes no further");
        };
        assert_eq!(body.as_deref(), Some(b"ABC".as_slice()));
        assert!(edits.is_empty());
    }
    let huge = revision.on_whole(Side::Request, bearer(HUGE, 0), b"abc").outcome;
    assert!(matches!(huge, Err(Failure::Memory | Failure::InvalidOutput(_))), "{huge:?}");
}

#[test]
fn streams_of_one_plugin_do_not_see_each_other() {
    let (host, _) = host();
    let revision = revision(&host, spec("bodies"));
    let mut first = revision.stream(Side::Request, bearer(COUNT, 0)).unwrap();
    let mut second = revision.stream(Side::Response, bearer(0, COUNT)).unwrap();
    let long = vec![0; LARGEST_CHUNK];
    assert_eq!(next(&mut first, b"a", false), replaced("[1:1]"));
    assert_eq!(next(&mut second, &long, false), replaced("[1:65536]"));
    assert_eq!(next(&mut first, b"bc", false), replaced("[2:2]"));
    assert_eq!(next(&mut second, b"", true), replaced("[2:0]"));
    assert_eq!(next(&mut first, b"", true), replaced("[3:0]"));
    // After the last piece there is nothing more.
    assert!(next(&mut first, b"x", false).is_err());
}

#[test]
fn at_most_half_of_the_instances_are_kept_by_bodies() {
    let (host, _) = host();
    let revision = revision(&host, few(4));
    let open = || revision.stream(Side::Request, bearer(COUNT, 0));
    let (one, mut two) = (open().unwrap(), open().unwrap());
    let refused = open().unwrap_err();
    assert!(matches!(refused, Failure::NoInstance(_)), "{refused:?}");
    // Left in the middle of a body, an instance is thrown away.
    assert_eq!(revision.instances(), 2);
    drop(one);
    assert_eq!(revision.instances(), 1);
    // At the end of one, it serves others.
    assert!(next(&mut two, b"", true).is_ok());
    drop(two);
    assert_eq!(revision.instances(), 1);
    let again = open().unwrap();
    assert_eq!(revision.instances(), 1);
    drop(again);
}

#[test]
fn a_stream_is_over_after_a_trap_or_an_abort() {
    let (host, _) = host();
    let revision = revision(&host, spec("bodies"));
    let mut trapping = revision.stream(Side::Request, bearer(TRAP, 0)).unwrap();
    assert!(matches!(next(&mut trapping, b"a", false), Err(Failure::Trap(_))));
    assert!(matches!(next(&mut trapping, b"b", false), Err(Failure::NoInstance(_))));
    let mut aborting = revision.stream(Side::Request, bearer(ABORT, 0)).unwrap();
    assert_eq!(next(&mut aborting, b"a", true), Ok(ChunkVerdict::Abort));
    assert!(next(&mut aborting, b"b", true).is_err());
    assert_eq!(revision.instances(), 0);
}

#[test]
fn an_instance_of_its_own_is_not_kept_after_the_last_piece() {
    let (host, _) = host();
    let spec = Spec { isolation: Isolation::PerRequest, ..spec("bodies") };
    let revision = load(&host, spec).configure(one_config("{}")).unwrap();
    let mut stream = revision.stream(Side::Request, bearer(COUNT, 0)).unwrap();
    assert_eq!(next(&mut stream, b"a", false), replaced("[1:1]"));
    assert_eq!(next(&mut stream, b"b", true), replaced("[2:1]"));
    assert_eq!(revision.instances(), 0);
}
