//! One request and its answer, bounded in size and time. Must not know registries.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use crate::error::FetchError;

/// For a connection with its handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// For a head, once a request is sent.
const HEAD: Duration = Duration::from_secs(30);
/// For all of one request: 128 MiB at 1.5 MiB a second.
const WHOLE: Duration = Duration::from_secs(90);
/// Registries send a blob's reader to where it lies.
const REDIRECTS: u32 = 5;
/// What is shown of a refusal's body.
const TOLD: u64 = 300;

/// Asks servers. Certificates are checked against the system's roots, or those in `$SSL_CERT_FILE`.
pub(crate) struct Transport {
    secure: Agent,
    /// Loopback only: a registry beside the proxy, for trying things out.
    plain: Agent,
}

/// An answer whose head has come.
pub(crate) struct Answer {
    url: String,
    head: http::response::Parts,
    body: Body,
}

impl Transport {
    pub(crate) fn new() -> Self {
        Self { secure: agent(true), plain: agent(false) }
    }

    /// Sends one request. Statuses of all kinds are answers.
    ///
    /// # Errors
    /// No answer came.
    pub(crate) fn send(
        &self,
        request: http::request::Builder,
        body: Option<&[u8]>,
    ) -> Result<Answer, FetchError> {
        let url = request.uri_ref().map(ToString::to_string).unwrap_or_default();
        let plain = url.starts_with("http://");
        if plain && !is_loopback_url(&url) {
            let why = "without encryption only loopback is asked; write https".to_owned();
            return Err(FetchError::Unreachable { url, why });
        }
        let agent = if plain { &self.plain } else { &self.secure };
        let unreachable = |why: String| FetchError::Unreachable { url: url.clone(), why };
        let sent = match body {
            None => agent.run(request.body(()).map_err(|error| unreachable(error.to_string()))?),
            Some(body) => {
                agent.run(request.body(body).map_err(|error| unreachable(error.to_string()))?)
            }
        };
        let (head, body) = sent.map_err(|error| unreachable(error.to_string()))?.into_parts();
        Ok(Answer { url, head, body })
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// The values of a header that are text.
    pub(crate) fn header(&self, name: http::HeaderName) -> impl Iterator<Item = &str> {
        self.head.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
    }

    /// Itself if its status is one of these.
    ///
    /// # Errors
    /// It is another, with the beginning of what was said about it.
    pub(crate) fn expect(mut self, wanted: &[u16]) -> Result<Self, FetchError> {
        let status = self.status();
        if wanted.contains(&status) {
            return Ok(self);
        }
        let body = self.body.with_config().limit(TOLD).lossy_utf8(true).read_to_string();
        let told: String = body
            .unwrap_or_default()
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let told = match told.trim() {
            "" => String::new(),
            told => format!(": {told}"),
        };
        Err(FetchError::Refused { url: self.url, status, told })
    }

    /// The whole body.
    ///
    /// # Errors
    /// It is longer than `most`, or it breaks off.
    pub(crate) fn bytes(mut self, most: u64) -> Result<Vec<u8>, FetchError> {
        // One more than may be, since the bound itself may be reached.
        match self.body.with_config().limit(most + 1).read_to_vec() {
            Ok(bytes) if bytes.len() as u64 <= most => Ok(bytes),
            Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => {
                Err(FetchError::TooLarge { url: self.url, most })
            }
            Err(error) => Err(FetchError::Unreachable { url: self.url, why: error.to_string() }),
        }
    }
}

/// Whether a host, without its port, is this machine by whatever way.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_loopback_url(url: &str) -> bool {
    let uri = url.parse::<http::Uri>();
    uri.is_ok_and(|uri| uri.host().is_some_and(is_loopback))
}

fn agent(secure: bool) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        // A redirect may not lead out of encryption either.
        .https_only(secure)
        .http_status_as_error(false)
        .max_redirects(REDIRECTS)
        .user_agent(concat!("hither/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(HEAD))
        .timeout_global(Some(WHOLE));
    // The environment's proxy is for what is outside.
    let config = if secure { config } else { config.proxy(None) };
    config.build().new_agent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for url in ["http://127.0.0.1:5000/v2/", "http://[::1]/", "http://localhost:5000/"] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in ["http://127.0.0.1.example.com/", "http://localhost.evil/", "http://10.0.0.1/"] {
            assert!(!is_loopback_url(url), "{url}");
        }
    }

    #[test]
    fn nothing_leaves_the_machine_unencrypted() {
        let request = http::Request::get("http://registry.example/v2/");
        let refused = Transport::new().send(request, None).err().map(|error| error.to_string());
        assert!(refused.is_some_and(|why| why.contains("only loopback")));
    }
}
