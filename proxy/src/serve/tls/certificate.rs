//! One certificate with its key, from PEM, checked before any client is shown it.

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A certificate that can be shown.
pub(crate) struct Certificate {
    pub(super) pair: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case; `*.` stands for one label.
    names: Vec<Box<str>>,
    /// In seconds of Unix time: from when to when it is good (RFC 5280 section 4.1.2.5).
    good: RangeInclusive<i64>,
}

/// Which file of a pair is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairFile {
    Cert,
    Key,
}

/// Why a pair cannot be shown to anyone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadPair {
    /// No certificate is in the file.
    #[error("it has no certificate: a block that begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// A block is no PEM.
    #[error("it is not PEM: {0}")]
    NotPem(pem::Error),
    /// The first certificate cannot be read.
    #[error("its first certificate cannot be read: {0}")]
    Unreadable(webpki::Error),
    /// It does not tell how long it is good.
    #[error("its first certificate does not tell from when to when it is good")]
    NoTime,
    /// No private key is in the file.
    #[error(
        "it has no private key that can be read: a block that begins with -----BEGIN PRIVATE KEY-----, not encrypted"
    )]
    NoKey,
    /// RSA of 2048 bits and more, ECDSA P-256 and P-384, Ed25519.
    #[error(
        "its key is of a kind that is not known here: RSA, ECDSA P-256 or P-384, or Ed25519 is"
    )]
    UnknownKey,
    /// It is somebody else's.
    #[error("its key is not the certificate's")]
    OtherKey,
}

impl BadPair {
    pub(crate) fn file(&self) -> PairFile {
        match self {
            BadPair::NoCertificate
            | BadPair::NotPem(_)
            | BadPair::Unreadable(_)
            | BadPair::NoTime => PairFile::Cert,
            BadPair::NoKey | BadPair::UnknownKey | BadPair::OtherKey => PairFile::Key,
        }
    }
}

impl Certificate {
    /// From the texts of both files.
    ///
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub(crate) fn new(cert: &[u8], key: &[u8]) -> Result<Certificate, BadPair> {
        let chain = CertificateDer::pem_slice_iter(cert)
            .collect::<Result<Vec<_>, _>>()
            .map_err(BadPair::NotPem)?;
        let own = chain.first().ok_or(BadPair::NoCertificate)?;
        let names = names(own).map_err(BadPair::Unreadable)?;
        let good = good(own).ok_or(BadPair::NoTime)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadPair::NoKey)?;
        let key = any_supported_type(&key).map_err(|_| BadPair::UnknownKey)?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            // Unknown: the kind of key cannot tell; each kind above can.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(BadPair::OtherKey),
        }
        Ok(Certificate { pair: Arc::new(pair), names, good })
    }

    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// When it ends, in seconds of Unix time.
    pub(crate) fn expires(&self) -> i64 {
        *self.good.end()
    }

    /// Whether a client would believe it at this second of Unix time.
    pub(crate) fn is_good(&self, now: i64) -> bool {
        self.good.contains(&now)
    }

    /// Whether it is for this DNS name, in whatever case (RFC 9525 section 6.3).
    pub(super) fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(first, rest)| {
                !first.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

/// RFC 9525 section 6.1: the subject's common name counts for nothing.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<Box<str>>, webpki::Error> {
    let certificate = webpki::EndEntityCert::try_from(certificate)?;
    Ok(certificate.valid_dns_names().map(|name| name.to_ascii_lowercase().into()).collect())
}

fn good(certificate: &CertificateDer<'_>) -> Option<RangeInclusive<i64>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let validity = certificate.validity();
    Some(validity.not_before.timestamp()..=validity.not_after.timestamp())
}

/// The same certificate has the same key.
impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        self.pair.cert == other.pair.cert
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("names", &self.names).finish_non_exhaustive()
    }
}
