//! Open client connections, counted by a value that lives as long as the connection.

use prometheus::{IntCounter, IntGauge};

/// Counts as one open connection until dropped.
pub(crate) struct OpenConnection(IntGauge);

impl OpenConnection {
    pub(super) fn new(open: &IntGauge, total: &IntCounter) -> OpenConnection {
        open.inc();
        total.inc();
        OpenConnection(open.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
