//! The HTTP cache: what it gives again, what it never shares, what it does under load.

mod disk;
mod explained;
mod leaks;
mod load;
mod purge;
mod rfc;
mod stale;

use crate::support::{edge, instance};
use hither_harness::{Hither, RawOrigin, RawRequest, Response};

/// An origin whose answer to each request `answer` makes.
async fn origin(
    answer: impl Fn(&RawRequest) -> String + Clone + Send + Sync + 'static,
) -> RawOrigin {
    RawOrigin::start(move |mut connection| {
        let answer = answer.clone();
        async move {
            while let Some(request) = connection.read_request().await? {
                connection.write(answer(&request)).await?;
            }
            Ok(())
        }
    })
    .await
}

/// An answer with these field lines, each ended, and this body.
fn ok(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n{body}", body.len())
}

/// An edge that keeps what this origin answers.
async fn before(origin: &RawOrigin, settings: &str) -> Hither {
    let settings = format!("{settings}\n[service.web.cache]\nenabled = true");
    edge(&settings, &instance("one", origin.address(), "")).await
}

/// What the cache says that it did.
#[track_caller]
fn told(answer: &Response) -> &str {
    answer.header("cache-status").unwrap_or_else(|| panic!("{}", answer.head.headers))
}

#[track_caller]
fn is_hit(answer: &Response) {
    assert!(told(answer).starts_with("hither; hit; ttl="), "{}", told(answer));
    assert!(answer.header("age").is_some(), "RFC 9111 section 5.1: {}", answer.head.headers);
}

#[track_caller]
fn is_forwarded(answer: &Response, why: &str) {
    assert!(told(answer).starts_with(&format!("hither; fwd={why}")), "{}", told(answer));
}
