//! Who answers for a service: instances, or a component and nothing that is for instances.

use std::num::NonZeroU32;

use super::Check;
use crate::findings::{Finding, Spot};
use crate::plan::ComponentPlan;
use crate::raw::{RawAnswerer, RawTimeouts};
use crate::value::Name;

impl Check<'_> {
    /// The component, if the service has one. `spot` is the service's.
    pub(super) fn component(
        &mut self,
        (service, spot): (&Name, &Spot),
        raw: RawAnswerer,
        timeouts: &RawTimeouts,
    ) -> Option<ComponentPlan> {
        let Some(component) = raw.component else {
            if !self.findings.has(&spot.place, "component") {
                self.for_components(service, &raw.for_components);
            }
            return None;
        };
        let connect = timeouts.connect_written.as_ref().map(|spot| ("timeouts.connect", spot));
        let beside = raw.for_instances.iter().map(|(key, spot)| (*key, spot)).chain(connect);
        for (key, spot) in beside {
            let message = match key {
                "instance" => format!("service {service} has a component and instances"),
                _ => format!("`{key}` is for instances, and service {service} has a component"),
            };
            let finding = Finding::at(spot, message)
                .related(&component.spot, "the component that answers")
                .help("a component answers on this edge itself: nobody is connected to or chosen")
                .example("[service.hello]\ncomponent = \"hello.wasm\"");
            self.findings.push(finding);
        }
        let sha256 = raw.sandbox.sha256.map(|at| at.value);
        Some(ComponentPlan {
            code: self.code(component, sha256, "sandbox.sha256")?,
            sha256,
            time: raw.sandbox.time.value,
            wait: raw.sandbox.wait.value,
            memory: raw.sandbox.memory.value,
            instances: NonZeroU32::new(raw.sandbox.instances.value)?,
            environment: raw.environment.into_iter().map(|(k, v)| (k.value.0, v.value.0)).collect(),
        })
    }

    fn for_components(&mut self, service: &Name, written: &[(&str, Spot)]) {
        for (key, spot) in written {
            let message = format!("`{key}` is for a component, and service {service} has none");
            let finding = Finding::at(spot, message)
                .help("instances are other processes: what they may use is not said here")
                .example("component = \"hello.wasm\"")
                .absent();
            self.findings.push(finding);
        }
    }
}
