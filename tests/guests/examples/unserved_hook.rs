//! Has a hook of the contract that the host does not serve yet.
#![allow(missing_docs, unsafe_code, reason = "generated")]

use exports::hither::plugin::{cache_policy, lifecycle};

hither_plugin::wit_bindgen::generate!({
    inline: "
        package hither:raw;
        world raw { export hither:plugin/lifecycle@0.1.0; export hither:plugin/cache-policy@0.1.0; }
    ",
    path: "../../wit",
    world: "hither:raw/raw",
    generate_all,
    runtime_path: "hither_plugin::wit_bindgen::rt",
});

struct Guest;

impl lifecycle::Guest for Guest {
    fn describe() -> lifecycle::Manifest {
        std::process::abort()
    }

    fn configure(_: u32, _: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn release(_: u32) {}
}

impl cache_policy::Guest for Guest {
    fn on_lookup(_: cache_policy::Request) -> cache_policy::Lookup {
        cache_policy::Lookup::ByStandard
    }

    fn on_store(_: cache_policy::Response, _: u64) -> cache_policy::Storage {
        cache_policy::Storage::ByStandard
    }
}

export!(Guest);
