//! The attribute behind the hither-plugin crate.
