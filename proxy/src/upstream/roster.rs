//! Who a service's instances are: those of the file, those that DNS tells of, and what the admin
//! API said of either.
//!
//! The file is the base. DNS adds to it. What an admin said stays over both, across reloads, until
//! it is taken back or the process ends. Pure: must not know the balancer or who is asked.

use hither_config::{InstanceChange, InstancePlan, Name};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

/// As many as a file may have; ids become label values of metrics.
const MOST_SAID: usize = 100_000;

/// Who told of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The configuration.
    File,
    /// An answer of DNS.
    Dns,
    /// `PUT /services/S/instances/I`.
    Admin,
}

impl Source {
    /// The word in the status.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Source::File => "file",
            Source::Dns => "dns",
            Source::Admin => "admin",
        }
    }
}

/// One instance as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) plan: InstancePlan,
    pub(crate) source: Source,
    pub(crate) draining: bool,
}

/// An instance, who told of it, and whether it drains.
type Shown<'a> = (&'a InstancePlan, Source, bool);

/// Why an admin's wish is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A new instance must be somewhere.
    #[error("there is no instance {0} yet: a new one needs an `address`")]
    NoAddress(Name),
    /// The same server would get twice its limits.
    #[error("instance {holder} is at {address} already")]
    AddressTaken { address: SocketAddr, holder: Name },
    /// Nothing of this name is there.
    #[error("there is no instance {0}")]
    Unknown(Name),
    /// A bound.
    #[error("there are {MOST_SAID} instances by the admin API already")]
    TooMany,
}

/// What came of an admin's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Added,
    Changed,
    Removed,
    /// What an admin had put over an instance of the file or of DNS is gone; that one is back.
    Restored,
    Unchanged,
}

impl Done {
    /// The word in the answer.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Done::Added => "added",
            Done::Changed => "changed",
            Done::Removed => "removed",
            Done::Restored => "restored",
            Done::Unchanged => "unchanged",
        }
    }
}

/// The three sources of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    file: Vec<InstancePlan>,
    found: Vec<InstancePlan>,
    said: BTreeMap<Name, Said>,
}

/// What an admin said of one id.
#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    instance: Wish,
    draining: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Wish {
    /// Nothing: as the file or DNS has it.
    #[default]
    Base,
    /// This instead.
    Put(InstancePlan),
    /// Not at all.
    Removed,
}

impl Roster {
    /// The file says this now.
    pub(crate) fn written(&mut self, file: Vec<InstancePlan>) {
        self.file = file;
    }

    /// DNS says this now.
    pub(crate) fn found(&mut self, found: Vec<InstancePlan>) {
        self.found = found;
    }

    /// What DNS said last.
    pub(crate) fn found_last(&self) -> &[InstancePlan] {
        &self.found
    }

