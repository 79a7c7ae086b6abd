//! Code that is kept elsewhere: fetched over https and from OCI registries, and pushed there.
//!
//! Whatever is fetched is named by its SHA-256, so that a name means the same bytes on every edge and at
//! every moment: a tag that moves, a server that is taken over and a torn file on disk are all the same
//! refusal. What was fetched once is kept on disk by that digest, and needs no network again.
//!
//! Blocking, for threads that serve nobody. Every answer is hostile: bounded in size and time, and looked
//! at only when its digest is right. Must not know what a plugin is, nor how one is configured.

mod digest;
mod error;
mod fetcher;
mod registry;
mod store;
mod transport;

pub use digest::Sha256;
pub use error::FetchError;
pub use fetcher::{Fetcher, Place};
pub use registry::{Artifact, Image, Pushed, Surface};
