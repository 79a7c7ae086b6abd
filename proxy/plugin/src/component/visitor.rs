//! What one instance of a component holds of the host: its handles, its WASI without files or sockets, its
//! budgets. It knows neither the request nor the answer.

use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::body::Ended;
use super::meter::Meter;
use super::prints::Prints;
use crate::guest::Memory;
use crate::wasi::Stream;

/// Handles that it may hold at once: streams, waits, fields.
const HANDLES: usize = 4096;
/// What a component takes at once of a body that it writes.
const PIECE: usize = 64 << 10;
/// Bytes of the fields of one message, as they lie in memory; a head of 64 KiB fits.
const FIELDS: usize = 128 << 10;
/// Random bytes at once; more is no key and no seed.
const RANDOM: u64 = 64 << 10;

/// The data of one instance's store. The order matters: fields are dropped in it, and how it ended must be
/// known before the handles are gone.
pub(super) struct Visitor {
    pub(super) ended: Ended,
    pub(super) memory: Memory,
    pub(super) meter: Arc<Meter>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl Visitor {
    pub(super) fn new(
        memory: usize,
        meter: Arc<Meter>,
        prints: &Prints,
        environment: &[(String, String)],
    ) -> Self {
        let wasi = WasiCtx::builder()
            .envs(environment)
            .stdout(prints.stream(Stream::Out))
            .stderr(prints.stream(Stream::Error))
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(RANDOM)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS);
        let (ended, memory) = (Ended::default(), Memory::new(memory));
        Self { ended, memory, meter, table, wasi, http, hooks: Hooks }
    }
}

impl WasiView for Visitor {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Visitor {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// How `wasi:http` behaves here.
struct Hooks;

type Sent = (http::Response<UnsyncBoxBody<bytes::Bytes, Error>>, Told);
type Told = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// A component has no way out: whom it may call is not said anywhere.
    fn send_request(
        &mut self,
        _: http::Request<UnsyncBoxBody<bytes::Bytes, Error>>,
        _: Option<RequestOptions>,
        _: Told,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }
}
