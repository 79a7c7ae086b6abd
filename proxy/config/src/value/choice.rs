//! Values that are one of a few words.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, closest, text};

macro_rules! choice {
    ($(#[$doc:meta])* $type:ident, $what:literal, $example:literal {
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
            const EXAMPLE: &'static str = $example;

            fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
                let text = text::<Self>(value)?;
                let found = Self::ALL.iter().find(|choice| choice.as_str() == text);
                found.copied().ok_or_else(|| {
                    no_such_word(Complaint::not_a::<Self>(text), text, &[$($word,)+])
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

fn no_such_word(complaint: Complaint, text: &str, words: &[&'static str]) -> Complaint {
    let all: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let complaint = match all.as_slice() {
        [only] => complaint.help(format!("in this version it can only be {only}")),
        _ => complaint.help(format!("it is one of {}", all.join(", "))),
    };
    match closest(text, words.iter().copied()) {
        Some(near) => complaint.label(format!("did you mean \"{near}\"?")),
        None => complaint,
    }
}

choice! {
    /// How the application log is written.
    LogFormat, "a log format", "\"json\"" {
        /// One JSON object per line.
        Json = "json",
        /// Lines for people.
        Text = "text",
    }
}

choice! {
    /// The least severe level that the application log shows.
    LogLevel, "a log level", "\"info\"" {
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
    ConcurrencyType, "a type of concurrency", "\"requests\"" {
        /// Requests in flight.
        Requests = "requests",
        /// Client connections.
        Connections = "connections",
    }
}

choice! {
    /// How far the balancer looks before it goes above a soft limit.
    SoftLimitScope, "a scope of soft limits", "\"global\"" {
        /// Everywhere: a farther instance below its soft limit comes first.
        Global = "global",
        /// In the closest region: it is left only when all of it is full.
        Region = "region",
    }
}

choice! {
    /// How load spreads over almost equally close instances.
    Spread, "a way to spread", "\"class\"" {
        /// Evenly inside a round-trip class.
        Class = "class",
        /// In the order of round trips.
        Strict = "strict",
    }
}

choice! {
    /// What a plugin may use of the proxy: the interfaces of `host.wit` that this version serves.
    Capability, "a capability", "\"log\"" {
        /// Write to the plugin's log.
        Log = "log",
        /// Keep values between requests.
        Store = "store",
        /// Count, gauge and observe.
        Metrics = "metrics",
        /// See the instances of a service.
        Instances = "instances",
    }
}

choice! {
    /// What a failed call of a plugin means for its request.
    OnFailure, "an answer to failure", "\"skip\"" {
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
    Isolation, "a kind of isolation", "\"pooled\"" {
        /// Reused for many calls.
        Pooled = "pooled",
        /// Made afresh for each request.
        PerRequest = "per-request",
    }
}

choice! {
    /// What a limit counts apart; an empty list of keys counts the whole service.
    LimitKey, "a key of limits", "\"client.address\"" {
        /// Each client: an IPv4 address, an IPv6 /64.
        ClientAddress = "client.address",
    }
}
