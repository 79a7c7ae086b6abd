//! A process that was given nothing: no arguments, an empty environment, no folders, streams that go to
//! the plugin's log.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use super::output::Stream;
use super::{InputStream, OutputStream};
use crate::fault::Abuse;
use crate::guest::Guest;

/// Nobody ever holds one.
pub(super) struct Descriptor;
/// Nobody ever holds one.
pub(super) struct Terminal;

type Cx<'a> = StoreContextMut<'a, Guest>;

pub(super) fn define(
    it: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<bool> {
    match (interface, name) {
        ("environment", "get-environment") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((Vec::<(String, String)>::new(),))
        })?,
        ("environment", "get-arguments") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((Vec::<String>::new(),))
        })?,
        ("environment", "initial-cwd") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((None::<String>,))
        })?,
        ("exit", "exit") => {
            it.func_wrap(name, |_: Cx<'_>, (end,): (Result<(), ()>,)| exit(u8::from(end.is_err())))?
        }
        ("exit", "exit-with-code") => {
            it.func_wrap(name, |_: Cx<'_>, (code,): (u8,)| exit(code))?;
        }
        ("stdin", "get-stdin") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((Resource::<InputStream>::new_own(0),))
        })?,
        ("stdout", "get-stdout") => stream(it, name, Stream::Out)?,
        ("stderr", "get-stderr") => stream(it, name, Stream::Error)?,
        ("terminal-stdin" | "terminal-stdout" | "terminal-stderr", _) => {
            it.func_wrap(name, |mut cx: Cx<'_>, ()| {
                cx.data_mut().count()?;
                Ok((None::<Resource<Terminal>>,))
            })?;
        }
        ("preopens", "get-directories") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// An instance that ended itself cannot serve again, so it counts as a trap whatever it says.
fn exit(code: u8) -> wasmtime::Result<()> {
    Err(Abuse::Wasi(format!("it ended itself with exit code {code}")).into())
}

fn stream(it: &mut LinkerInstance<'_, Guest>, name: &str, stream: Stream) -> wasmtime::Result<()> {
    it.func_wrap(name, move |mut cx: Cx<'_>, ()| {
        cx.data_mut().count()?;
        Ok((Resource::<OutputStream>::new_own(stream as u32),))
    })
}
