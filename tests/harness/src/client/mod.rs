//! Clients that show exactly what came back: raw HTTP/1, HTTP/2, tunnels, WebSockets, and load.

pub(crate) mod error;
pub(crate) mod h2;
pub(crate) mod http1;
pub(crate) mod load;
pub(crate) mod report;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tunnel;
pub(crate) mod websocket;
