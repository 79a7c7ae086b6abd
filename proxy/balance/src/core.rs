//! What the threads share: the table, the queue, and the promise between them.
//!
//! The promise is that nobody waits while something eligible has room. A release counts down and
//! then looks for waiters; a newcomer announces itself and then looks for room. All four steps
//! are sequentially consistent, so at least one of the two sees the other.

use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, fence};
use std::cmp::Reverse;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::sync::Mutex;
use arc_swap::ArcSwap;
use fastrand::Rng;
use smallvec::SmallVec;

use crate::balancer::{Picked, Refusal};
use crate::departed::Departed;
use crate::health::Health;
use crate::hold::Hold;
use crate::index::Draw;
use crate::instance::Instance;
use crate::live::Live;
use crate::permit::Permit;
use crate::queue::{Number, Queue, RETRY_AFTER_UNKNOWN, Ticket};
use crate::table::Table;
use crate::waiter::{Place, Waiter};
use crate::wanted::{Requirement, Wanted, owned};

/// Waiters to wake once the lock is gone.
pub(crate) type Wakers = SmallVec<[Waker; 4]>;

// Aligned, since every request reads it and its neighbours in memory may be what others write.
#[repr(align(64))]
pub(crate) struct Core<T> {
    pub(crate) table: ArcSwap<Table<T>>,
    /// Whether the table has an index that must follow; set before that index is made up to date.
    indexed: AtomicBool,
    /// The identity of the table; set like `indexed`.
    current: AtomicUsize,
    /// Waiters in the queue, and newcomers about to become one.
    waiting: AtomicUsize,
    pub(crate) queue: Mutex<Queue<T>>,
    /// Only taken while the queue's lock is held.
    pub(crate) departed: Mutex<Departed>,
    /// Taken after the queue's lock or without it, never before.
    pub(crate) health: Mutex<Health>,
    /// When the health records have something to do, in nanoseconds; `u64::MAX`: never.
    pub(crate) due: AtomicU64,
}

impl<T> Core<T> {
    pub(crate) fn new(table: Table<T>, seed: u64) -> Self {
        Self {
            indexed: AtomicBool::new(table.seats.index.is_some()),
            current: AtomicUsize::new(0),
            table: ArcSwap::from_pointee(table),
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(Queue::new(seed)),
            departed: Mutex::default(),
            health: Mutex::default(),
            due: AtomicU64::new(u64::MAX),
        }
    }

    /// Makes a table the one that picks look at. The queue's lock is held.
    pub(crate) fn publish(&self, table: Table<T>) {
        for (number, slot) in table.seats.first.iter().enumerate() {
            slot.live.set_seat(number as u32);
        }
        // What is remembered of instances follows the policy before seats are judged by it.
        self.with_health(|health| health.review(&table.policy));
        table.count_available();
        let table = Arc::new(table);
        self.indexed.store(table.seats.index.is_some(), SeqCst);
        self.table.store(table.clone());
        self.current.store(identity(&table), SeqCst);
        // What was counted while the table was built; whoever counts later finds the new seats.
        table.seats.settle_all();
    }

    /// A permit, a place in the queue, or a refusal.
    pub(crate) fn pick(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        rng: &mut Rng,
        now: Duration,
    ) -> Picked<T> {
        if nanos(now) >= self.due.load(Relaxed) {
            self.advance(now);
        }
        if self.waiting.load(SeqCst) == 0 {
            let mut draw = Draw { rng, revealed: false };
            let permit = take(&self.table.load(), wanted, &mut draw);
            if draw.revealed && self.waiting.load(SeqCst) > 0 {
                self.serve_all();
            }
            if let Some(permit) = permit {
                return Picked::Permit(permit);
            }
        }
        self.pick_in_turn(wanted, rng, now)
    }

    /// The way through the queue: first who waits, then this one.
    fn pick_in_turn(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        rng: &mut Rng,
        now: Duration,
    ) -> Picked<T> {
        let mut wakers = Wakers::new();
        let mut queue = self.queue.lock();
        let table = self.table.load();
        self.serve(&mut queue, &table, &mut wakers);
        // Announced before the last look: see the promise above. The index is read without order
        // of its own, hence the fence.
        self.waiting.fetch_add(1, SeqCst);
        fence(SeqCst);
        let mut draw = Draw { rng, revealed: false };
        let picked = loop {
            let Some(permit) = take(&table, wanted, &mut draw) else {
                break match enqueue(&mut queue, &table, wanted, now) {
                    Ok((place, number)) => Picked::Wait(Waiter::new(self.clone(), place, number)),
                    Err(refusal) => Picked::Refused(refusal),
                };
            };
            // Theirs who wait, if it was given back since they were served.
            if let Err(permit) = self.hand_to_earliest(&mut queue, permit, &mut wakers) {
                break Picked::Permit(permit);
            }
        };
        if !matches!(picked, Picked::Wait(_)) {
            self.waiting.fetch_sub(1, SeqCst);
        }
        if draw.revealed {
            self.serve(&mut queue, &table, &mut wakers);
        }
        drop(queue);
        wake(wakers);
        picked
    }

