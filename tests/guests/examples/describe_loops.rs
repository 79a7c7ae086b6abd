//! Never comes back from `describe`.
#![allow(missing_docs, unsafe_code, reason = "generated")]

use exports::hither::plugin::{lifecycle, routing};

hither_plugin::wit_bindgen::generate!({
    inline: "
        package hither:raw;
        world raw { export hither:plugin/lifecycle@0.1.0; export hither:plugin/routing@0.1.0; }
    ",
    path: "../../wit",
    world: "hither:raw/raw",
    generate_all,
    runtime_path: "hither_plugin::wit_bindgen::rt",
});

struct Guest;

impl lifecycle::Guest for Guest {
    fn describe() -> lifecycle::Manifest {
        loop {
            std::hint::black_box(());
        }
    }

    fn configure(_: u32, _: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn release(_: u32) {}
}

impl routing::Guest for Guest {
    fn select(_: routing::Request) -> routing::Decision {
        routing::Decision::Pass
    }
}

export!(Guest);
