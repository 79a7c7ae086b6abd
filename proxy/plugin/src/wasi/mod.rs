//! Inert WASI 0.2: what the standard libraries of ordinary toolchains pull in, linked so that it can be
//! called and reaches nothing. There are no files, no sockets, no arguments and an empty environment;
//! clocks and random bytes are real; what is printed goes to the plugin's log. It needs no grant, since
//! it gives nothing away. Nothing here waits: a wait is over at once.
//!
//! It knows no hook, and defines only what the component at hand imports: a plugin without WASI has
//! none of it in its linker.

mod cli;
mod clocks;
mod io;
mod output;
mod random;
mod sockets;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType, Val};

use crate::fault::Abuse;
use crate::guest::Guest;

pub(crate) use output::{Output, Stream};

/// The interfaces of WASI 0.2 that are inert. `wasi:http` is not: it would be of use only if it worked.
const INERT: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Every patch release of it only adds, as in Wasmtime's own matching of names.
const COMPATIBLE: &str = "0.2.";

/// The interface without its version, if it is one that is linked inert.
pub(crate) fn inert(name: &str) -> Option<&str> {
    let (interface, version) = name.split_once('@')?;
    (version.starts_with(COMPATIBLE) && INERT.contains(&interface)).then_some(interface)
}

/// Whether a component that answers requests gets it: what is inert here works there, and so does HTTP.
pub(crate) fn served(name: &str) -> bool {
    let http = ["wasi:http/types", "wasi:http/outgoing-handler"];
    inert(name).is_some() || http.into_iter().any(|interface| is(name, interface))
}

/// Whether it is by this that a component answers requests.
pub(crate) fn is_handler(name: &str) -> bool {
    is(name, "wasi:http/incoming-handler")
}

fn is(name: &str, interface: &str) -> bool {
    name.split_once('@')
        .is_some_and(|(found, version)| found == interface && version.starts_with(COMPATIBLE))
}

/// Things that a guest may hold. Each is only a number to the host, and has no state.
struct Pollable;
struct InputStream;
/// Its number says whether it is standard output or standard error.
struct OutputStream;
struct Network;
/// A descriptor, a socket, an error: there is no way to get one.
struct Never;

fn resource(name: &str) -> ResourceType {
    match name {
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "network" => ResourceType::host::<Network>(),
        "error" => ResourceType::host::<io::IoError>(),
        "descriptor" => ResourceType::host::<cli::Descriptor>(),
        "terminal-input" | "terminal-output" => ResourceType::host::<cli::Terminal>(),
        _ => ResourceType::host::<Never>(),
    }
}

/// Links what this component imports of WASI. Admission has seen that all of it is inert.
pub(crate) fn link(
    linker: &mut Linker<Guest>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<()> {
    for (name, item) in component.component_type().imports(engine) {
        let (Some(interface), ComponentItem::ComponentInstance(wanted)) = (inert(name), item.ty)
        else {
            continue;
        };
        let mut instance = linker.instance(name)?;
        for (name, item) in wanted.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => {
                    instance.resource(name, resource(name), |_, _| Ok(()))?;
                }
                ComponentItem::ComponentFunc(_) => define(&mut instance, interface, name)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// One function: as its room has it, else one that ends the call. That is right for all that would
/// need a file or a socket to be called, and for what a later release of WASI adds.
fn define(
    instance: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    let (package, rest) = interface.split_once('/').unwrap_or((interface, ""));
    let defined = match package {
        "wasi:cli" | "wasi:filesystem" => cli::define(instance, rest, name)?,
        "wasi:clocks" => clocks::define(instance, rest, name)?,
        "wasi:io" => io::define(instance, name)?,
        "wasi:random" => random::define(instance, name)?,
        "wasi:sockets" => sockets::define(instance, name)?,
        _ => false,
    };
    if defined {
        return Ok(());
    }
    let reason = format!("it called `{interface}` `{name}`, which plugins do not have");
    instance.func_new(name, move |mut store, _, _, _| {
        store.data_mut().count()?;
        Err(Abuse::Wasi(reason.clone()).into())
    })
}

/// Handles that came as arguments are the callee's to put away.
fn put_away(
    store: &mut wasmtime::StoreContextMut<'_, Guest>,
    arguments: &[Val],
) -> wasmtime::Result<()> {
    for argument in arguments {
        if let Val::Resource(resource) = argument {
            resource.resource_drop(&mut *store)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reaches_nothing_is_inert() {
        assert_eq!(inert("wasi:io/streams@0.2.12"), Some("wasi:io/streams"));
        assert_eq!(inert("wasi:cli/exit@0.2.0"), Some("wasi:cli/exit"));
        for name in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams@0.20.0",
            "wasi:io/streams",
            "wasi:keyvalue/store@0.2.0",
            "wasi_snapshot_preview1",
        ] {
            assert_eq!(inert(name), None, "{name}");
        }
    }
}