    /// Gives a place back, to the longest waiting request that may have it. `seat` is where the
    /// instance sat when the place was taken, and as a rule still does.
    pub(crate) fn release(&self, instance: &Instance<T>, seat: usize) {
        let revealed = if self.indexed.load(Relaxed) {
            self.give_back(instance, seat)
        } else {
            instance.live.give_back();
            self.indexed.load(SeqCst) && self.follow(&instance.live, lower)
        };
        if self.waiting.load(SeqCst) > 0 {
            self.offer(&instance.live);
            if revealed {
                self.serve_all();
            }
        }
    }

    /// Counts down, and makes the index follow.
    fn give_back(&self, instance: &Instance<T>, seat: usize) -> bool {
        let table = self.table.load();
        table.seats.fetch(seat);
        instance.live.give_back();
        // In this order: a table that is current after the count is brought up to date after it.
        if self.current.load(SeqCst) == identity(&table) {
            lower(&table, &instance.live)
        } else {
            self.follow(&instance.live, lower)
        }
    }

    /// Makes the index follow an instance's word. One that is about to sit elsewhere is left to
    /// whoever moves it: that thread settles its new seat when it has made it known, hence after
    /// the change that this is about.
    #[inline(never)]
    pub(crate) fn follow(
        &self,
        live: &Arc<Live>,
        follow: impl FnOnce(&Table<T>, &Arc<Live>) -> bool,
    ) -> bool {
        self.indexed.load(SeqCst) && follow(&self.table.load(), live)
    }

    /// Offers one instance's room to those who wait, in their order.
    fn offer(&self, live: &Arc<Live>) {
        let mut wakers = Wakers::new();
        let mut queue = self.queue.lock();
        let table = self.table.load();
        let seat = table.seats.seat_of(live);
        if let Some((seat, instance)) = seat.and_then(|seat| Some((seat, table.at(seat)?))) {
            while let Some(line) = queue.earliest(|line| line.requirement.admits(instance)) {
                let Some(word) = live.take_below(table.seats.limits.hard) else { break };
                let band = table.seats.limits.band(table.seats.limits.load(word, live.handicap()));
                table.seats.settle(seat);
                let permit = Permit::counted(Hold::Shared(instance.clone()), seat as u32, band);
                self.hand_over(&mut queue, line, permit, &mut wakers);
            }
        }
        drop(queue);
        wake(wakers);
    }

    pub(crate) fn serve_all(&self) {
        let mut wakers = Wakers::new();
        let mut queue = self.queue.lock();
        self.serve(&mut queue, &self.table.load(), &mut wakers);
        drop(queue);
        wake(wakers);
    }

    /// Serves, in their order, all who wait and for whom there is room anywhere. A line that finds
    /// none is out: what is given back from here on is offered by whoever gives it back.
    pub(crate) fn serve(&self, queue: &mut Queue<T>, table: &Table<T>, wakers: &mut Wakers) {
        let mut rng = queue.rng.clone();
        let mut draw = Draw { rng: &mut rng, revealed: false };
        let mut heads = queue.heads();
        while let Some(Reverse((_, line))) = heads.pop() {
            let permit = queue.line(line).and_then(|entry| {
                let prefer = &entry.head()?.1.prefer;
                entry.requirement.with(prefer, |wanted| take(table, wanted, &mut draw))
            });
            if let Some(permit) = permit {
                if let Err(permit) = self.hand_to_earliest(queue, permit, wakers) {
                    self.hand_over(queue, line, permit, wakers);
                }
                // The one behind it or, if another line had the place, the same once more.
                let next = queue.line(line).and_then(|entry| entry.head());
                heads.extend(next.map(|(ticket, _)| Reverse((*ticket, line))));
            }
            if std::mem::take(&mut draw.revealed) {
                heads = queue.heads();
            }
        }
        queue.rng = rng;
    }

    /// Hands a permit to whoever has waited longest of those who may have it. As a rule that is who
    /// it was taken for; but a place can be given back after an earlier one found none, and is
    /// theirs then. The permit comes back if nobody who waits may have it.
    fn hand_to_earliest(
        &self,
        queue: &mut Queue<T>,
        permit: Permit<T>,
        wakers: &mut Wakers,
    ) -> Result<(), Permit<T>> {
        match queue.earliest(|line| line.requirement.admits(&permit)) {
            Some(line) => {
                self.hand_over(queue, line, permit, wakers);
                Ok(())
            }
            None => Err(permit),
        }
    }