    /// All instances, each id and each address once, in the order of their sources.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entry =
            |(plan, source, draining): Shown<'_>| Entry { plan: plan.clone(), source, draining };
        self.shown().into_iter().map(entry).collect()
    }

    fn shown(&self) -> Vec<Shown<'_>> {
        let most = self.file.len() + self.found.len() + self.said.len();
        let (mut ids, mut addresses) = (HashSet::with_capacity(most), HashSet::with_capacity(most));
        let mut shown = Vec::with_capacity(most);
        let base = self.file.iter().map(|plan| (plan, Source::File));
        let found = self.found.iter().map(|plan| (plan, Source::Dns));
        // An admin's address goes first where two would share one, then the file's.
        for (id, said) in &self.said {
            if let Wish::Put(plan) = &said.instance
                && addresses.insert(plan.address)
            {
                ids.insert(id);
                shown.push((plan, Source::Admin, said.draining));
            }
        }
        for (plan, source) in base.chain(found) {
            let said = self.said.get(&plan.id);
            let wanted = said.is_none_or(|said| said.instance == Wish::Base);
            if wanted && !ids.contains(&plan.id) && addresses.insert(plan.address) {
                ids.insert(&plan.id);
                shown.push((plan, source, said.is_some_and(|said| said.draining)));
            }
        }
        shown
    }

    /// An admin says something of an instance. What was removed comes back by it; a new instance
    /// stands in `region` unless the change says where.
    ///
    /// # Errors
    /// It cannot be; nothing has changed then.
    pub(crate) fn put(
        &mut self,
        id: &Name,
        change: &InstanceChange,
        region: &Name,
    ) -> Result<Done, Refusal> {
        let before = self.said.get(id).cloned().unwrap_or_default();
        let base = self.base(id);
        let current = match &before.instance {
            Wish::Put(plan) => Some(plan.clone()),
            Wish::Base | Wish::Removed => base.cloned(),
        };
        let plan = merged(id, current, change, region)?;
        self.is_free(plan.address, id)?;
        let instance = if base == Some(&plan) { Wish::Base } else { Wish::Put(plan) };
        let said = Said { instance, draining: change.draining.unwrap_or(before.draining) };
        let done = match (&before.instance, base) {
            (Wish::Base, None) | (Wish::Removed, _) => Done::Added,
            _ if said == before => Done::Unchanged,
            _ => Done::Changed,
        };
        if !self.said.contains_key(id) && self.said.len() >= MOST_SAID {
            return Err(Refusal::TooMany);
        }
        self.say(id, said);
        Ok(done)
    }

    /// An admin takes an instance away: what was put by an admin is gone, what the file or DNS
    /// tells of stays away until it is put again.
    ///
    /// # Errors
    /// There is no such instance.
    pub(crate) fn remove(&mut self, id: &Name) -> Result<Done, Refusal> {
        let wish = self.said.get(id).map(|said| said.instance.clone()).unwrap_or_default();
        let based = self.base(id).is_some();
        match (wish, based) {
            (Wish::Base, true) => {
                self.say(id, Said { instance: Wish::Removed, draining: false });
                Ok(Done::Removed)
            }
            (Wish::Put(_), based) => {
                self.said.remove(id);
                Ok(if based { Done::Restored } else { Done::Removed })
            }
            (Wish::Base | Wish::Removed, _) => Err(Refusal::Unknown(id.clone())),
        }
    }

    fn say(&mut self, id: &Name, said: Said) {
        if said == Said::default() {
            self.said.remove(id);
        } else {
            self.said.insert(id.clone(), said);
        }
    }

    fn base(&self, id: &Name) -> Option<&InstancePlan> {
        self.file.iter().chain(&self.found).find(|plan| plan.id == *id)
    }

    fn is_free(&self, address: SocketAddr, id: &Name) -> Result<(), Refusal> {
        let shown = self.shown();
        match shown.into_iter().find(|(plan, ..)| plan.address == address) {
            Some((holder, ..)) if holder.id != *id => {
                Err(Refusal::AddressTaken { address, holder: holder.id.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn merged(
    id: &Name,
    current: Option<InstancePlan>,
    change: &InstanceChange,
    region: &Name,
) -> Result<InstancePlan, Refusal> {
    let mut plan = match (current, change.address) {
        (Some(plan), _) => plan,
        (None, None) => return Err(Refusal::NoAddress(id.clone())),
        (None, Some(address)) => InstancePlan {
            id: id.clone(),
            address,
            region: region.clone(),
            labels: BTreeMap::new(),
            rtt: None,
            http2: false,
        },
    };
    plan.address = change.address.unwrap_or(plan.address);
    plan.region = change.region.clone().unwrap_or(plan.region);
    plan.labels = change.labels.clone().unwrap_or(plan.labels);
    plan.rtt = change.rtt.unwrap_or(plan.rtt);
    plan.http2 = change.http2.unwrap_or(plan.http2);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    fn instance(id: &str, port: u16) -> InstancePlan {
        InstancePlan {
            id: name(id),
            address: ([127, 0, 0, 1], port).into(),
            region: name("ams"),
            labels: BTreeMap::new(),
            rtt: None,
            http2: false,
        }
    }

    fn change(json: &str) -> InstanceChange {
        InstanceChange::read(json.as_bytes()).expect("a change")
    }

    fn put(roster: &mut Roster, id: &str, json: &str) -> Result<Done, Refusal> {
        roster.put(&name(id), &change(json), &name("sin"))
    }

    fn shown(roster: &Roster) -> Vec<String> {
        let mut shown: Vec<_> = roster
            .entries()
            .into_iter()
            .map(|entry| {
                let (plan, cordon) = (entry.plan, if entry.draining { "!" } else { "" });
                format!("{} {} {}{cordon}", plan.id, plan.address.port(), entry.source.name())
            })
            .collect();
        shown.sort();
        shown
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        roster.written(vec![instance("a", 1), instance("b", 2)]);
        roster
    }

    #[test]
    fn what_an_admin_said_stays_when_the_file_is_read_anew() {
        let mut roster = roster();
        assert_eq!(put(&mut roster, "a", r#"{"draining": true}"#), Ok(Done::Changed));
        assert_eq!(put(&mut roster, "c", r#"{"address": "127.0.0.1:3"}"#), Ok(Done::Added));
        assert_eq!(put(&mut roster, "b", r#"{"address": "127.0.0.1:9"}"#), Ok(Done::Changed));
        let expected = ["a 1 file!", "b 9 admin", "c 3 admin"];
        assert_eq!(shown(&roster), expected);
        roster.written(vec![instance("a", 1), instance("b", 2), instance("d", 4)]);
        assert_eq!(shown(&roster), ["a 1 file!", "b 9 admin", "c 3 admin", "d 4 file"]);
        assert_eq!(put(&mut roster, "a", r#"{"draining": false}"#), Ok(Done::Changed));
        assert_eq!(put(&mut roster, "a", r#"{"draining": false}"#), Ok(Done::Unchanged));
        assert_eq!(roster.remove(&name("b")), Ok(Done::Restored));
        assert_eq!(roster.remove(&name("c")), Ok(Done::Removed));
        assert_eq!(shown(&roster), ["a 1 file", "b 2 file", "d 4 file"]);
        assert!(roster.said.is_empty());
    }

    #[test]
    fn what_an_admin_removed_stays_away_until_it_is_put_again() {
        let mut roster = roster();
        assert_eq!(roster.remove(&name("a")), Ok(Done::Removed));
        assert_eq!(roster.remove(&name("a")), Err(Refusal::Unknown(name("a"))));
        roster.written(vec![instance("a", 1), instance("b", 2)]);
        assert_eq!(shown(&roster), ["b 2 file"]);
        assert_eq!(put(&mut roster, "a", "{}"), Ok(Done::Added));
        assert_eq!(shown(&roster), ["a 1 file", "b 2 file"]);
    }

    #[test]
    fn a_wish_that_cannot_be_is_refused_and_changes_nothing() {
        let mut roster = roster();
        let no_address = Err(Refusal::NoAddress(name("x")));
        assert_eq!(put(&mut roster, "x", r#"{"region": "ams"}"#), no_address);
        let taken = put(&mut roster, "x", r#"{"address": "127.0.0.1:2"}"#);
        assert!(matches!(taken, Err(Refusal::AddressTaken { holder, .. }) if holder == name("b")));
        assert_eq!(roster.remove(&name("x")), Err(Refusal::Unknown(name("x"))));
        assert_eq!(shown(&roster), ["a 1 file", "b 2 file"]);
    }

    #[test]
    fn a_change_keeps_what_it_does_not_say() {
        let mut roster = roster();
        let first = r#"{"address": "127.0.0.1:3", "rtt": "9ms", "labels": {"version": "new"}}"#;
        assert_eq!(put(&mut roster, "c", first), Ok(Done::Added));
        assert_eq!(put(&mut roster, "c", r#"{"rtt": null}"#), Ok(Done::Changed));
        let entries = roster.entries();
        let plan = &entries.iter().find(|entry| entry.plan.id == name("c")).expect("c").plan;
        assert_eq!((plan.rtt, plan.region.as_str()), (None, "sin"));
        assert_eq!(plan.labels[&name("version")], "new");
    }

    #[test]
    fn dns_adds_to_the_file_and_never_doubles_an_address() {
        let mut roster = roster();
        roster.found(vec![instance("10.0.0.1-2", 2), instance("10.0.0.1-3", 3), instance("a", 4)]);
        assert_eq!(shown(&roster), ["10.0.0.1-3 3 dns", "a 1 file", "b 2 file"]);
        assert_eq!(put(&mut roster, "10.0.0.1-3", r#"{"draining": true}"#), Ok(Done::Changed));
        roster.found(Vec::new());
        assert_eq!(shown(&roster), ["a 1 file", "b 2 file"]);
        roster.found(vec![instance("10.0.0.1-3", 3)]);
        assert_eq!(shown(&roster), ["10.0.0.1-3 3 dns!", "a 1 file", "b 2 file"]);
    }

    mod any_order {
        use super::*;
        use proptest::prelude::*;

        #[derive(Clone, Debug)]
        enum Step {
            Put(u8, Option<u16>, Option<bool>),
            Remove(u8),
            Written(Vec<(u8, u16)>),
            Found(Vec<(u8, u16)>),
        }

        fn step() -> impl Strategy<Value = Step> {
            let list = || prop::collection::vec((0_u8..6, 1_u16..6), 0..5);
            prop_oneof![
                (0_u8..6, prop::option::of(1_u16..6), any::<Option<bool>>())
                    .prop_map(|(id, port, draining)| Step::Put(id, port, draining)),
                (0_u8..6).prop_map(Step::Remove),
                list().prop_map(Step::Written),
                list().prop_map(Step::Found),
            ]
        }

        fn plans(list: Vec<(u8, u16)>) -> Vec<InstancePlan> {
            list.into_iter().map(|(id, port)| instance(&format!("i{id}"), port)).collect()
        }

        proptest! {
            #[test]
            fn ids_and_addresses_are_unique_and_a_refusal_changes_nothing(
                steps in prop::collection::vec(step(), 1..40),
            ) {
                let mut roster = Roster::default();
                for step in steps {
                    let before = shown(&roster);
                    let refused = match step {
                        Step::Put(id, port, draining) => {
                            let address = port.map(|port| ([127, 0, 0, 1], port).into());
                            let change =
                                InstanceChange { address, draining, ..InstanceChange::default() };
                            roster.put(&name(&format!("i{id}")), &change, &name("sin")).is_err()
                        }
                        Step::Remove(id) => roster.remove(&name(&format!("i{id}"))).is_err(),
                        Step::Written(list) => {
                            roster.written(plans(list));
                            false
                        }
                        Step::Found(list) => {
                            roster.found(plans(list));
                            false
                        }
                    };
                    prop_assert!(!refused || shown(&roster) == before);
                    let entries = roster.entries();
                    let ids: HashSet<_> = entries.iter().map(|entry| &entry.plan.id).collect();
                    let at: HashSet<_> = entries.iter().map(|entry| entry.plan.address).collect();
                    prop_assert_eq!((ids.len(), at.len()), (entries.len(), entries.len()));
                }
            }
        }
    }
}
