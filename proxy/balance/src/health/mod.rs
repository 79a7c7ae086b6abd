//! Whose requests fail, who is ejected for it, and who is warming up: records of the few instances
//! that there is something to say about, and the time at which the next of them changes.
//!
//! Active checks do not come through here: their verdict is a bit of the live word, beside the one
//! for ejections, and each stands on its own. Must not know the queue or the order of closeness.

mod record;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use self::record::Record;
use crate::live::Live;
use crate::policy::{Handicap, Policy};

/// An instance, and whether it was available before a change.
pub(crate) type Before = (Arc<Live>, bool);

/// Instances whose load or availability has changed.
pub(crate) type Changed = SmallVec<[Before; 4]>;

/// The records of one service. A healthy instance that nothing happened to has none.
#[derive(Default)]
pub(crate) struct Health {
    records: HashMap<usize, Case>,
    /// When to look at which record again. May hold times that were overtaken.
    timers: BinaryHeap<Reverse<(Duration, usize)>>,
    ejected: usize,
}

struct Case {
    live: Arc<Live>,
    record: Record,
    /// The earliest of its timers.
    timer: Option<Duration>,
}

impl Health {
    /// When [`Health::advance`] next has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.timers.peek().map(|Reverse((time, _))| *time)
    }

    /// Instances that are ejected.
    pub(crate) fn ejected(&self) -> usize {
        self.ejected
    }

    pub(crate) fn ejected_until(&self, live: &Arc<Live>) -> Option<Duration> {
        self.records.get(&key(live))?.record.ejected_until()
    }

    /// A request failed. `true` if the instance should be ejected; its load has changed anyway.
    pub(crate) fn failed(&mut self, live: &Arc<Live>, policy: &Policy, now: Duration) -> bool {
        self.alter(live, policy, |record| record.failed(policy, now))
    }

    /// A request succeeded where failures are remembered.
    pub(crate) fn succeeded(&mut self, live: &Arc<Live>, policy: &Policy) {
        self.alter(live, policy, Record::succeeded);
    }

    /// A slow start, if there are such.
    pub(crate) fn warm_up(&mut self, live: &Arc<Live>, policy: &Policy) {
        if policy.slow_start.is_some() {
            self.alter(live, policy, Record::warm_up);
        }
    }

    /// Ejects an instance that deserves it, if no more than `most` are.
    pub(crate) fn eject(
        &mut self,
        live: &Arc<Live>,
        policy: &Policy,
        most: usize,
        now: Duration,
    ) -> bool {
        let case = self.records.get(&key(live));
        let deserved = case.is_some_and(|case| case.record.deserves_ejection(&policy.ejection));
        if !deserved || self.ejected >= most {
            return false;
        }
        self.ejected += 1;
        self.alter(live, policy, |record| record.eject(&policy.ejection, now));
        live.set_ejected(true);
        true
    }

    /// Lets everybody back in.
    pub(crate) fn pardon(&mut self, policy: &Policy) -> Changed {
        let ejected = |case: &&Case| case.record.ejected_until().is_some();
        let before = |case: &Case| (case.live.clone(), case.live.available());
        let lives: Changed = self.records.values().filter(ejected).map(before).collect();
        for (live, _) in &lives {
            live.set_ejected(false);
            self.alter(live, policy, |record| record.pardon(policy.slow_start));
        }
        self.ejected = 0;
        lives
    }

    /// What time has done.
    pub(crate) fn advance(&mut self, policy: &Policy, now: Duration) -> Changed {
        let mut changed = Changed::new();
        while let Some(Reverse((time, key))) = self.timers.peek().copied()
            && time <= now
        {
            self.timers.pop();
            let Some(case) = self.records.get_mut(&key).filter(|case| case.timer == Some(time))
            else {
                continue;
            };
            case.timer = None;
            let (live, before) = (case.live.clone(), case.live.available());
            if self.alter(&live, policy, |record| record.advance(policy, now)) {
                self.ejected -= 1;
                live.set_ejected(false);
            }
            changed.push((live, before));
        }
        changed
    }

    /// Another policy, or instances gone: who is not seated any more is forgotten.
    pub(crate) fn review(&mut self, policy: &Policy) {
        let lives: Vec<Arc<Live>> = self.records.values().map(|case| case.live.clone()).collect();
        for live in lives {
            let no_ejections = policy.ejection.failures == 0;
            if !live.is_seated() || (no_ejections && live.ejected()) {
                self.forget(&live);
            } else {
                self.alter(&live, policy, |_| ());
            }
        }
    }

    /// Forgets all about an instance.
    pub(crate) fn forget(&mut self, live: &Arc<Live>) {
        if let Some(case) = self.records.remove(&key(live)) {
            self.ejected -= usize::from(case.record.ejected_until().is_some());
            live.set_ejected(false);
            live.set_handicap(Handicap::NONE);
            live.set_failing(false);
        }
    }

    /// Changes a record and what the instance shows of it; sets its timer, or drops it if there is
    /// nothing left to remember.
    fn alter<R>(
        &mut self,
        live: &Arc<Live>,
        policy: &Policy,
        alter: impl FnOnce(&mut Record) -> R,
    ) -> R {
        let mut entry = match self.records.entry(key(live)) {
            Entry::Occupied(known) => known,
            Entry::Vacant(place) => place.insert_entry(Case {
                live: live.clone(),
                record: Record::default(),
                timer: None,
            }),
        };
        let Case { record, timer, .. } = entry.get_mut();
        let result = alter(record);
        live.set_handicap(record.handicap(policy));
        live.set_failing(record.is_failing());
        match record.next(policy) {
            Some(next) if timer.is_none_or(|timer| next < timer) => {
                *timer = Some(next);
                self.timers.push(Reverse((next, key(live))));
            }
            None if !record.is_failing() => {
                entry.remove();
            }
            _ => {}
        }
        result
    }
}

/// Records are kept by the address of what they are about, which they keep alive.
fn key(live: &Arc<Live>) -> usize {
    Arc::as_ptr(live).addr()
}
