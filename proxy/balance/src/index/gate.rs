//! One thread at a time, and nobody waits: who finds the gate taken leaves a note and goes, and
//! who is inside works through the notes before leaving.
//!
//! Must not know what the work is.

use crate::sync::atomic::Ordering::SeqCst;
use crate::sync::atomic::{AtomicU32, AtomicU64};

use super::first::FirstSet;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and there are notes.
const NOTED: u32 = 2;

pub(crate) struct Gate {
    state: AtomicU32,
    notes: Notes,
}

/// Places to be looked at again.
enum Notes {
    Few(AtomicU64),
    Many(FirstSet),
}

impl Gate {
    pub(crate) fn new(places: usize) -> Self {
        let notes = match places {
            0..=64 => Notes::Few(AtomicU64::new(0)),
            _ => Notes::Many(FirstSet::new(places)),
        };
        Self { state: AtomicU32::new(FREE), notes }
    }

    /// Whether nobody is inside.
    pub(crate) fn is_free(&self) -> bool {
        self.state.load(SeqCst) == FREE
    }

    /// Does the work on a place, now or by whoever is inside, and on all places that others left
    /// notes about meanwhile.
    pub(crate) fn work(&self, place: usize, mut work: impl FnMut(usize)) {
        if self.state.compare_exchange(FREE, TAKEN, SeqCst, SeqCst).is_ok() {
            work(place);
        } else {
            self.note(place);
            if !self.enter_or_tell() {
                return;
            }
            self.work_off(&mut work);
        }
        while self.state.compare_exchange(TAKEN, FREE, SeqCst, SeqCst).is_err() {
            // First the state, then the notes: a note that is missed here sets the state again.
            self.state.store(TAKEN, SeqCst);
            self.work_off(&mut work);
        }
    }

    /// Makes sure that somebody reads the note that was just left. `true` if it is the caller.
    fn enter_or_tell(&self) -> bool {
        let mut state = self.state.load(SeqCst);
        loop {
            let next = if state == FREE { TAKEN } else { NOTED };
            match self.state.compare_exchange(state, next, SeqCst, SeqCst) {
                Ok(_) => return state == FREE,
                Err(now) => state = now,
            }
        }
    }

    fn note(&self, place: usize) {
        match &self.notes {
            Notes::Few(bits) => {
                bits.fetch_or(1 << place, SeqCst);
            }
            Notes::Many(bits) => bits.set(place),
        }
    }

    fn work_off(&self, work: &mut impl FnMut(usize)) {
        while let Some(place) = self.next() {
            work(place);
        }
    }

    /// Takes a note off. The work comes after, so it sees what the note was left for.
    fn next(&self) -> Option<usize> {
        match &self.notes {
            Notes::Few(bits) => {
                let noted = bits.load(SeqCst);
                let place = (noted != 0).then(|| noted.trailing_zeros() as usize)?;
                bits.fetch_and(!(1 << place), SeqCst);
                Some(place)
            }
            Notes::Many(bits) => {
                let place = bits.next(0)?;
                bits.clear(place);
                Some(place)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_worked_on_after_it_was_made() {
        for places in [3, 200] {
            let gate = Gate::new(places);
            let inside = AtomicU32::new(0);
            let wanted: Vec<AtomicU64> = (0..places).map(|_| AtomicU64::new(0)).collect();
            let done: Vec<AtomicU64> = (0..places).map(|_| AtomicU64::new(0)).collect();
            std::thread::scope(|threads| {
                for thread in 0..6 {
                    let (gate, inside, wanted, done) = (&gate, &inside, &wanted, &done);
                    threads.spawn(move || {
                        for step in 0..5_000 {
                            let place = (thread + step) % places;
                            wanted[place].fetch_add(1, SeqCst);
                            gate.work(place, |place| {
                                assert_eq!(inside.fetch_add(1, SeqCst), 0, "one at a time");
                                done[place].store(wanted[place].load(SeqCst), SeqCst);
                                inside.fetch_sub(1, SeqCst);
                            });
                        }
                    });
                }
            });
            for place in 0..places {
                assert_eq!(done[place].load(SeqCst), wanted[place].load(SeqCst));
            }
            assert!(gate.is_free());
        }
    }
}
