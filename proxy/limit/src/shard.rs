//! One part of the table of keys: buckets of four slots, each key in one of two buckets.
//!
//! Plain data under a lock. Grows while its keys are active, up to a bound; then says that it is
//! full. Must not know quotas: a slot whose time has passed is as good as free.

const SLOTS: usize = 4;

/// How many keys may move on to make room for one. Two fill a table to nine tenths.
const MOVES: u32 = 2;

/// Nanoseconds for which a shard that was found full is taken to be so, unless one of a new key's
/// own buckets has a place: searching costs the most when a flood of keys makes it useless.
const FULL_FOR: u64 = 10_000_000;

/// A key's mark and its theoretical arrival time; mark 0 is a free slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    mark: u64,
    tat: u64,
}

/// One cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket([Slot; SLOTS]);

#[derive(Debug)]
pub(crate) struct Shard {
    buckets: Vec<Bucket>,
    most: usize,
    /// The latest arrival time of any key that was forgotten. It has passed, so it means nothing
    /// to a clock that goes forward; where the clock stands still or steps back, new keys start
    /// here and nobody gains by having been forgotten.
    floor: u64,
    /// Until when there is no point in searching or growing.
    full_until: u64,
}

impl Shard {
    /// At most `slots`, rounded up to whole buckets.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            buckets: vec![Bucket::default()],
            most: slots.div_ceil(SLOTS).max(1),
            floor: 0,
            full_until: 0,
        }
    }

    /// The arrival time of a key that is here.
    pub(crate) fn find(&mut self, mark: u64) -> Option<&mut u64> {
        let (first, second) = homes(mark, self.buckets.len());
        let bucket = if self.holds(first, mark) { first } else { second };
        let slot = self.buckets.get_mut(bucket)?.0.iter_mut().find(|slot| slot.mark == mark)?;
        Some(&mut slot.tat)
    }

    /// A slot for a key that is not here, with at least `tat` in it; `None` if only active keys
    /// are in the way.
    pub(crate) fn insert(&mut self, mark: u64, tat: u64, now: u64) -> Option<&mut u64> {
        loop {
            if let Some((bucket, slot)) = self.room(mark, now) {
                let slot = self.buckets.get_mut(bucket)?.0.get_mut(slot)?;
                // What is still active here has been moved on, not forgotten.
                if slot.tat <= now {
                    self.floor = self.floor.max(slot.tat);
                }
                *slot = Slot { mark, tat: tat.max(self.floor) };
                return Some(&mut slot.tat);
            }
            if now < self.full_until {
                return None;
            }
            if !self.grow(now) {
                self.full_until = now.saturating_add(FULL_FOR);
                return None;
            }
        }
    }

    /// Where a key that may have been forgotten has to start.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    fn holds(&self, bucket: usize, mark: u64) -> bool {
        self.buckets.get(bucket).is_some_and(|b| b.0.iter().any(|slot| slot.mark == mark))
    }

    /// A place for a key: in the first of its buckets that has one, so that most keys are found without a look at
    /// another cache line, else in one whose occupant can move to that one's other bucket.
    fn room(&mut self, mark: u64, now: u64) -> Option<(usize, usize)> {
        let (first, second) = homes(mark, self.buckets.len());
        if let Some(slot) = self.free(first, now) {
            return Some((first, slot));
        }
        if let Some(slot) = self.free(second, now) {
            return Some((second, slot));
        }
        if now < self.full_until {
            return None;
        }
        self.make_room(first, now, MOVES).or_else(|| self.make_room(second, now, MOVES))
    }

    /// A slot of the bucket that is free or whose key has fully refilled.
    fn free(&self, bucket: usize, now: u64) -> Option<usize> {
        self.buckets.get(bucket)?.0.iter().position(|slot| slot.tat <= now)
    }

    /// Empties a slot of a full bucket by moving its key to that key's other bucket, where, at
    /// most `moves` deep, another key may have to move first. What is left in the slot is a copy.
    fn make_room(&mut self, bucket: usize, now: u64, moves: u32) -> Option<(usize, usize)> {
        for number in 0..SLOTS {
            let slot = self.buckets.get(bucket)?.0[number];
            let (first, second) = homes(slot.mark, self.buckets.len());
            let other = if first == bucket { second } else { first };
            let free = match self.free(other, now) {
                Some(free) => Some(free),
                None if moves > 1 => self.make_room(other, now, moves - 1).map(|(_, free)| free),
                None => None,
            };
            let Some(free) = free else { continue };
            let forgotten = std::mem::replace(&mut self.buckets.get_mut(other)?.0[free], slot);
            if forgotten.tat <= now {
                self.floor = self.floor.max(forgotten.tat);
            }
            return Some((bucket, number));
        }
        None
    }

    /// Doubles, up to the bound. `false` if that is reached, or if some active key would find no
    /// place in the larger table, which then stays as it is: no count is ever lost.
    fn grow(&mut self, now: u64) -> bool {
        let size = (self.buckets.len() * 2).min(self.most);
        if size <= self.buckets.len() {
            return false;
        }
        let mut larger = Self { buckets: vec![Bucket::default(); size], ..Self::new(0) };
        (larger.most, larger.floor) = (self.most, self.floor);
        for slot in self.buckets.iter().flat_map(|bucket| bucket.0) {
            if slot.tat <= now {
                larger.floor = larger.floor.max(slot.tat);
                continue;
            }
            let Some((bucket, place)) = larger.room(slot.mark, now) else { return false };
            larger.buckets[bucket].0[place] = slot;
        }
        *self = larger;
        true
    }
}

/// The two buckets where a key may be, by the halves of its mark.
fn homes(mark: u64, buckets: usize) -> (usize, usize) {
    let scale = |half: u32| ((u64::from(half) * buckets as u64) >> 32) as usize;
    (scale(mark as u32), scale((mark >> 32) as u32))
}
