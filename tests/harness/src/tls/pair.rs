//! A certificate with its key, signed by itself.

use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
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

    /// One that was good in January 2000.
    ///
    /// # Panics
    /// If a name is none.
    #[must_use]
    pub fn expired(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2000, 2, 1);
        let signing_key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        Self(CertifiedKey { cert, signing_key })
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
