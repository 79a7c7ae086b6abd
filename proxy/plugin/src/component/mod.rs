//! Components that answer requests: `wasi:http/incoming-handler` of WASI 0.2, one instance for each request.
//! They have an engine, a pool of memory and a clock of their own, so that a crowd of them takes nothing
//! from plugins.
//!
//! What WASI is made of is Wasmtime's own `wasmtime-wasi` and `wasmtime-wasi-http`: a component waits, unlike
//! most plugins, so that inert WASI would not do. It knows no service and no socket: a request comes as
//! `http` has it, with a body that is read as the guest reads it, and the answer goes the same way.
//!
//! | file | what |
//! |---|---|
//! | `host` | the engine, and loading |
//! | `spec` | what a component is made from, and its budget |
//! | `visit` | one instance and its request, from start to end |
//! | `visitor` | what an instance holds of the host |
//! | `meter` | the processor's time of one instance, on a thread that it shares with others |
//! | `body` | the answer's body, which tells when the guest broke off |
//! | `prints` | what it prints becomes log lines |

mod body;
mod host;
mod meter;
mod prints;
mod spec;
mod visit;
mod visitor;

pub use body::{AnswerBody, BrokenOff};
pub use host::{Component, ComponentHost, ComponentHostOptions};
pub use prints::{PrintedLine, Printer};
pub use spec::{ComponentBudget, ComponentSpec};
pub use visit::{Visit, Visited};
