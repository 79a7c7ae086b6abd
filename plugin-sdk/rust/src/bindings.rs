//! The contract's types and functions, generated from `wit/`. Nobody writes against this room: the
//! rest of the crate wraps it.
//!
//! One made-up world per interface, because a plugin must export exactly the hooks that it has: its
//! component type is the sum of the worlds whose `export` macro it uses. Imports need no such care,
//! since an imported function that is never called is not imported.
#![allow(missing_docs, unreachable_pub)]

pub mod imports {
    wit_bindgen::generate!({
        inline: "
            package hither:sdk;
            world imports {
                import hither:plugin/types@0.1.0;
                import hither:plugin/log@0.1.0;
                import hither:plugin/metrics@0.1.0;
                import hither:plugin/store@0.1.0;
                import hither:plugin/instances@0.1.0;
                import hither:plugin/limits@0.1.0;
                import hither:plugin/secrets@0.1.0;
                import hither:plugin/cache-control@0.1.0;
                import hither:plugin/http@0.1.0;
            }
        ",
        path: "../../wit",
        world: "hither:sdk/imports",
        additional_derives: [PartialEq],
        generate_all,
    });
}

/// A world that exports one interface, and the macro by which a plugin exports it.
macro_rules! exporting {
    ($module:ident, $inline:literal, $world:literal, $export:literal, $place:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                inline: $inline,
                path: "../../wit",
                world: $world,
                with: {
                    "hither:plugin/types@0.1.0": crate::bindings::imports::hither::plugin::types,
                },
                additional_derives: [PartialEq],
                pub_export_macro: true,
                export_macro_name: $export,
                default_bindings_module: $place,
                runtime_path: "::hither_plugin::wit_bindgen::rt",
            });
        }
    };
}

exporting!(
    lifecycle,
    "package hither:sdk; world lifecycle { export hither:plugin/lifecycle@0.1.0; }",
    "hither:sdk/lifecycle",
    "export_lifecycle",
    "hither_plugin::bindings::lifecycle"
);
exporting!(
    routing,
    "package hither:sdk; world routing { export hither:plugin/routing@0.1.0; }",
    "hither:sdk/routing",
    "export_routing",
    "hither_plugin::bindings::routing"
);
exporting!(
    request_filter,
    "package hither:sdk; world request-filter { export hither:plugin/request-filter@0.1.0; }",
    "hither:sdk/request-filter",
    "export_request_filter",
    "hither_plugin::bindings::request_filter"
);
exporting!(
    response_filter,
    "package hither:sdk; world response-filter { export hither:plugin/response-filter@0.1.0; }",
    "hither:sdk/response-filter",
    "export_response_filter",
    "hither_plugin::bindings::response_filter"
);
exporting!(
    request_body,
    "package hither:sdk; world request-body { export hither:plugin/request-body@0.1.0; }",
    "hither:sdk/request-body",
    "export_request_body",
    "hither_plugin::bindings::request_body"
);
exporting!(
    response_body,
    "package hither:sdk; world response-body { export hither:plugin/response-body@0.1.0; }",
    "hither:sdk/response-body",
    "export_response_body",
    "hither_plugin::bindings::response_body"
);
exporting!(
    failover,
    "package hither:sdk; world failover { export hither:plugin/failover@0.1.0; }",
    "hither:sdk/failover",
    "export_failover",
    "hither_plugin::bindings::failover"
);
exporting!(
    cache_policy,
    "package hither:sdk; world cache-policy { export hither:plugin/cache-policy@0.1.0; }",
    "hither:sdk/cache-policy",
    "export_cache_policy",
    "hither_plugin::bindings::cache_policy"
);
exporting!(
    rate_limit,
    "package hither:sdk; world rate-limit { export hither:plugin/rate-limit@0.1.0; }",
    "hither:sdk/rate-limit",
    "export_rate_limit",
    "hither_plugin::bindings::rate_limit"
);
exporting!(
    access_log,
    "package hither:sdk; world access-log { export hither:plugin/access-log@0.1.0; }",
    "hither:sdk/access-log",
    "export_access_log",
    "hither_plugin::bindings::access_log"
);
/// Apart from the others: it knows no type of theirs.
pub mod background {
    wit_bindgen::generate!({
        inline: "package hither:sdk; world background { export hither:plugin/background@0.1.0; }",
        path: "../../wit",
        world: "hither:sdk/background",
        pub_export_macro: true,
        export_macro_name: "export_background",
        default_bindings_module: "hither_plugin::bindings::background",
        runtime_path: "::hither_plugin::wit_bindgen::rt",
    });
}