    fn hand_over(&self, queue: &mut Queue<T>, line: u64, permit: Permit<T>, wakers: &mut Wakers) {
        if let Some(ticket) = queue.pop(line) {
            self.waiting.fetch_sub(1, SeqCst);
            wakers.extend(ticket.place.answer(Ok(permit)));
        }
    }

    /// Ends the wait of those for whom nothing eligible is left.
    pub(crate) fn end_hopeless(&self, queue: &mut Queue<T>, table: &Table<T>, wakers: &mut Wakers) {
        let hopeless: Vec<u64> = queue
            .lines()
            .filter(|(_, line)| !line.requirement.with(&[], |wanted| table.any_eligible(wanted)))
            .map(|(number, _)| number)
            .collect();
        for line in hopeless {
            for ticket in queue.clear(line) {
                self.waiting.fetch_sub(1, SeqCst);
                wakers.extend(ticket.place.answer(Err(Refusal::NoInstance)));
            }
        }
    }

    /// A waiter went away.
    pub(crate) fn leave(&self, number: Number) {
        let left = self.queue.lock().remove(number);
        if left.is_some() {
            self.waiting.fetch_sub(1, SeqCst);
        }
    }
}

/// Tells a table from others that are in use at the same time.
fn identity<T>(table: &Table<T>) -> usize {
    std::ptr::from_ref(table).addr()
}

fn lower<T>(table: &Table<T>, live: &Arc<Live>) -> bool {
    table.seats.seat_of(live).is_some_and(|seat| table.seats.lower(seat))
}

/// Brings the index up to date with an instance's word.
pub(crate) fn settle<T>(table: &Table<T>, live: &Arc<Live>) -> bool {
    table.seats.seat_of(live).is_some_and(|seat| table.seats.settle(seat))
}

/// Counts one for a request on the instance that it should have now.
#[inline]
fn take<T>(table: &Table<T>, wanted: &Wanted<'_>, draw: &mut Draw<'_>) -> Option<Permit<T>> {
    table.take_idle(wanted, draw.rng).or_else(|| take_chosen(table, wanted, draw))
}

/// Chooses and counts. A choice whose instance has changed meanwhile is made anew; each such
/// round means that another thread got its place.
#[inline(never)]
fn take_chosen<T>(table: &Table<T>, wanted: &Wanted<'_>, draw: &mut Draw<'_>) -> Option<Permit<T>> {
    loop {
        let choice = table.choose(wanted, draw)?;
        // Nobody sits there any more: the hint is about to follow.
        let Some(slot) = table.seats.sitting(choice.seat) else { continue };
        if table.seats.index.is_some() {
            slot.fetch_instance();
        }
        let taken = slot.live.take_seen(choice.look.word);
        if !taken || !choice.may_lag {
            draw.revealed |= table.seats.settle(choice.seat);
        }
        if taken {
            let band = table.seats.limits.band(choice.look.load);
            let hold = table.seats.hold(choice.seat, slot);
            return Some(Permit::counted(hold, choice.seat as u32, band));
        }
    }
}

/// What a request that has to wait is let into the queue with.
pub(crate) struct Admitted {
    requirement: Requirement,
    /// The line of those who want the same, if anyone does.
    pub(crate) line: Option<u64>,
}

/// Whether a request that finds no room may wait.
pub(crate) fn admit<T>(
    queue: &Queue<T>,
    table: &Table<T>,
    wanted: &Wanted<'_>,
    now: Duration,
) -> Result<Admitted, Refusal> {
    if !table.any_eligible(wanted) {
        return Err(Refusal::NoInstance);
    }
    let requirement = Requirement::of(wanted);
    let line = queue.line_of(&requirement);
    let mut retry_after = RETRY_AFTER_UNKNOWN;
    if let Some(line) = line.and_then(|line| queue.line(line)) {
        retry_after = line.retry_after(now);
        if line.age(now) >= table.policy.shed_after {
            return Err(Refusal::Overloaded { retry_after });
        }
    }
    let places = table.policy.places(table.size());
    if queue.waiting() >= places || (line.is_none() && queue.has_most_lines()) {
        return Err(Refusal::QueueFull { retry_after });
    }
    Ok(Admitted { requirement, line })
}

fn enqueue<T>(
    queue: &mut Queue<T>,
    table: &Table<T>,
    wanted: &Wanted<'_>,
    now: Duration,
) -> Result<(Arc<Place<T>>, Number), Refusal> {
    let Admitted { requirement, line } = admit(queue, table, wanted, now)?;
    let place = Arc::new(Place::new());
    let ticket = Ticket { place: place.clone(), prefer: owned(wanted.prefer).into() };
    Ok((place, queue.push(line, requirement, ticket, now)))
}

/// A time as the atomics keep it.
pub(crate) fn nanos(now: Duration) -> u64 {
    now.as_nanos() as u64
}

pub(crate) fn wake(wakers: Wakers) {
    for waker in wakers {
        waker.wake();
    }
}
