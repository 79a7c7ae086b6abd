//! The Rust shape of `wit/`, generated. This room holds no logic: what a guest returns is judged in
//! `verdict`, what it may call is decided in `capability`.
//!
//! One made-up world names every served hook and capability, because the generated code is used
//! per interface: a plugin exports only the hooks it has, and imports only what it needs.
#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    inline: "
        package hither:host;
        world served {
            import hither:plugin/log@0.1.0;
            import hither:plugin/metrics@0.1.0;
            import hither:plugin/store@0.1.0;
            import hither:plugin/instances@0.1.0;
            import hither:plugin/limits@0.1.0;
            import hither:plugin/cache-control@0.1.0;
            import hither:plugin/secrets@0.1.0;
            import hither:plugin/http@0.1.0;
            export hither:plugin/lifecycle@0.1.0;
            export hither:plugin/routing@0.1.0;
            export hither:plugin/request-filter@0.1.0;
            export hither:plugin/response-filter@0.1.0;
            export hither:plugin/rate-limit@0.1.0;
            export hither:plugin/cache-policy@0.1.0;
            export hither:plugin/request-body@0.1.0;
            export hither:plugin/response-body@0.1.0;
            export hither:plugin/failover@0.1.0;
            export hither:plugin/access-log@0.1.0;
            export hither:plugin/background@0.1.0;
        }
    ",
    path: "../../wit",
    world: "hither:host/served",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { "hither:plugin/http.send": async | trappable, default: trappable },
});
