//! `GET /metrics`: the page, with the gauges that are only looked at when somebody asks.

use super::Telemetry;
use super::process::Process;
use crate::snapshot::Snapshot;
use hither_balance::Band;
use hither_cache::DiskFigures;
use prometheus::TextEncoder;

impl Telemetry {
    /// The page in Prometheus' text format. `held`: bytes of bodies that are held back for plugins; `kept`: bytes
    /// in the cache's memory; `disk`: what it has behind that.
    ///
    /// # Errors
    /// The registry could not be written, which would be a mistake of ours.
    pub(crate) fn scrape(
        &self,
        snapshot: &Snapshot,
        held: u64,
        kept: u64,
        disk: Option<DiskFigures>,
    ) -> Result<String, prometheus::Error> {
        self.metrics.held_bodies.set(i64::try_from(held).unwrap_or(i64::MAX));
        self.metrics.cache.bytes.set(i64::try_from(kept).unwrap_or(i64::MAX));
        self.metrics.cache.look_at_disk(disk.unwrap_or_default());
        self.look_at_process();
        self.metrics.access_lines_dropped.inc_by(self.access.load().lost());
        self.look_at_certificates(snapshot);
        self.look_at_services(snapshot);
        self.look_at_components(snapshot);
        self.look_at_plugins(snapshot);
        TextEncoder::new().encode_to_string(&self.plugin_metrics.registry().gather())
    }

    fn look_at_process(&self) {
        let process = Process::look();
        self.metrics.process_cpu.set(process.cpu);
        self.metrics.process_memory.set(process.resident);
        self.metrics.process_fds.set(process.descriptors);
    }

    fn look_at_certificates(&self, snapshot: &Snapshot) {
        let expiry = &self.metrics.clients.certificate_expiry;
        expiry.reset();
        for listener in &snapshot.listeners {
            for certificate in listener.tls.iter().flat_map(|tls| tls.certificates()) {
                // One without a name is a listener's first and only.
                let name = certificate.names().first().map_or("", |name| &**name);
                expiry.with_label_values(&[&*listener.address, name]).set(certificate.expires());
            }
        }
    }

    fn look_at_services(&self, snapshot: &Snapshot) {
        let metrics = &self.metrics;
        // What is no longer there must not be told any more.
        metrics.app_concurrency.reset();
        metrics.instance_band.reset();
        metrics.instance_rtt.reset();
        metrics.instance_healthy.reset();
        metrics.instance_ejected.reset();
        metrics.queue_waiting.reset();
        for service in &snapshot.services {
            for instance in service.balancer.instances() {
                let labels = &[&*service.name, &*instance.id];
                metrics
                    .app_concurrency
                    .with_label_values(labels)
                    .set(i64::from(instance.in_flight));
                let band = match instance.band {
                    Band::Open => 0,
                    Band::Busy => 1,
                    Band::Full => 2,
                };
                metrics.instance_band.with_label_values(labels).set(band);
                metrics.instance_healthy.with_label_values(labels).set(i64::from(instance.healthy));
                metrics
                    .instance_ejected
                    .with_label_values(labels)
                    .set(i64::from(instance.ejected_until.is_some()));
                if let Some(rtt) = instance.rtt {
                    metrics.instance_rtt.with_label_values(labels).set(rtt.as_secs_f64());
                }
            }
            let waiting = service.balancer.queue(snapshot.clock.now()).waiting;
            metrics.queue_waiting.with_label_values(&[&*service.name]).set(waiting as i64);
        }
    }

    fn look_at_components(&self, snapshot: &Snapshot) {
        let metrics = &self.metrics;
        metrics.components.info.reset();
        metrics.components.in_flight.reset();
        for service in &snapshot.services {
            let Some(answerer) = &service.component else { continue };
            let (name, revision) = (&*service.name, answerer.revision().to_string());
            let labels = &[name, &revision, answerer.digest()];
            metrics.components.info.with_label_values(labels).set(1);
            let (in_flight, _) = answerer.load();
            metrics.components.in_flight.with_label_values(&[name]).set(i64::from(in_flight));
        }
    }

    fn look_at_plugins(&self, snapshot: &Snapshot) {
        let metrics = &self.metrics;
        metrics.plugin_info.reset();
        metrics.plugin_instances.reset();
        // A canary serves as well.
        let beside = snapshot.trials.iter().filter(|trial| trial.is_canary());
        for plugin in snapshot.plugins.iter().chain(beside.map(|trial| &trial.plugin)) {
            let revision = plugin.revision.id().to_string();
            let digest = plugin.revision.loaded().digest();
            metrics.plugin_info.with_label_values(&[&*plugin.name, &revision, digest]).set(1);
            let live = plugin.revision.instances() as i64;
            metrics.plugin_instances.with_label_values(&[&*plugin.name, "live"]).add(live);
        }
    }
}
