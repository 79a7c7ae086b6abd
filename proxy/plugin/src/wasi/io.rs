//! Streams and waits. Every wait is over, what is read has ended, and what is written is taken.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::output::Stream;
use super::{InputStream, OutputStream, Pollable};
use crate::fault::Abuse;
use crate::guest::Guest;

type Cx<'a> = StoreContextMut<'a, Guest>;

/// What a stream says that it takes at once.
const ROOM: u64 = 4096;

/// Nobody ever holds one.
pub(super) struct IoError;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = Result<T, StreamError>;

pub(super) fn define(it: &mut LinkerInstance<'_, Guest>, name: &str) -> wasmtime::Result<bool> {
    match name.split_once('.') {
        Some(("[method]pollable", method)) => wait(it, name, method),
        Some(("[method]input-stream", method)) => read(it, name, method),
        Some(("[method]output-stream", method)) => write(it, name, method),
        _ if name == "poll" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (all,): (Vec<Resource<Pollable>>,)| {
                cx.data_mut().count()?;
                if all.is_empty() {
                    return Err(Abuse::Wasi("it waits for nothing at all".to_owned()).into());
                }
                Ok(((0..).zip(&all).map(|(place, _)| place).collect::<Vec<u32>>(),))
            })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn wait(it: &mut LinkerInstance<'_, Guest>, name: &str, method: &str) -> wasmtime::Result<bool> {
    match method {
        "ready" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (Resource<Pollable>,)| {
            cx.data_mut().count()?;
            Ok((true,))
        })?,
        "block" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (Resource<Pollable>,)| {
            cx.data_mut().count()?;
            Ok(())
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn read(it: &mut LinkerInstance<'_, Guest>, name: &str, method: &str) -> wasmtime::Result<bool> {
    type From = Resource<InputStream>;
    match method {
        "read" | "blocking-read" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (_, _): (From, u64)| {
                cx.data_mut().count()?;
                Ok((Streamed::<Vec<u8>>::Err(StreamError::Closed),))
            })?;
        }
        "skip" | "blocking-skip" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (_, _): (From, u64)| {
                cx.data_mut().count()?;
                Ok((Streamed::<u64>::Err(StreamError::Closed),))
            })?;
        }
        "subscribe" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (From,)| {
            cx.data_mut().count()?;
            Ok((Resource::<Pollable>::new_own(0),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn write(it: &mut LinkerInstance<'_, Guest>, name: &str, method: &str) -> wasmtime::Result<bool> {
    type To = Resource<OutputStream>;
    match method {
        "check-write" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (To,)| {
            cx.data_mut().count()?;
            Ok((Streamed::Ok(ROOM),))
        })?,
        "write" | "blocking-write-and-flush" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (to, bytes): (To, Vec<u8>)| {
                let guest = cx.data_mut();
                guest.count()?;
                guest.print(Stream::of(to.rep()), &bytes);
                Ok((Streamed::Ok(()),))
            })?;
        }
        // Zeroes are no text.
        "write-zeroes" | "blocking-write-zeroes-and-flush" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (_, _): (To, u64)| {
                cx.data_mut().count()?;
                Ok((Streamed::Ok(()),))
            })?;
        }
        "flush" | "blocking-flush" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (To,)| {
            cx.data_mut().count()?;
            Ok((Streamed::Ok(()),))
        })?,
        "splice" | "blocking-splice" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (_, _, _): (To, Resource<InputStream>, u64)| {
                cx.data_mut().count()?;
                Ok((Streamed::<u64>::Err(StreamError::Closed),))
            })?;
        }
        "subscribe" => it.func_wrap(name, |mut cx: Cx<'_>, (_,): (To,)| {
            cx.data_mut().count()?;
            Ok((Resource::<Pollable>::new_own(0),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}
