//! Random bytes of the operating system, also where WASI would be content with worse.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::fault::Abuse;
use crate::guest::Guest;

type Cx<'a> = StoreContextMut<'a, Guest>;

/// The most at once; more is no key and no seed.
const MOST: usize = 64 << 10;

pub(super) fn define(it: &mut LinkerInstance<'_, Guest>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            it.func_wrap(name, |mut cx: Cx<'_>, (length,): (u64,)| {
                cx.data_mut().count()?;
                let length = usize::try_from(length).ok().filter(|length| *length <= MOST);
                let Some(length) = length else {
                    let reason = format!("it wanted more than {MOST} random bytes at once");
                    return Err(Abuse::Wasi(reason).into());
                };
                let mut bytes = vec![0; length];
                fill(&mut bytes)?;
                Ok((bytes,))
            })?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            it.func_wrap(name, |mut cx: Cx<'_>, ()| {
                cx.data_mut().count()?;
                Ok((number()?,))
            })?;
        }
        "insecure-seed" => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok(((number()?, number()?),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn number() -> Result<u64, Abuse> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn fill(mut bytes: &mut [u8]) -> Result<(), Abuse> {
    while !bytes.is_empty() {
        match getrandom(&mut *bytes, GetRandomFlags::NONBLOCK) {
            Ok(filled) => bytes = bytes.get_mut(filled..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(Abuse::Wasi(format!("random bytes cannot be had: {error}")));
            }
        }
    }
    Ok(())
}
