//! What listeners show of themselves over TLS.

use std::path::PathBuf;

use crate::value::Rate;

/// A listener that speaks TLS.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsPlan {
    /// Chosen by the name that a client asks for (SNI); who asks for none of them is shown the first. Never
    /// empty, and no two are the same.
    pub certificates: Vec<CertificatePlan>,
    /// How many handshakes one client may begin.
    pub handshakes_per_client: Rate,
}

/// `[[listener.certificate]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePlan {
    /// PEM file with the certificate and those that vouch for it.
    pub cert: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}
