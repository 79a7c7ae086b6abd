//! Which instance? The balancer's pure policy: no sockets, no clock of its own.
