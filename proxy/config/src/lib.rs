//! Text to Plan: reads `hither.toml`, reports every problem at once, knows no runtime.
//!
//! The way of a file: [`Source`] (name and text) -> a tree with places (`syntax`) -> `raw` (typed,
//! as written, read through `read`, which also yields the JSON Schema) -> `check` (what only the
//! whole file can tell) -> [`Plan`]. Problems met on the way are gathered, never thrown, and become
//! one [`Report`].
//!
//! A simulator's file goes the same way: see [`scenario`].
//!
//! It must not know how a plan is carried out, and it reads neither the environment nor any file
//! but the one it is given.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use hither_config::{Environment, Source, load};
//!
//! let environment = Environment::new("ams-edge-1", NonZeroUsize::MIN, |name| std::env::var(name).ok());
//! let source = Source::new("hither.toml", "/etc/hither", r#"
//!     [[listener]]
//!     adress = "127.0.0.1:8080"
//!     [[service.web.instance]]
//!     id = "ams-1"
//!     address = "127.0.0.1:9001"
//! "#);
//! let report = load(&source, &environment).unwrap_err();
//! let problem = &report.problems()[0];
//! assert_eq!((problem.line, problem.column), (Some(3), Some(5)));
//! assert_eq!(problem.label.as_deref(), Some("did you mean `address`?"));
//! ```

mod change;
mod check;
mod environment;
mod findings;
mod plan;
mod plugin_config;
mod raw;
mod read;
mod report;
pub mod scenario;
mod schema;
mod source;
mod syntax;
mod value;

pub use change::InstanceChange;
pub use environment::Environment;
pub use plan::{
    AdminPlan, AttachmentPlan, CachePlan, CachingPlan, CertificatePlan, CheckKind, CheckPlan,
    ComponentPlan, ConcurrencyPlan, DiskPlan, DnsPlan, EdgePlan, EjectionPlan, Fits, HttpCheckPlan,
    InstancePlan, LimitPlan, ListenerPlan, LogPlan, OriginPlan, PlacePlan, Plan, PluginPlan,
    QueuePlan, QuotaPlan, RetryPlan, SecretPlan, ServicePlan, TimeoutsPlan, TlsPlan, TracePlan,
    WhenPlan,
};
pub use report::{Problem, Related, Report};
pub use schema::schema;
pub use source::{ReadError, Source};
pub use value::{
    AccessLog, AdminAddress, Capability, CheckMethod, Code, ConcurrencyType, Digest, DnsName,
    HostPattern, Isolation, LimitKey, LogFormat, LogLevel, Name, OciImage, OnFailure, OutageKind,
    PathPattern, PathPrefix, Process, Rate, Share, Size, SoftLimitScope, Spread, parse_duration,
};

/// Reads `source` into a [`Plan`].
///
/// What the file leaves open is taken from `environment` or from the defaults that
/// [`schema`] documents.
///
/// # Errors
/// Every problem of the file at once, in the order of the text.
pub fn load(source: &Source, environment: &Environment) -> Result<Plan, Report> {
    let mut findings = findings::Findings::default();
    let plan = syntax::parse(source.text(), &mut findings, |tree, findings| {
        let raw = read::read_root::<raw::RawFile>(tree, findings);
        check::check(raw, source.folder(), environment, findings)
    });
    match plan.flatten() {
        Some(plan) if findings.is_empty() => Ok(plan),
        _ => Err(Report::new(source, findings)),
    }
}
