//! One part of the table of keys: buckets of four slots, each key in one of two buckets.
//!
//! Plain data under a lock. Grows while its keys are active, up to a bound; then says that it is
//! full. Must not know quotas: a slot whose time has passed is as good as free.

const SLOTS: usize = 4;

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
}

impl Shard {
    /// At most `slots`, rounded up to whole buckets.
    pub(crate) fn new(slots: usize) -> Self {
        Self { buckets: vec![Bucket::default()], most: slots.div_ceil(SLOTS).max(1), floor: 0 }
    }

    /// The arrival time of a key that is here.
    pub(crate) fn find(&mut self, mark: u64) -> Option<&mut u64> {
        let (first, second) = homes(mark, self.buckets.len());
        let bucket = if self.holds(first, mark) { first } else { second };
        let slots = &mut self.buckets.get_mut(bucket)?.0;
        slots.iter_mut().find(|slot| slot.mark == mark).map(|slot| &mut slot.tat)
    }

    /// A slot for a key that is not here, with at least `tat` in it; `None` if only active keys
    /// are in the way.
    pub(crate) fn insert(&mut self, mark: u64, tat: u64, now: u64) -> Option<&mut u64> {
        loop {
            if let Some((bucket, slot)) = self.room(mark, now) {
                let slot = self.buckets.get_mut(bucket)?.0.get_mut(slot)?;
                self.floor = self.floor.max(slot.tat);
                *slot = Slot { mark, tat: tat.max(self.floor) };
                return Some(&mut slot.tat);
            }
            if !self.grow(now) {
                return None;
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    fn holds(&self, bucket: usize, mark: u64) -> bool {
        self.buckets.get(bucket).is_some_and(|b| b.0.iter().any(|slot| slot.mark == mark))
    }

    /// A place for a key: in the emptier of its buckets, else in one whose occupant can move to
    /// that one's other bucket.
    fn room(&mut self, mark: u64, now: u64) -> Option<(usize, usize)> {
        let (first, second) = homes(mark, self.buckets.len());
        let (in_first, in_second) = (self.free(first, now), self.free(second, now));
        match (in_first, in_second) {
            (Some((_, a)), Some((slot, b))) if b > a => Some((second, slot)),
            (Some((slot, _)), _) => Some((first, slot)),
            (None, Some((slot, _))) => Some((second, slot)),
            (None, None) => self.make_room(first, now).or_else(|| self.make_room(second, now)),
        }
    }

    /// A slot of the bucket that is free or whose key has fully refilled, and how many such.
    fn free(&self, bucket: usize, now: u64) -> Option<(usize, usize)> {
        let slots = &self.buckets.get(bucket)?.0;
        let mut idle = (0..SLOTS).filter(|slot| slots[*slot].tat <= now);
        let slot = idle.next()?;
        Some((slot, 1 + idle.count()))
    }

    fn make_room(&mut self, bucket: usize, now: u64) -> Option<(usize, usize)> {
        let slots = self.buckets.get(bucket)?.0;
        for (number, slot) in slots.iter().enumerate() {
            let (first, second) = homes(slot.mark, self.buckets.len());
            let other = if first == bucket { second } else { first };
            if let Some((free, _)) = self.free(other, now) {
                let forgotten = std::mem::replace(&mut self.buckets.get_mut(other)?.0[free], *slot);
                self.floor = self.floor.max(forgotten.tat);
                return Some((bucket, number));
            }
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
        let mut larger =
            Self { buckets: vec![Bucket::default(); size], most: self.most, floor: self.floor };
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
