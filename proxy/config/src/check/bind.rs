//! Addresses to bind: no two parts of the process may want the same port.

use std::net::SocketAddr;

use super::Check;
use super::unique::Firsts;
use crate::findings::{Finding, Spot};
use crate::raw::RawFile;
use crate::value::AdminAddress;

/// Who wants which address, and where it says so.
struct Bind<'r> {
    address: SocketAddr,
    spot: &'r Spot,
    who: &'static str,
}

impl Check<'_> {
    /// Listeners, origins and the admin API must not collide.
    pub(super) fn distinct_binds(&mut self, raw: &RawFile) {
        let mut binds: Vec<Bind<'_>> = Vec::new();
        for listener in &raw.listeners {
            let address = listener.address.as_ref();
            binds.extend(address.map(|at| Bind {
                address: at.value.0,
                spot: &at.spot,
                who: "a listener",
            }));
        }
        for origin in &raw.origins {
            let address = origin.address.as_ref();
            binds.extend(address.map(|at| Bind {
                address: at.value.0,
                spot: &at.spot,
                who: "an origin",
            }));
        }
        if let AdminAddress::Tcp(address) = raw.admin.address.value {
            binds.push(Bind { address, spot: &raw.admin.address.spot, who: "the admin API" });
        }
        // By port, so that a file with many origins is not compared pair by pair.
        binds.sort_by_key(|bind| (bind.address.port(), bind.spot.span.start));
        for group in binds.chunk_by(|left, right| left.address.port() == right.address.port()) {
            self.distinct_in_port(group);
        }
    }

    /// Settings of a listener go by its address as written, also where the system chooses the port.
    pub(super) fn distinct_listeners(&mut self, raw: &RawFile) {
        let mut seen = Firsts::new();
        for listener in &raw.listeners {
            let Some(at) = listener.address.as_ref().filter(|at| at.value.0.port() == 0) else {
                continue;
            };
            if let Some(first) = seen.before(at.value.0, &at.spot) {
                let message = format!("two listeners are called {}", at.value.0);
                let finding = Finding::at(&at.spot, message)
                    .related(first, "the first one")
                    .help("the system chooses port 0 for one listener of an address; give others a port")
                    .example("address = \"127.0.0.1:8443\"");
                self.findings.push(finding);
            }
        }
    }

    fn distinct_in_port(&mut self, group: &[Bind<'_>]) {
        for (index, bind) in group.iter().enumerate() {
            let Some(first) = group[..index].iter().find(|other| collide(other, bind)) else {
                continue;
            };
            let message = format!("{} is taken already, by {}", bind.address, first.who);
            let help =
                "one port can be listened on once; 0.0.0.0 and [::] take it on every address";
            let free = SocketAddr::new(bind.address.ip(), free_port(group));
            let finding = Finding::at(bind.spot, message)
                .related(first.spot, format!("{} listens here", first.who))
                .help(help)
                .example(format!("address = \"{free}\""));
            self.findings.push(finding);
        }
    }
}

fn collide(left: &Bind<'_>, right: &Bind<'_>) -> bool {
    let (left, right) = (left.address, right.address);
    let overlap = left.ip() == right.ip()
        || (left.is_ipv4() == right.is_ipv4()
            && (left.ip().is_unspecified() || right.ip().is_unspecified()));
    left.port() != 0 && overlap
}

/// For the example: the port after the one that is taken.
fn free_port(group: &[Bind<'_>]) -> u16 {
    group.first().map_or(8081, |bind| bind.address.port().checked_add(1).unwrap_or(8081))
}
