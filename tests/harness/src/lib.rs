//! Starts the real binary, origins and clients for the end-to-end tests.
