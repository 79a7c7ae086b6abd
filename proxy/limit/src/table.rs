//! Many buckets by key, in bounded memory.
//!
//! A key whose bucket has fully refilled can be forgotten without loss, so such keys make room for
//! others. When there is none of them, a new key is not counted by itself: the bucket of its
//! parent network decides, and whoever floods the table with networks shares that one bucket.
//!
//! Must not know what keys mean.

use parking_lot::Mutex;

use crate::gcra::{Charge, Gcra};
use crate::key::Key;
use crate::quota::{Decision, Quota};
use crate::shard::Shard;

/// Enough that threads seldom meet at one lock.
const SHARDS: usize = 256;

/// Keys that make a shard worth having: in smaller ones, chance would fill some before others.
const KEYS_PER_SHARD: usize = 4096;

/// Slots for every two keys; a table with two choices and moves fills well beyond two thirds.
const SLOTS_FOR_TWO: usize = 3;

/// Buckets of parents, found by hash alone: they need no keys and are never evicted. Parents that
/// share one are held to a single quota together, which errs on the side of fewer.
const PARENTS: usize = 4096;

/// A bucket for each key, for at least `max_keys` keys that are active at the same time.
#[derive(Debug)]
pub struct KeyedGcra {
    shards: Box<[Padded]>,
    parents: Box<[Gcra]>,
}

/// A lock on its own cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Padded(Mutex<Shard>);

/// A charge, and which bucket it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedCharge {
    pub(crate) charge: Charge,
    pub(crate) by_parent: bool,
}

impl KeyedCharge {
    pub(crate) fn decision(&self, quota: &Quota, now: u64) -> Decision {
        quota.passed(self.charge.after, now).said_by_parent(self.by_parent)
    }
}

impl KeyedGcra {
    /// An empty table. It takes memory as keys come: 24 bytes per key, at most.
    pub fn new(max_keys: usize) -> Self {
        let shards = (max_keys / KEYS_PER_SHARD).clamp(1, SHARDS);
        let slots = (max_keys * SLOTS_FOR_TWO / 2).div_ceil(shards);
        let shard = || Padded(Mutex::new(Shard::new(slots)));
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            parents: (0..PARENTS).map(|_| Gcra::new()).collect(),
        }
    }

    /// As [`Gcra::check`], for one key.
    pub fn check(&self, quota: &Quota, key: &Key, now: u64, cost: u32) -> Decision {
        match self.charge(quota, key, now, cost) {
            Ok(charged) => charged.decision(quota, now),
            Err(held) => held,
        }
    }

    /// As [`Gcra::peek`], for one key.
    pub fn peek(&self, quota: &Quota, key: &Key, now: u64, cost: u32) -> Decision {
        let tat = {
            let mut shard = self.shard(key).lock();
            let known = shard.find(key.mark).map(|tat| *tat);
            // Where a key would begin that is new or was forgotten, whoever then counts it.
            known.unwrap_or_else(|| self.parent(key).tat().max(shard.floor()))
        };
        quota.seen(tat, now, cost)
    }

    pub(crate) fn charge(
        &self,
        quota: &Quota,
        key: &Key,
        now: u64,
        cost: u32,
    ) -> Result<KeyedCharge, Decision> {
        let parent = self.parent(key);
        let floor = {
            let mut shard = self.shard(key).lock();
            // A key that was counted by its parent may not start afresh when it gets a bucket of
            // its own: it starts where the parent stands, which is nowhere in quiet times.
            let tat = match shard.find(key.mark) {
                Some(tat) => Some(tat),
                None => shard.insert(key.mark, parent.tat(), now),
            };
            if let Some(tat) = tat {
                let before = *tat;
                return match quota.charge(before, now, cost) {
                    Ok(after) => {
                        *tat = after;
                        Ok(KeyedCharge { charge: Charge { before, after }, by_parent: false })
                    }
                    Err(wait) => Err(quota.held(before, now, wait)),
                };
            }
            shard.floor()
        };
        // The key may be one that was forgotten, at a time that the clock has stepped back behind.
        match parent.charge_from(floor, quota, now, cost) {
            Ok(charge) => Ok(KeyedCharge { charge, by_parent: true }),
            Err(held) => Err(held.said_by_parent(true)),
        }
    }

    /// As [`Gcra::undo`].
    pub(crate) fn undo(&self, key: &Key, charged: KeyedCharge) {
        if charged.by_parent {
            return self.parent(key).undo(charged.charge);
        }
        let mut shard = self.shard(key).lock();
        if let Some(tat) = shard.find(key.mark)
            && *tat == charged.charge.after
        {
            *tat = charged.charge.before;
        }
    }

    /// Bytes that the buckets take now.
    pub fn bytes(&self) -> usize {
        let shards = self.shards.iter().map(|shard| size_of::<Padded>() + shard.0.lock().bytes());
        shards.sum::<usize>() + self.parents.len() * size_of::<Gcra>()
    }

    fn shard(&self, key: &Key) -> &Mutex<Shard> {
        let scaled = u64::from(key.shard) * self.shards.len() as u64;
        &self.shards[(scaled >> 32) as usize].0
    }

    fn parent(&self, key: &Key) -> &Gcra {
        // The upper bits of a product are the well-mixed ones.
        &self.parents[(key.parent >> 32) as usize % PARENTS]
    }
}
