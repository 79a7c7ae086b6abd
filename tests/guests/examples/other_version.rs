//! Was built for a contract that is yet to come.
#![allow(missing_docs, unsafe_code, reason = "generated")]

use exports::hither::plugin::lifecycle;

hither_plugin::wit_bindgen::generate!({
    inline: "
        package hither:plugin@0.2.0;
        interface lifecycle { describe: func() -> string; }
        world raw { export lifecycle; }
    ",
    runtime_path: "hither_plugin::wit_bindgen::rt",
});

struct Guest;

impl lifecycle::Guest for Guest {
    fn describe() -> String {
        "from the future".to_owned()
    }
}

export!(Guest);
