//! How requests end and what time brings, as far as it changes who gets the next ones.
//!
//! The way from an instance's record to the table and to those who wait. Must not know the rules
//! of ejection, which are the records' own.

use crate::sync::atomic::Ordering::SeqCst;
use std::sync::Arc;
use std::time::Duration;

use crate::core::{Core, Wakers, nanos, settle, wake};
use crate::health::{Before, Changed, Health};
use crate::live::Live;
use crate::table::Table;

impl<T> Core<T> {
    pub(crate) fn succeeded(&self, live: &Arc<Live>) {
        let table = self.table.load();
        self.with_health(|health| {
            if live.is_seated() {
                health.succeeded(live, &table.policy);
            }
        });
        self.show(live);
    }

    pub(crate) fn failed(&self, live: &Arc<Live>, now: Duration) {
        let table = self.table.load();
        let deserved =
            self.with_health(|health| live.is_seated() && health.failed(live, &table.policy, now));
        self.show(live);
        if deserved {
            self.eject(live, now);
        }
    }

    /// Ejects an instance if the service can do without it.
    fn eject(&self, live: &Arc<Live>, now: Duration) {
        let mut wakers = Wakers::new();
        let mut queue = self.queue.lock();
        let table = self.table.load();
        let before = live.available();
        let others = table.available().saturating_sub(usize::from(before));
        let most = table.most_ejected();
        let ejected = others > 0
            && table.seats.seat_of(live).is_some()
            && self.with_health(|health| health.eject(live, &table.policy, most, now));
        if ejected {
            show(&table, &[(live.clone(), before)]);
            self.end_hopeless(&mut queue, &table, &mut wakers);
        }
        drop(queue);
        wake(wakers);
    }

    /// What time has done: ejections end, failures are forgotten, slow starts go on.
    pub(crate) fn advance(&self, now: Duration) {
        let mut wakers = Wakers::new();
        let mut queue = self.queue.lock();
        let table = self.table.load();
        let before = table.available();
        let changed = self.with_health(|health| health.advance(&table.policy, now));
        show(&table, &changed);
        if table.available() > before {
            self.serve(&mut queue, &table, &mut wakers);
        }
        drop(queue);
        wake(wakers);
    }

    /// Nobody is ejected where nobody else is left. The queue's lock is held.
    pub(crate) fn pardon_if_alone(&self, table: &Table<T>) {
        if table.available() > 0 {
            return;
        }
        let changed = self.with_health(|health| match health.ejected() {
            0 => Changed::new(),
            _ => health.pardon(&table.policy),
        });
        show(table, &changed);
    }

    /// Brings the index up to date with an instance's load. No lock is held.
    fn show(&self, live: &Arc<Live>) {
        if self.follow(live, settle) {
            self.serve_all();
        }
    }

    /// Works with the records, and tells the data path when they next have something to do.
    pub(crate) fn with_health<R>(&self, work: impl FnOnce(&mut Health) -> R) -> R {
        let mut health = self.health.lock();
        let result = work(&mut health);
        self.due.store(health.due().map_or(u64::MAX, nanos), SeqCst);
        result
    }
}

/// Makes table and index follow changed instances, given whether each was available before. The
/// queue's lock is held.
fn show<T>(table: &Table<T>, changed: &[Before]) {
    for (live, before) in changed {
        if let Some(seat) = table.seats.seat_of(live) {
            table.adjust_available(*before, live.available());
            table.seats.settle(seat);
        }
    }
}
