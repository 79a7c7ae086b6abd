//! The types of single values: names, durations, sizes, rates, addresses, choices. Each knows how
//! it is written and why a text is refused. Must not know keys or tables.

mod address;
mod choice;
mod code;
mod condition;
mod digest;
mod dns_name;
mod duration;
mod host;
mod limit_key;
mod location;
mod name;
mod path_prefix;
mod rate;
mod request;
mod share;
mod size;

pub use address::AdminAddress;
pub(crate) use address::{ListenAddress, Network, PeerAddress};
pub use choice::{
    Capability, CheckMethod, ConcurrencyType, Isolation, LogFormat, LogLevel, OnFailure,
    OutageKind, Process, SoftLimitScope, Spread,
};
pub use code::{Code, OciImage};
pub use condition::PathPattern;
pub(crate) use condition::{AnyFieldName, MethodName};
pub use digest::Digest;
pub use dns_name::DnsName;
pub use duration::parse_duration;
pub use host::HostPattern;
pub use limit_key::LimitKey;
pub use location::AccessLog;
pub(crate) use location::{FilePath, LabelValue, VariableName, VariableValue};
pub use name::Name;
pub use path_prefix::PathPrefix;
pub use rate::Rate;
pub(crate) use request::{FieldName, FieldValue, RequestPath};
pub use share::Share;
pub use size::Size;
