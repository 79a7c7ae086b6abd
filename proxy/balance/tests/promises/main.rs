//! What the balancer promises, one file per promise.

mod example;
mod service;
