//! What an author of plugins needs, in one binary: a project to start from, a build that needs neither
//! `wit-bindgen` nor `wasm-tools`, and a bench on which a plugin is asked without a proxy around it.
//!
//! It knows the contract, five languages' ways to make a component, and the plugin host. It must not know
//! configuration files of the proxy, services, sockets or snapshots.
//!
//! | step | room |
//! |---|---|
//! | a new project | [`create`](fn@create), `language` |
//! | what a project says of itself | [`Project`] |
//! | sources become a component | [`build`](fn@build): one file per language, `tool`, `component` |
//! | the contract and the world, as files and as types | `contract` |
//! | a component is asked | [`Workbench`], `message`, `exchange`, `answer` |
//! | what it should say | [`check`](fn@check) |
//! | it is packed for a registry | [`Parcel`] |

mod answer;
mod bench;
mod build;
mod component;
mod contract;
mod create;
mod error;
mod exchange;
mod fixtures;
mod kit;
mod language;
mod message;
mod parcel;
mod project;
mod surroundings;
mod tool;
mod workbench;

pub use answer::Answers;
pub use bench::{Measured, Percentiles};
pub use build::{Built, build};
pub use create::create;
pub use error::Error;
pub use fixtures::{Outcome, Verdict, check};
pub use language::Language;
pub use message::{RequestFile, ResponseFile};
pub use parcel::Parcel;
pub use project::Project;
pub use workbench::{Sheet, Workbench};

/// Files of this repository that projects and builds are made of.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/files.rs"));

    /// Which versions of other crates this repository uses.
    pub(crate) const WORKSPACE: &str = include_str!("../../../Cargo.toml");
    /// WASI 0.1 for modules that want it, as a core module on WASI 0.2.
    pub(crate) const PREVIEW1: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview1.wasm"));
    /// What the adapter imports.
    pub(crate) const PREVIEW1_WIT: &str = include_str!("../adapter/wasi.wit");
}
