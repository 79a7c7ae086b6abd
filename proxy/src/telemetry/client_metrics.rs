//! The families of client connections, before and beside their requests.

use super::OpenConnection;
use prometheus::{
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    register_int_counter_vec_with_registry as counters,
    register_int_counter_with_registry as counter,
    register_int_gauge_vec_with_registry as int_gauges,
    register_int_gauge_with_registry as int_gauge,
};

pub(super) struct ClientFamilies {
    open: IntGauge,
    total: IntCounter,
    pub(super) accept_failures: IntCounter,
    shed: IntCounterVec,
    handshakes: IntCounterVec,
    pub(super) certificate_expiry: IntGaugeVec,
    pub(super) requests_in_flight: IntGauge,
}

impl ClientFamilies {
    pub(super) fn new(r: &Registry) -> Result<ClientFamilies, prometheus::Error> {
        Ok(ClientFamilies {
            open: int_gauge!("hither_client_connections", "Open client connections.", r)?,
            total: counter!("hither_client_connections_total", "Client connections accepted.", r)?,
            accept_failures: counter!(
                "hither_accept_failures_total",
                "Connections that could not be accepted.",
                r
            )?,
            shed: counters!(
                "hither_client_connections_shed_total",
                "Client connections that were closed because a client, or all together, asked too much.",
                &["reason"],
                r
            )?,
            handshakes: counters!(
                "hither_tls_handshakes_total",
                "TLS handshakes with clients that ended, by how they did.",
                &["result"],
                r
            )?,
            certificate_expiry: int_gauges!(
                "hither_certificate_expiry_timestamp_seconds",
                "When a certificate ends, in Unix time, by its listener and the first of its names.",
                &["listener", "name"],
                r
            )?,
            requests_in_flight: int_gauge!(
                "hither_requests_in_flight",
                "Requests that are being served, of all services.",
                r
            )?,
        })
    }

    /// One more, until the value is dropped.
    pub(super) fn opened(&self) -> OpenConnection {
        OpenConnection::new(&self.open, &self.total)
    }

    /// A handshake ended so.
    pub(super) fn handshake(&self, result: &str) {
        self.handshakes.with_label_values(&[result]).inc();
    }

    /// So many were closed for this reason.
    pub(super) fn shed(&self, reason: &str, count: usize) {
        self.shed.with_label_values(&[reason]).inc_by(count as u64);
    }
}
