//! Values that are one of a few words.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, closest, text};

macro_rules! choice {
    ($(#[$doc:meta])* $type:ident, $what:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// Every choice, in the order in which the documentation has them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Scalar for $type {
            const WHAT: &'static str = $what;

            fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
                const WORDS: &[&str] = &[$($word,)+];
                let text = text::<Self>(value).map_err(|complaint| one_of(complaint, WORDS))?;
                let found = Self::ALL.iter().find(|choice| choice.as_str() == text);
                found.copied().ok_or_else(|| {
                    let complaint = one_of(Complaint::not_a::<Self>(text), WORDS);
                    match closest(text, WORDS.iter().copied()) {
                        Some(near) => complaint.label(format!("did you mean \"{near}\"?")),
                        None => complaint,
                    }
                })
            }

            fn schema() -> Value {
                json!({ "enum": [$($word,)+] })
            }

            fn written(&self) -> Value {
                json!(self.as_str())
            }
        }
    };
}

fn one_of(complaint: Complaint, words: &[&str]) -> Complaint {
    let all: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match all.as_slice() {
        [only] => complaint.help(format!("in this version it can only be {only}")),
        _ => complaint.help(format!("it is one of {}", all.join(", "))),
    }
}

choice! {
    /// How the application log is written.
    LogFormat, "a log format" {
        /// One JSON object per line.
        Json = "json",
        /// Lines for people.
        Text = "text",
    }
}

choice! {
    /// The least severe level that the application log shows.
    LogLevel, "a log level" {
        /// What went wrong.
        Error = "error",
        /// And what might.
        Warn = "warn",
        /// And what changed.
        Info = "info",
        /// And why.
        Debug = "debug",
        /// And everything else.
        Trace = "trace",
    }
}

choice! {
    /// What an instance's limits count (seed 004, `[services.concurrency]`).
    ConcurrencyType, "a type of concurrency" {
        /// Requests in flight.
        Requests = "requests",
        /// Client connections.
        Connections = "connections",
    }
}

choice! {
    /// How far the balancer looks before it goes above a soft limit.
    SoftLimitScope, "a scope of soft limits" {
        /// Everywhere: a farther instance below its soft limit comes first.
        Global = "global",
        /// In the closest region: it is left only when all of it is full.
        Region = "region",
    }
}

choice! {
    /// How load spreads over almost equally close instances.
    Spread, "a way to spread" {
        /// Evenly inside a round-trip class.
        Class = "class",
        /// In the order of round trips.
        Strict = "strict",
    }
}

choice! {
    /// How a health check asks.
    CheckMethod, "a method of health checks" {
        /// For the page itself.
        Get = "GET",
        /// For its head alone.
        Head = "HEAD",
        /// For what the server can do.
        Options = "OPTIONS",
        /// With an empty body.
        Post = "POST",
    }
}

choice! {
    /// What a plugin may use of the proxy: the interfaces of `host.wit` that this version serves.
    Capability, "a capability" {
        /// Write to the plugin's log.
        Log = "log",
        /// Keep values between requests.
        Store = "store",
        /// Count, gauge and observe.
        Metrics = "metrics",
        /// See the instances of a service.
        Instances = "instances",
        /// Charge limiters and look at them.
        Limits = "limits",
        /// Purge what is kept for the services that the plugin is attached to.
        CacheControl = "cache-control",
        /// Call services.
        Http = "http",
        /// Sign with secrets and compare them.
        Secrets = "secrets",
    }
}

choice! {
    /// What a failed call of a plugin means for its request.
    OnFailure, "an answer to failure" {
        /// As fits the hook: routing is skipped, filters reject.
        ByHook = "by-hook",
        /// The request goes on as if the plugin were not there.
        Skip = "skip",
        /// The request is answered 503.
        Reject = "reject",
    }
}

choice! {
    /// How long an instance of a plugin lives.
    Isolation, "a kind of isolation" {
        /// Reused for many calls.
        Pooled = "pooled",
        /// Made afresh for each request.
        PerRequest = "per-request",
    }
}

choice! {
    /// How simulated requests fall in time.
    Process, "a way to arrive" {
        /// Independently of each other.
        Poisson = "poisson",
        /// At even distances.
        Even = "even",
    }
}

choice! {
    /// What a simulated request meets where nobody serves.
    OutageKind, "a kind of outage" {
        /// The process is gone: connections are refused.
        Refused = "refused",
        /// The network swallows everything.
        Blackhole = "blackhole",
    }
}
