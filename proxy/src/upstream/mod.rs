//! Instances as something to connect to.

mod peer;

pub(crate) use peer::{Endpoint, Patience};
