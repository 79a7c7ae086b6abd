//! Messages that outlive their exchange: copied for one revision, with the inputs that it declares, to be
//! shown to it later. It knows nobody who would want that.

use http::{Method, StatusCode};

use crate::input::InputName;
use crate::request::{Inputs, Protocol, RequestHead, ResponseHead, Values};
use crate::revision::Revision;

/// About what a copy takes beside its text.
const OVERHEAD: usize = 512;

/// Declared inputs with their values.
#[derive(Debug, Clone)]
struct Kept(Vec<(InputName, Box<[u8]>)>);

/// A request as it was.
#[derive(Debug, Clone)]
pub struct KeptRequest {
    exchange: u64,
    now_ms: u64,
    config: u32,
    method: Method,
    protocol: Protocol,
    tls: bool,
    end_of_stream: bool,
    authority: Box<str>,
    path: Box<str>,
    inputs: Kept,
}

/// A response as it was.
#[derive(Debug, Clone)]
pub struct KeptResponse {
    exchange: u64,
    now_ms: u64,
    config: u32,
    status: StatusCode,
    from_cache: bool,
    end_of_stream: bool,
    inputs: Kept,
}

impl Revision {
    /// Copies a request for this revision.
    pub fn keep_request(&self, head: &RequestHead<'_>) -> KeptRequest {
        let names = self.configured(head.config).map_or(&[][..], |given| &given.request);
        KeptRequest {
            exchange: head.exchange,
            now_ms: head.now_ms,
            config: head.config,
            method: head.method.clone(),
            protocol: head.protocol,
            tls: head.tls,
            end_of_stream: head.end_of_stream,
            authority: head.authority.into(),
            path: head.path.into(),
            inputs: Kept::of(head.inputs, names),
        }
    }

    /// Copies a response for this revision.
    pub fn keep_response(&self, head: &ResponseHead<'_>) -> KeptResponse {
        let names = self.configured(head.config).map_or(&[][..], |given| &given.response);
        KeptResponse {
            exchange: head.exchange,
            now_ms: head.now_ms,
            config: head.config,
            status: head.status,
            from_cache: head.from_cache,
            end_of_stream: head.end_of_stream,
            inputs: Kept::of(head.inputs, names),
        }
    }
}

impl KeptRequest {
    /// The request, to be asked about once more.
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead {
            exchange: self.exchange,
            now_ms: self.now_ms,
            config: self.config,
            rehearsal: false,
            method: &self.method,
            protocol: self.protocol,
            tls: self.tls,
            end_of_stream: self.end_of_stream,
            authority: &self.authority,
            path: &self.path,
            inputs: &self.inputs,
        }
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        OVERHEAD + self.authority.len() + self.path.len() + self.inputs.size()
    }
}

impl KeptResponse {
    /// The response, to be asked about once more.
    pub fn head(&self) -> ResponseHead<'_> {
        ResponseHead {
            exchange: self.exchange,
            now_ms: self.now_ms,
            config: self.config,
            status: self.status,
            from_cache: self.from_cache,
            end_of_stream: self.end_of_stream,
            inputs: &self.inputs,
        }
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        OVERHEAD + self.inputs.size()
    }
}

impl Kept {
    fn of(inputs: &dyn Inputs, names: &[Option<InputName>]) -> Self {
        let mut kept: Vec<(InputName, Box<[u8]>)> = Vec::new();
        let values = Values::read(inputs, names).into_values();
        for (slot, value) in values {
            let slot = usize::from(slot);
            let Some(Some(name)) = names.get(slot) else { continue };
            // A name that is declared twice is read by its name for both.
            if !names.iter().take(slot).flatten().any(|before| before == name) {
                kept.push((name.clone(), Box::from(&*value)));
            }
        }
        Self(kept)
    }

    fn size(&self) -> usize {
        self.0.iter().map(|(_, value)| value.len() + size_of::<(InputName, Box<[u8]>)>()).sum()
    }
}

impl Inputs for Kept {
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>) {
        for (_, value) in self.0.iter().filter(|(kept, _)| kept == name) {
            values.push(&**value);
        }
    }
}
