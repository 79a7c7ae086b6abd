//! `[[listener.certificate]]`: what a listener shows of itself over TLS.

use crate::read::{At, Fields, Shape};
use crate::value::FilePath;

/// One certificate with its key.
#[derive(Debug)]
pub(crate) struct RawCertificate {
    pub(crate) cert: Option<At<FilePath>>,
    pub(crate) key: Option<At<FilePath>>,
}

impl Shape for RawCertificate {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            cert: fields.required(
                "cert",
                "\"certs/example.pem\"",
                "PEM file with the certificate and those that vouch for it, its own first; watched.",
            ),
            key: fields.required(
                "key",
                "\"certs/example.key\"",
                "PEM file with its private key (PKCS #8, PKCS #1 or SEC 1), not encrypted; watched.",
            ),
        }
    }
}
