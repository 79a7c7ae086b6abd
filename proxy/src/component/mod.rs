//! Services that a component answers on this edge: loaded for a snapshot, started for each request, counted
//! and complained about. With `chain` the only room that calls the plugin host.
//!
//! To Pingora a component looks like an instance that speaks HTTP/1 over a connection inside the process
//! (`serve/link/door.rs`), so that everything which is done with an instance's answer is done with a
//! component's: plugins, framing, deadlines, cuts. This room must not know Pingora.
//!
//! | file | what |
//! |---|---|
//! | `load` | a snapshot's components: carried over, or loaded |
//! | `answerer` | who answers for one service, and how well that goes |
//! | `places` | how many requests at once |
//! | `answering` | one request: from a place to an end |
//! | `message` | bodies that the guest does not read, or nobody wants |

mod answerer;
mod answering;
mod load;
mod message;
mod places;

pub(crate) use answerer::Answerer;
pub(crate) use answering::Answering;
pub(crate) use load::{ComponentLoader, Wanted};
