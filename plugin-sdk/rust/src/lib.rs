//! Write a Hither plugin in Rust.
