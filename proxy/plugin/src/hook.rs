//! Names of the contract: which hooks and capabilities exist, which are served now, and what a
//! name in a component's import or export list means. It knows no component and no configuration.

use std::fmt;
use std::str::FromStr;

/// The package that every name of the contract begins with.
pub(crate) const PACKAGE: &str = "hither:plugin/";
/// The served version; every patch release of it is compatible.
pub(crate) const VERSION: &str = "0.1.0";
const COMPATIBLE: &str = "0.1.";

/// A hook that the host calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// `routing.select`: where may this request go?
    Routing,
    /// `request-filter.on-request`: may it pass, and changed how?
    RequestFilter,
    /// `response-filter.on-response`: what is changed in the answer's head?
    ResponseFilter,
    /// `rate-limit.classify`: which limiters count this request, and under which keys?
    RateLimit,
    /// `access-log.on-complete`: these exchanges have ended.
    AccessLog,
    /// `background.on-tick`: some time has passed.
    Background,
    /// `request-body`: what is changed in what the client sends?
    RequestBody,
    /// `response-body`: what is changed in what the instance answers?
    ResponseBody,
    /// `failover.on-failure`: is a failed attempt repeated, and where?
    Failover,
    /// `cache-policy`: under which key is it looked up, and is it kept?
    CachePolicy,
}

/// What happens to a request whose plugin call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// As if the plugin had said "pass".
    Skip,
    /// The client gets a 503.
    Reject,
}

impl Hook {
    /// Every served hook.
    pub const ALL: [Self; 10] = [
        Self::Routing,
        Self::RequestFilter,
        Self::ResponseFilter,
        Self::RateLimit,
        Self::AccessLog,
        Self::Background,
        Self::RequestBody,
        Self::ResponseBody,
        Self::Failover,
        Self::CachePolicy,
    ];

    /// The name in `wit/`, in configuration and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::RequestFilter => "request-filter",
            Self::ResponseFilter => "response-filter",
            Self::RateLimit => "rate-limit",
            Self::AccessLog => "access-log",
            Self::Background => "background",
            Self::CachePolicy => "cache-policy",
            Self::RequestBody => "request-body",
            Self::ResponseBody => "response-body",
            Self::Failover => "failover",
        }
    }

    /// Whether whoever calls it can wait, so that a plugin with this hook may import `http`.
    pub fn may_wait(self) -> bool {
        match self {
            Self::Routing
            | Self::RequestFilter
            | Self::RateLimit
            | Self::AccessLog
            | Self::Background => true,
            Self::ResponseFilter
            | Self::RequestBody
            | Self::ResponseBody
            | Self::Failover
            | Self::CachePolicy => false,
        }
    }

    /// What happens on failure where the operator did not say: a router that is broken must not
    /// stop traffic, a filter that is broken may have been what kept somebody out.
    pub fn default_on_failure(self) -> OnFailure {
        match self {
            Self::Routing
            | Self::Failover
            | Self::CachePolicy
            | Self::AccessLog
            | Self::Background => OnFailure::Skip,
            Self::RequestFilter
            | Self::ResponseFilter
            | Self::RateLimit
            | Self::RequestBody
            | Self::ResponseBody => OnFailure::Reject,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The hooks that one plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks(u16);

impl Hooks {
    #[cfg(test)]
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn insert(&mut self, hook: Hook) {
        self.0 |= 1 << hook as u8;
    }

    /// Whether the plugin exports this hook.
    pub fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }

    /// Whether it exports none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The exported hooks, in the order of [`Hook::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Hook> {
        Hook::ALL.into_iter().filter(move |hook| self.contains(*hook))
    }
}

/// Something that the host offers to plugins whose operator granted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// `log`: structured, rate-limited lines.
    Log,
    /// `metrics`: the metrics that the manifest declares.
    Metrics,
    /// `store`: bounded, expiring, edge-local memory.
    Store,
    /// `instances`: what the balancer knows.
    Instances,
    /// `limits`: charging limiters and looking at them.
    Limits,
    /// `cache-control`: purging what is kept.
    CacheControl,
    /// `secrets`: signing with and comparing what the guest never sees.
    Secrets,
    /// `http`: calls to granted services; whoever imports it waits.
    Http,
}

