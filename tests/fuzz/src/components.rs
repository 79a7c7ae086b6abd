//! A file that should be a plugin: it loads or is refused in words, and what loads can be configured or
//! refuses that in words. Nothing else happens, and not for long.

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hither_plugin_host::{Budget, Capability, Config, Host, HostOptions, Spec};

use crate::verdicts::Silence;

static HOST: LazyLock<Host> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "without a host there is nothing to fuzz")]
    Host::new(HostOptions::new(Arc::new(Silence))).expect("a host")
});

/// A plugin of each sort, one that misbehaves, and a small component that is none.
///
/// # Panics
/// When a guest cannot be built.
pub fn seeds() -> Vec<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "only tests call this")]
    let guest = |name| fs::read(hither_guests::guest(name)).expect("the guest can be read");
    #[expect(clippy::expect_used, reason = "only tests call this")]
    let small = wat::parse_str(r#"(component (import "a" (func)) (export "b" (func 0)))"#)
        .expect("a component");
    vec![guest("noop"), guest("describe_loops"), guest("any_verdict"), small]
}

/// Loads the bytes as a plugin.
///
/// # Panics
/// When a refusal says nothing, or anything else is broken.
pub fn check(bytes: &[u8]) {
    let brief = Duration::from_millis(50);
    let spec = Spec {
        grants: Capability::ALL.to_vec(),
        budget: Budget { startup: brief, ..Budget::default() },
        ..Spec::new("fuzzed", bytes.to_vec())
    };
    match HOST.load(spec) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(loaded) => {
            if let Err(error) = loaded.configure(vec![Config { id: 0, json: b"{}".to_vec() }]) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
