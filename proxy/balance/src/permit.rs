//! A counted place on an instance.
//!
//! Must not know how it was chosen.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::hold::Hold;
use crate::instance::Instance;
use crate::policy::Band;

/// A counted place on an instance. Whatever ends a request, by whatever way, drops this and the
/// place is free again, for the longest waiting request first.
#[must_use = "dropping the permit gives the place back at once"]
pub struct Permit<T> {
    instance: Hold<T>,
    /// Where the instance sat; by now it may sit elsewhere.
    seat: u32,
    band: Band,
}

impl<T> Permit<T> {
    /// The caller has counted the place.
    pub(crate) fn counted(instance: Hold<T>, seat: u32, band: Band) -> Self {
        Self { instance, seat, band }
    }

    /// The instance, for those who need it longer than the place.
    pub fn instance(&self) -> &Arc<Instance<T>> {
        &self.instance
    }

    /// How full the instance was when it was chosen: open or busy.
    pub fn band(&self) -> Band {
        self.band
    }
}

impl<T> Deref for Permit<T> {
    type Target = Instance<T>;

    fn deref(&self) -> &Instance<T> {
        &self.instance
    }
}

impl<T> Drop for Permit<T> {
    fn drop(&mut self) {
        self.instance.core.release(&self.instance, self.seat as usize);
    }
}

impl<T> fmt::Debug for Permit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("instance", &**self.instance)
            .field("band", &self.band)
            .finish()
    }
}
