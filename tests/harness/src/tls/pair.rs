//! A certificate with its key, signed by itself.

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A certificate for some names, and its key.
pub struct CertificatePair(CertifiedKey<KeyPair>);

impl std::fmt::Debug for CertificatePair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CertificatePair").finish_non_exhaustive()
    }
}

impl CertificatePair {
    /// A new one, with a key of its own.
    ///
    /// # Panics
    /// If a name is none.
    #[must_use]
    pub fn for_names(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Self(generate_simple_self_signed(names).unwrap())
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn cert(&self) -> String {
        self.0.cert.pem()
    }

    /// The key as PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.cert.der().clone()
    }

    pub(crate) fn key_der(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.signing_key.serialize_der())
    }
}
