//! A proxy in front of an origin that counts what reaches it, and the check of a refusal.

use hither_harness::{Hither, Http1, RawOrigin, Response, eventually};
use std::time::Duration;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What every origin here answers, unless a test says otherwise.
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// A running proxy whose service `web` has this one origin.
pub(crate) struct Scene {
    pub(crate) edge: Hither,
    pub(crate) origin: RawOrigin,
}

impl Scene {
    /// With the defaults, before an origin that answers everything.
    pub(crate) async fn plain() -> Self {
        Self::with("", "", RawOrigin::answering(FINE).await).await
    }

    /// With further keys of the listener and of the service.
    pub(crate) async fn with(listener: &str, service: &str, origin: RawOrigin) -> Self {
        let address = origin.address();
        let config = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n[service.web]\n{service}\n\
             [[service.web.instance]]\nid = \"one\"\naddress = \"{address}\"\nrtt = \"1ms\"\n"
        );
        let edge = Hither::builder(env!("CARGO_BIN_EXE_hither")).config(config).start().await;
        Self { edge, origin }
    }

    /// Sends bytes on a new connection and wants this refusal of them, then a closed connection.
    pub(crate) async fn refuses(&self, bytes: impl AsRef<[u8]>, status: u16, reason: &str) {
        let mut client = self.edge.connect().await;
        // An answer may come, and the connection be closed, before the last byte is written.
        let sent = client.send(bytes.as_ref()).await;
        let shown =
            String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(200)]).into_owned();
        let answer = client.read_response().await;
        let answer = answer.unwrap_or_else(|error| panic!("{shown:?}: {error}; sending: {sent:?}"));
        is_refusal(&answer, status, reason, &shown);
        closes(&mut client, &shown).await;
    }

    /// What was sent so far has reached no origin as a request.
    pub(crate) fn nothing_arrived(&self) {
        let received = self.origin.requests();
        assert!(received.is_empty(), "the origin was given {received:?}");
    }

    /// The process goes on serving who behaves, and no place on the instance is kept.
    pub(crate) async fn still_serves(&self) {
        let before = self.origin.received();
        let answer = self.edge.get("/healthy").await.expect_status(200);
        assert_eq!(answer.text(), "fine");
        assert_eq!(self.origin.received(), before + 1);
        self.all_places_free().await;
    }

    /// Waits until an answer that the client does not take is given up, and the instance released.
    pub(crate) async fn gives_up(&self, path: &str) {
        let what = "the answer to be given up";
        let line = self.edge.access_line(SOON, what, |line| line["path"] == path).await;
        assert_eq!(line["fault"], "slow_reader", "{line}");
        self.all_places_free().await;
    }

    /// Waits until the instance is free again.
    pub(crate) async fn all_places_free(&self) {
        self.edge
            .status_when(SOON, "the instance's places to be free", |status| {
                (status["services"][0]["instances"][0]["in_flight"] == 0).then_some(())
            })
            .await;
    }

    /// Waits until the proxy counts so many open client connections.
    pub(crate) async fn connections(&self, wanted: u32, deadline: Duration) {
        let what = format!("{wanted} open client connections");
        eventually(deadline, &what, || async {
            let open = self.edge.metrics().await.value("hither_client_connections", &[]);
            if open == Some(f64::from(wanted)) { Ok(()) } else { Err(format!("{open:?}")) }
        })
        .await;
    }
}

/// An origin whose answers are longer than anyone takes.
pub(crate) async fn endless() -> RawOrigin {
    RawOrigin::start(|mut connection| async move {
        connection.read_head().await?;
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n").await?;
        loop {
            connection.write(vec![b'x'; 1 << 16]).await?;
        }
    })
    .await
}

/// What a refusal looks like: the status, its reason (RFC 9209), an id to ask about, nothing to be stored, and
/// the end of the connection.
pub(crate) fn is_refusal(answer: &Response, status: u16, reason: &str, shown: &str) {
    assert_eq!(answer.status(), status, "{shown:?}: {}{}", answer.head.headers, answer.text());
    let proxy_status = answer.header("proxy-status").unwrap_or_default();
    let details = format!("details=\"{reason}\"");
    assert!(
        proxy_status.starts_with("hither; error=") && proxy_status.ends_with(&details),
        "{shown:?}: {proxy_status:?} is not about {reason}"
    );
    let id = answer.header("x-request-id").unwrap_or_default();
    assert!(id.len() >= 16 && id.bytes().all(|b| b.is_ascii_graphic()), "{shown:?}: {id:?}");
    assert_eq!(answer.json()["request_id"], id, "{shown:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{shown:?}");
    assert!(answer.closes(), "{shown:?}: {}", answer.head.headers);
}

/// The proxy closes, and says nothing more.
pub(crate) async fn closes(client: &mut Http1, shown: &str) {
    let rest = client.read_until_close().await;
    let rest = rest.unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert!(rest.is_empty(), "{shown:?}: more followed: {:?}", String::from_utf8_lossy(&rest));
}
