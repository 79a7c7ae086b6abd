//! What several promises are shown with: configurations in few words, and plugins compiled once.

use hither_harness::{Hither, OriginProcess};
use std::fmt::Write;
use std::time::Duration;

pub(crate) const HITHER: &str = env!("CARGO_BIN_EXE_hither");
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The platform's four regions with the round trip that the edge in ams is told.
pub(crate) const REGIONS: [(&str, &str); 4] =
    [("ams", "0.5ms"), ("maa", "30ms"), ("sea", "80ms"), ("sin", "150ms")];

/// One listener on any port.
pub(crate) const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n";

/// An `[[instance]]` table of service `web`. Its round trip is fixed, unless `more` fixes another, so
/// that no probe meets an origin which counts its connections.
pub(crate) fn instance(id: &str, address: std::net::SocketAddr, more: &str) -> String {
    let rtt = if more.contains("rtt = ") { "" } else { "rtt = \"1ms\"\n" };
    measured(id, address, &format!("{rtt}{more}"))
}

/// An `[[instance]]` table of service `web` whose round trip is measured.
pub(crate) fn measured(id: &str, address: std::net::SocketAddr, more: &str) -> String {
    format!("[[service.web.instance]]\nid = \"{id}\"\naddress = \"{address}\"\n{more}\n")
}

/// Starts `hither origin` processes, so many for each region, and writes their instance tables.
pub(crate) async fn origins(counts: [usize; 4]) -> (Vec<OriginProcess>, String) {
    let regions: Vec<&str> = REGIONS
        .iter()
        .zip(counts)
        .flat_map(|((region, _), count)| std::iter::repeat_n(*region, count))
        .collect();
    let origins = OriginProcess::start_all(HITHER, &regions).await;
    let mut tables = String::new();
    for (number, (origin, region)) in origins.iter().zip(&regions).enumerate() {
        let rtt = REGIONS.iter().find(|(name, _)| name == region).map_or("1ms", |(_, rtt)| rtt);
        let more = format!("region = \"{region}\"\nrtt = \"{rtt}\"");
        let _ = write!(tables, "{}", instance(&format!("i{number}"), origin.address(), &more));
    }
    (origins, tables)
}

/// One edge in ams with service `web`: `settings` first, then `tables` for what follows.
pub(crate) async fn edge(settings: &str, tables: &str) -> Hither {
    let config = format!("[edge]\nregion = \"ams\"\n{LISTENER}[service.web]\n{settings}\n{tables}");
    Hither::builder(HITHER).config(config).start().await
}

/// The bytes of a shipped plugin, compiled from source.
pub(crate) fn shipped(package: &str) -> Vec<u8> {
    std::fs::read(hither_guests::package(package)).expect("the plugin was just built")
}
