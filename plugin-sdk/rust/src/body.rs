//! The traits of plugins that read bodies.
//!
//! These hooks have no `self`, because the contract does not say under which configuration a body passes.
//! What they need of it, the filter that asks for the body puts into its memo; with `request.config` there,
//! [`configured`](crate::configured) finds the whole value.

use crate::{ChunkVerdict, Exports, RequestFilter, ResponseFilter, WholeVerdict, hook};

/// Which message a body belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Body {
    /// The same number in every hook of one request.
    pub exchange: u64,
    /// What an earlier hook of this plugin left for this exchange, else 0.
    pub memo: u64,
}

/// Reads what the client sends, where [`RequestFilter::on_request`] asked for it with
/// [`RequestPatch::whole_body`](crate::RequestPatch::whole_body) or
/// [`RequestPatch::body_chunks`](crate::RequestPatch::body_chunks).
pub trait RequestBody: RequestFilter + Exports<hook::RequestBody> {
    /// All of it at once. The head has not been sent and may still be edited.
    fn on_whole_request(about: Body, body: Vec<u8>) -> WholeVerdict {
        let _ = (about, body);
        WholeVerdict::Keep
    }

    /// The next piece, at most 64 KiB; `last` when none follows. One instance of the plugin sees all
    /// pieces of a body and meanwhile nothing else, so what is kept in a static or thread-local holds
    /// from the first to the last; begin anew after the last one.
    fn on_request_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        let _ = (about, data, last);
        ChunkVerdict::Keep
    }
}

/// Reads what the instance answers, where [`ResponseFilter::on_response`] asked for it with
/// [`ResponsePatch::whole_body`](crate::ResponsePatch::whole_body) or
/// [`ResponsePatch::body_chunks`](crate::ResponsePatch::body_chunks).
pub trait ResponseBody: ResponseFilter + Exports<hook::ResponseBody> {
    /// All of it at once. The head has not been sent and may still be edited.
    fn on_whole_response(about: Body, body: Vec<u8>) -> WholeVerdict {
        let _ = (about, body);
        WholeVerdict::Keep
    }

    /// The next piece, as in [`RequestBody::on_request_chunk`].
    fn on_response_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        let _ = (about, data, last);
        ChunkVerdict::Keep
    }
}
