//! Which certificate a client is shown: by the name that it asks for (SNI, RFC 6066 section 3).

use super::certificate::Certificate;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// A listener's certificates by their names.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The first is for whoever asks for no name, or for one that none is for.
    all: Vec<Arc<Certificate>>,
    exact: HashMap<Box<str>, Arc<Certificate>>,
    /// By what follows `*.`.
    wildcards: HashMap<Box<str>, Arc<Certificate>>,
}

impl Certificates {
    /// Of two for the same name, the first counts.
    pub(super) fn new(certificates: impl IntoIterator<Item = Arc<Certificate>>) -> Certificates {
        let all: Vec<_> = certificates.into_iter().collect();
        let (mut exact, mut wildcards) = (HashMap::new(), HashMap::new());
        for certificate in &all {
            for name in certificate.names() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcards, parent),
                    None => (&mut exact, &**name),
                };
                names.entry(name.into()).or_insert_with(|| certificate.clone());
            }
        }
        Certificates { all, exact, wildcards }
    }

    pub(super) fn all(&self) -> &[Arc<Certificate>] {
        &self.all
    }

    /// `name` is in lower case, as rustls gives it.
    pub(super) fn of(&self, name: Option<&str>) -> Option<&Arc<Certificate>> {
        let asked = name.and_then(|name| {
            let parent = || self.wildcards.get(name.split_once('.')?.1);
            self.exact.get(name).or_else(parent)
        });
        asked.or(self.all.first())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of(hello.server_name())?.pair.clone())
    }
}
