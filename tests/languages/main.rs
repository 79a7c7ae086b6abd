//! Every language makes a plugin that the real proxy runs: from `hither plugin new` to an answer over a
//! socket, and the walkthrough of `plugin-sdk/README.md` as it stands there. Compilers and interpreters
//! of five languages are needed: `make test-languages` installs what a machine lacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod languages;
mod project;
mod walkthrough;
