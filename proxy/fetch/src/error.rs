//! Every way in which fetching and pushing can fail, told so that a person knows what to do.

use crate::digest::Sha256;

/// Why something could not be fetched or pushed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer: name, connection, certificate or time.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// An answer that says no.
    #[error("{url} answers {status}{told}")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What else was said, bounded and printable, beginning with `: `; may be empty.
        told: String,
    },
    /// More bytes than there may be.
    #[error("{url} answers with more than {most} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The bound.
        most: u64,
    },
    /// Other bytes than those that were asked for.
    #[error("{url} has other bytes: their SHA-256 is {found}, and {wanted} is wanted")]
    OtherBytes {
        /// What was asked.
        url: String,
        /// What was asked for.
        wanted: Sha256,
        /// What came.
        found: Sha256,
    },
    /// An image that holds no WebAssembly in the way that is understood.
    #[error("{image} is no WebAssembly artifact: {why}")]
    Layout {
        /// The image.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// A registry that wants to be told who asks, and nothing to tell it.
    #[error("{registry} wants credentials: {why}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is missing.
        why: String,
    },
}