/// A word in `grants` that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no capability is called `{0}`; there are {all}", all = Capability::ALL.map(Capability::name).join(", "))]
pub struct UnknownCapability(pub String);

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 8] = [
        Self::Log,
        Self::Metrics,
        Self::Store,
        Self::Instances,
        Self::Limits,
        Self::CacheControl,
        Self::Secrets,
        Self::Http,
    ];

    /// The name in `wit/` and in `grants`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Metrics => "metrics",
            Self::Store => "store",
            Self::Instances => "instances",
            Self::Limits => "limits",
            Self::CacheControl => "cache-control",
            Self::Secrets => "secrets",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|capability| capability.name() == text);
        found.ok_or_else(|| UnknownCapability(text.to_owned()))
    }
}

/// What a name in a component's import or export list stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Plain types; nothing can be called.
    Types,
    Lifecycle,
    Hook(Hook),
    Capability(Capability),
    /// Of the contract's package, in a version that this host does not speak.
    OtherVersion,
    /// Of the contract's package, but the contract has no such interface.
    Unknown,
    /// What ordinary toolchains pull in and everybody gets, since it reaches nothing.
    InertWasi,
    /// The rest of WASI.
    Wasi,
    /// None of ours.
    Foreign,
}

/// Reads a name such as `hither:plugin/routing@0.1.0`.
pub(crate) fn meaning(name: &str) -> Meaning {
    if crate::wasi::inert(name).is_some() {
        return Meaning::InertWasi;
    }
    if name.starts_with("wasi:") {
        return Meaning::Wasi;
    }
    let Some(rest) = name.strip_prefix(PACKAGE) else { return Meaning::Foreign };
    let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
    if !version.starts_with(COMPATIBLE) {
        return Meaning::OtherVersion;
    }
    match interface {
        "types" => Meaning::Types,
        "lifecycle" => Meaning::Lifecycle,
        _ => {
            let hook = Hook::ALL.into_iter().find(|hook| hook.name() == interface);
            let capability = Capability::ALL.into_iter().find(|known| known.name() == interface);
            match (hook, capability) {
                (Some(hook), _) => Meaning::Hook(hook),
                (None, Some(capability)) => Meaning::Capability(capability),
                (None, None) => Meaning::Unknown,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_with_its_version() {
        assert_eq!(meaning("hither:plugin/routing@0.1.0"), Meaning::Hook(Hook::Routing));
        assert_eq!(meaning("hither:plugin/routing@0.1.7"), Meaning::Hook(Hook::Routing));
        assert_eq!(meaning("hither:plugin/routing@0.2.0"), Meaning::OtherVersion);
        assert_eq!(meaning("hither:plugin/routing@0.10.0"), Meaning::OtherVersion);
        assert_eq!(meaning("hither:plugin/routing"), Meaning::OtherVersion);
        assert_eq!(meaning("hither:plugin/store@0.1.0"), Meaning::Capability(Capability::Store));
        let purges = meaning("hither:plugin/cache-control@0.1.0");
        assert_eq!(purges, Meaning::Capability(Capability::CacheControl));
        assert_eq!(meaning("hither:plugin/nonsense@0.1.0"), Meaning::Unknown);
        assert_eq!(meaning("wasi:io/streams@0.2.3"), Meaning::InertWasi);
        assert_eq!(meaning("wasi:http/types@0.2.3"), Meaning::Wasi);
        assert_eq!(meaning("acme:thing/x@1.0.0"), Meaning::Foreign);
    }

    #[test]
    fn a_grant_that_is_unknown_says_so() {
        assert_eq!("store".parse(), Ok(Capability::Store));
        let unknown = "sotre".parse::<Capability>().unwrap_err();
        assert_eq!(unknown, UnknownCapability("sotre".to_owned()));
        assert!(unknown.to_string().contains("limits, cache-control, secrets"), "{unknown}");
    }
}
