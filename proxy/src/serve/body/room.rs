//! How many bytes of bodies are held back at once, over all requests of the edge.

use crate::fault::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count of all that is held.
#[derive(Debug, Default)]
pub(crate) struct BodyRoom(AtomicU64);

/// A body that is held, counted while it lives.
pub(in crate::serve) struct Held {
    room: Arc<BodyRoom>,
    bytes: Vec<u8>,
    counted: u64,
}

impl BodyRoom {
    /// Bytes that are held now.
    pub(crate) fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Held {
    pub(in crate::serve) fn new(room: Arc<BodyRoom>) -> Held {
        Held { room, bytes: Vec::new(), counted: 0 }
    }

    pub(in crate::serve) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds bytes. All bodies together hold at most `most`.
    ///
    /// # Errors
    /// There is no room for them.
    pub(in crate::serve) fn add(&mut self, bytes: &[u8], most: u64) -> Result<(), Fault> {
        let more = bytes.len() as u64;
        let fits = |held: u64| held.checked_add(more).filter(|sum| *sum <= most);
        let counted = self.room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        counted.map_err(|_| Fault::BodiesFull)?;
        self.counted += more;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands the bytes out; they stay counted.
    pub(in crate::serve) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// What became of the bytes is so long now; it is held whatever room there is, since a plugin's
    /// answer is bounded by itself.
    pub(in crate::serve) fn becomes(&mut self, bytes: u64) {
        self.room.0.fetch_add(bytes, Ordering::Relaxed);
        self.room.0.fetch_sub(self.counted, Ordering::Relaxed);
        self.counted = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bodies_share_one_bound_and_give_back_what_they_held() {
        let room = Arc::<BodyRoom>::default();
        let mut first = Held::new(room.clone());
        let mut second = Held::new(room.clone());
        first.add(&[0; 60], 100).unwrap();
        assert_eq!(second.add(&[0; 41], 100), Err(Fault::BodiesFull));
        second.add(&[0; 40], 100).unwrap();
        assert_eq!(second.take().len(), 40);
        second.becomes(10);
        first.add(&[0; 30], 100).unwrap();
        drop(first);
        drop(second);
        assert_eq!(room.0.load(Ordering::Relaxed), 0);
    }
}
