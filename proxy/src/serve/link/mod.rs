//! Connections to instances over HTTP/1: opened, lent to Pingora for one exchange each, watched
//! over meanwhile, and kept for the next.
//!
//! Pingora's own pool spawns a task, arms a timer and locks a list of the least recently used for
//! every request that ends. Here a connection that is given back is pushed on a list of its thread,
//! and one sweep a second looks after all that are idle. And it bounds each wait by the progress
//! that was made, which Pingora's timeout per read does not.
//!
//! | file | what |
//! |---|---|
//! | `deadlines` | how long an exchange may wait for the instance: pure |
//! | `wire` | a connection and its timer |
//! | `stream` | the connection as Pingora's stream type, for one exchange |
//! | `pool` | idle connections of one thread |
//! | `connector` | Pingora asks for a connection |
//! | `door` | the way to a component, inside the process |

mod connector;
mod deadlines;
mod door;
mod pool;
mod stream;
mod wire;

pub(super) use connector::Links;
pub(super) use deadlines::Deadlines;
pub(super) use door::peer as door;
