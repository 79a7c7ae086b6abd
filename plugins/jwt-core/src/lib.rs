//! What the plugins `jwt` and `jwt-jwks` have in common: tokens (RFC 7519, RFC 7515), keys, what must be true
//! of claims, and what becomes of a request. It knows no capability: who has a secret or an issuer's keys
//! hands them over, so that each plugin imports only what it needs.

mod claims;
mod config;
mod gate;
mod key;
mod refusal;
mod remembered;
mod token;

pub use config::{Config, Jwks};
pub use gate::{COOKIE, Gate, HEADER};
pub use key::{Hmac, Keys};
pub use refusal::Refusal;
pub use token::Token;
