//! TLS: certificates of listeners, and what means nothing without any.

use std::path::PathBuf;

use super::Check;
use super::unique::Firsts;
use crate::findings::{Finding, Spot};
use crate::plan::{CertificatePlan, TlsPlan};
use crate::raw::{RawCertificate, RawFile};
use crate::read::At;
use crate::value::{LimitKey, Rate};

/// A handshake costs what some twenty requests do.
const HANDSHAKES: Rate = Rate::per_second_of(100);

const CERTIFICATE: &str =
    "[[listener.certificate]]\ncert = \"certs/example.pem\"\nkey = \"certs/example.key\"";

impl Check<'_> {
    pub(super) fn tls(
        &mut self,
        raw: Vec<RawCertificate>,
        handshakes: Option<At<Rate>>,
    ) -> Option<TlsPlan> {
        if raw.is_empty() {
            if let Some(rate) = handshakes {
                self.no_certificate(&rate.spot, "this listener has no certificate");
            }
            return None;
        }
        let mut seen = Firsts::<PathBuf>::new();
        let mut certificates = Vec::with_capacity(raw.len());
        for certificate in raw {
            let (Some(cert), Some(key)) = (certificate.cert, certificate.key) else { continue };
            let plan = CertificatePlan { cert: self.path(&cert), key: self.path(&key) };
            if let Some(first) = seen.before(plan.cert.clone(), &cert.spot) {
                let finding = Finding::at(&cert.spot, "this certificate is listed twice")
                    .related(first, "the first time")
                    .help("clients are shown the first that has the name which they ask for")
                    .example("cert = \"certs/other.pem\"");
                self.findings.push(finding);
            }
            certificates.push(plan);
        }
        let handshakes_per_client = handshakes.map_or(HANDSHAKES, |at| at.value);
        Some(TlsPlan { certificates, handshakes_per_client })
    }

    /// What services say of TLS where no client can speak it.
    pub(super) fn tls_of_services(&mut self, raw: &RawFile) {
        let broken = |place: &str| self.findings.has(place, "certificate");
        let speaks = raw
            .listeners
            .iter()
            .any(|listener| !listener.certificates.is_empty() || broken(&listener.spot.place));
        let trusts =
            raw.listeners.iter().any(|listener| !listener.trusted_proxies.value.is_empty());
        if speaks {
            return;
        }
        for (_, service) in &raw.services {
            // A proxy in front may speak TLS in this one's place, and say so.
            if service.force_https.value && !trusts {
                let why = "no listener has a certificate, and no trusted proxy is in front";
                self.no_certificate(&service.force_https.spot, why);
            }
            let keys = service.limits.iter().flat_map(|limit| &limit.key.value);
            for key in keys.filter(|key| key.value == LimitKey::TlsSni) {
                self.no_certificate(&key.spot, "no listener has a certificate");
            }
        }
    }

    fn no_certificate(&mut self, spot: &Spot, why: &str) {
        let finding = Finding::at(spot, format!("{why}, so this has no effect"))
            .help("a listener speaks TLS once it has a certificate")
            .example(CERTIFICATE);
        self.findings.push(finding);
    }
}
