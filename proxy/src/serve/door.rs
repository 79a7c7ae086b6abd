//! Who may connect: so many connections of one client at a time, and so many new ones in a while. It is asked
//! before a connection costs anything but its descriptor. It must not know sockets.

use hither_limit::{Key, KeySeed, KeyedGcra, MAX_KEYS, Quota};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What one listener allows each client, which is a v4 address or a v6 /64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DoorRules {
    /// At a time.
    pub(crate) most: u32,
    /// New ones.
    pub(crate) pace: Quota,
    /// Handshakes, where there are any.
    pub(crate) handshakes: Option<Quota>,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    Crowd,
    Pace,
    Handshakes,
}

impl Shut {
    /// The word in metrics and log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Shut::Crowd => "too_many_of_client",
            Shut::Pace => "too_fast_of_client",
            Shut::Handshakes => "too_many_handshakes_of_client",
        }
    }
}

/// One listener's door. Its memory is bounded by the connections that are open and by the table of keys.
#[derive(Debug)]
pub(super) struct Door {
    seed: KeySeed,
    inside: Mutex<HashMap<Key, u32>>,
    new: KeyedGcra,
    handshakes: KeyedGcra,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    door: Arc<Door>,
    key: Key,
}

impl Door {
    pub(super) fn new(seed: KeySeed) -> Arc<Door> {
        let table = || KeyedGcra::new(MAX_KEYS);
        Arc::new(Door { seed, inside: Mutex::default(), new: table(), handshakes: table() })
    }

    /// Lets a client in at `now`, on any monotonic clock.
    ///
    /// # Errors
    /// It has too many, or comes too fast.
    pub(super) fn enter(
        self: &Arc<Self>,
        client: IpAddr,
        rules: DoorRules,
        now: Duration,
    ) -> Result<Inside, Shut> {
        let key = self.seed.client(client);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut inside = self.inside.lock();
        let open = inside.get(&key).copied().unwrap_or_default();
        if open >= rules.most {
            return Err(Shut::Crowd);
        }
        if !self.new.check(&rules.pace, &key, now, 1).allowed {
            return Err(Shut::Pace);
        }
        let handshake = rules.handshakes.map(|pace| self.handshakes.check(&pace, &key, now, 1));
        if handshake.is_some_and(|decision| !decision.allowed) {
            return Err(Shut::Handshakes);
        }
        inside.insert(key, open + 1);
        drop(inside);
        Ok(Inside { door: self.clone(), key })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock();
        let Some(open) = inside.get_mut(&self.key) else { return };
        *open -= 1;
        if *open == 0 {
            inside.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither_limit::Rate;
    use std::num::NonZeroU32;

    fn rules(most: u32, burst: u32) -> DoorRules {
        let rate = Rate { units: NonZeroU32::MIN, per: Duration::from_secs(1) };
        let pace = Quota::new(rate, NonZeroU32::new(burst).unwrap());
        DoorRules { most, pace, handshakes: None }
    }

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_of_a_client_are_inside_and_whoever_leaves_makes_room() {
        let door = Door::new(KeySeed::new([7; 16]));
        let enter = |from: &str| door.enter(client(from), rules(2, 100), Duration::ZERO);
        let first = enter("2001:db8::1").unwrap();
        let _second = enter("2001:db8::2").unwrap();
        assert_eq!(enter("2001:db8::3").err(), Some(Shut::Crowd), "one /64 is one client");
        let _other = enter("2001:db8:0:1::1").unwrap();
        drop(first);
        let third = enter("2001:db8::3").unwrap();
        assert_eq!(enter("2001:db8::3").err(), Some(Shut::Crowd));
        drop(third);
        assert_eq!(door.inside.lock().len(), 2);
    }

    #[test]
    fn handshakes_are_counted_apart_where_there_are_any() {
        let door = Door::new(KeySeed::new([7; 16]));
        let tls = DoorRules { handshakes: Some(rules(1, 1).pace), ..rules(100, 100) };
        let enter = |rules| door.enter(client("192.0.2.1"), rules, Duration::ZERO).err();
        let shut = [tls, tls, rules(100, 100)].map(enter);
        assert_eq!(shut, [None, Some(Shut::Handshakes), None]);
        assert!(door.inside.lock().is_empty());
    }

    #[test]
    fn new_ones_come_at_their_pace_and_nobody_is_kept_who_left() {
        let door = Door::new(KeySeed::new([7; 16]));
        let enter = |seconds| {
            door.enter(client("192.0.2.1"), rules(100, 2), Duration::from_secs(seconds)).err()
        };
        let shut = [0, 0, 0, 1, 1].map(enter);
        assert_eq!(shut, [None, None, Some(Shut::Pace), None, Some(Shut::Pace)]);
        assert!(door.inside.lock().is_empty());
    }
}
