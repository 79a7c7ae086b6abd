//! Values that configurations are made of, read as the proxy reads its own: durations and
//! sizes with their unit, patterns of paths, names of headers.

mod field;
mod path;
mod size;
mod span;

pub use field::FieldName;
pub use path::{PathPattern, normalise};
pub use size::Size;
pub use span::Span;
