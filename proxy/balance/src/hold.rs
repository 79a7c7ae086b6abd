//! How a permit keeps its instance: by the count that all share, or by one of the thread's own.
//!
//! In a small service the same few instances are taken again and again, and every count that two
//! processors write goes from one to the other each time. The live word has to; the count of who
//! keeps an instance need not. Must not know tables, load or the queue.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use crate::instance::Instance;

/// Threads with counts of their own; further ones share those, which costs time and nothing else.
pub(crate) const STRIPES: usize = 8;

/// What keeps an instance.
pub(crate) enum Hold<T> {
    /// The count that all share.
    Shared(Arc<Instance<T>>),
    /// A count that one thread uses more than others.
    Striped(Arc<Stripe<T>>),
}

/// Aligned so that no two counts are in one line of a processor's cache.
#[repr(align(64))]
pub(crate) struct Stripe<T>(Arc<Instance<T>>);

/// The counts of a few instances, by instance and thread. Made when they are first needed.
pub(crate) struct Stripes<T>(Box<[OnceLock<Arc<Stripe<T>>>]>);

impl<T> Stripes<T> {
    /// For so many instances; none have no stripes.
    pub(crate) fn new(instances: usize) -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(instances * STRIPES).collect())
    }

    /// Keeps the instance with this number.
    pub(crate) fn hold(&self, number: usize, instance: &Arc<Instance<T>>) -> Hold<T> {
        if self.0.is_empty() {
            return Hold::Shared(instance.clone());
        }
        match self.0.get(number * STRIPES + thread()) {
            Some(stripe) => {
                let stripe = stripe.get_or_init(|| Arc::new(Stripe(instance.clone())));
                Hold::Striped(stripe.clone())
            }
            None => Hold::Shared(instance.clone()),
        }
    }
}

impl<T> Deref for Hold<T> {
    type Target = Arc<Instance<T>>;

    fn deref(&self) -> &Arc<Instance<T>> {
        match self {
            Self::Shared(instance) => instance,
            Self::Striped(stripe) => &stripe.0,
        }
    }
}

/// This thread's number, below [`STRIPES`].
pub(crate) fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const UNKNOWN: usize = usize::MAX;
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) });
    NUMBER.with(|number| {
        if number.get() == UNKNOWN {
            number.set(NEXT.fetch_add(1, Relaxed) % STRIPES);
        }
        number.get()
    })
}
