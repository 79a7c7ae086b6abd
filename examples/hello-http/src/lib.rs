//! Greets whoever asks, with the word from its environment. Plain WASI HTTP 0.2: any host of that runs it.

// For WebAssembly alone.
#![cfg(target_arch = "wasm32")]

use wasip2::cli::environment::get_environment;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if let Err(error) = greet(&request, out) {
            // The head has gone: the end of this instance is all that can still be told.
            std::panic::panic_any(error);
        }
    }
}

fn greet(request: &IncomingRequest, out: ResponseOutparam) -> Result<(), ErrorCode> {
    let variables = get_environment();
    let greeting = variables.iter().find(|(name, _)| name == "GREETING");
    let greeting = greeting.map_or("Hello", |(_, greeting)| greeting);
    let path = request.path_with_query().unwrap_or_default();
    let words = format!("{greeting} from the edge, {path}\n");

    let broken = |_| ErrorCode::InternalError(None);
    let head = OutgoingResponse::new(Fields::new());
    let body = head.body().map_err(broken)?;
    ResponseOutparam::set(out, Ok(head));
    let stream = body.write().map_err(broken)?;
    stream
        .blocking_write_and_flush(words.as_bytes())
        .map_err(|_| ErrorCode::ConnectionTerminated)?;
    drop(stream);
    OutgoingBody::finish(body, None)
}
