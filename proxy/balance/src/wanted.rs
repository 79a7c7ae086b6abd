//! What one request wants of an instance.
//!
//! Must not know tables or load.

use crate::instance::Instance;

/// What one request wants. Borrowed, so that asking costs no allocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only instances bearing all of these labels; `id` and `region` are labels too.
    pub require: &'a [(&'a str, &'a str)],
    /// Instances bearing the first of these are tried through open and busy, then the second,
    /// and so on, before the rest.
    pub prefer: &'a [(&'a str, &'a str)],
    /// Ids of instances that must not be chosen: those a retry has tried.
    pub exclude: &'a [&'a str],
    /// Same key, same instance while it is open and as close as any that is; empty: none. A
    /// request that has to wait takes what comes.
    pub affinity: &'a [u8],
}

impl Wanted<'_> {
    /// Whether it is nothing in particular.
    pub(crate) fn is_anything(&self) -> bool {
        self.require.is_empty()
            && self.prefer.is_empty()
            && self.exclude.is_empty()
            && self.affinity.is_empty()
    }

    /// Whether the instance is one that this request may go to, whatever its state.
    pub(crate) fn admits<T>(&self, instance: &Instance<T>) -> bool {
        self.require.iter().all(|(key, value)| instance.bears(key, value))
            && !self.exclude.contains(&instance.id())
    }
}

/// The part of a wish that decides who competes with whom, kept while a request waits: waiters
/// with the same requirement stand in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    require: Box<[(Box<str>, Box<str>)]>,
    exclude: Box<[Box<str>]>,
}

impl Requirement {
    pub(crate) fn of(wanted: &Wanted<'_>) -> Self {
        let mut require = owned(wanted.require);
        require.sort();
        require.dedup();
        let mut exclude: Vec<Box<str>> = wanted.exclude.iter().map(|id| (*id).into()).collect();
        exclude.sort();
        exclude.dedup();
        Self { require: require.into(), exclude: exclude.into() }
    }

    pub(crate) fn admits<T>(&self, instance: &Instance<T>) -> bool {
        self.require.iter().all(|(key, value)| instance.bears(key, value))
            && !self.exclude.iter().any(|id| **id == *instance.id())
    }

    /// Calls `ask` with the wish as it was, but for `prefer`, which is each waiter's own.
    pub(crate) fn with<R>(&self, prefer: &Preference, ask: impl FnOnce(&Wanted<'_>) -> R) -> R {
        let require = borrowed(&self.require);
        let prefer = borrowed(prefer);
        let exclude: Vec<&str> = self.exclude.iter().map(|id| &**id).collect();
        ask(&Wanted { require: &require, prefer: &prefer, exclude: &exclude, affinity: &[] })
    }
}

/// The preferred labels of a waiting request.
pub(crate) type Preference = [(Box<str>, Box<str>)];

pub(crate) fn owned(labels: &[(&str, &str)]) -> Vec<(Box<str>, Box<str>)> {
    labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

fn borrowed(labels: &[(Box<str>, Box<str>)]) -> Vec<(&str, &str)> {
    labels.iter().map(|(key, value)| (&**key, &**value)).collect()
}
