//! Why a request would go where it would go: the candidates in the order of preference, and what
//! speaks against each.
//!
//! A look at one moment, for people; must not change or draw anything.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use crate::balancer::Refusal;
use crate::core::{Core, admit};
use crate::health::Health;
use crate::instance::Instance;
use crate::policy::{Band, NO_ROOM};
use crate::rtt::RttClass;
use crate::table::Table;
use crate::wanted::Wanted;

/// What would happen to a request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What would happen.
    pub outcome: Outcome,
    /// The instances in the order in which the policy prefers them: who has room, who is full, who
    /// cannot be chosen.
    pub candidates: Vec<Candidate>,
    /// How many more there are than were asked for.
    pub omitted: usize,
}

/// What would happen to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It would get a place at once.
    Permit {
        /// On this instance, the first of those between which chance would decide.
        id: Arc<str>,
        /// How many those are.
        among: usize,
    },
    /// It would wait.
    Wait {
        /// 1: it would be the next of those who want the same.
        position: usize,
    },
    /// It would be told no.
    Refused(Refusal),
}

/// One instance, as a request sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Unique within the service.
    pub id: Arc<str>,
    /// The region it runs in.
    pub region: Arc<str>,
    /// The class of its round trip.
    pub class: RttClass,
    /// Its round trip, if known.
    pub rtt: Option<Duration>,
    /// How full it is.
    pub band: Band,
    /// Permits held.
    pub in_flight: u32,
    /// What it is ranked by, see [`InstanceStatus::load`](crate::InstanceStatus::load).
    pub load: u32,
    /// From which `in_flight` it is busy at the latest.
    pub soft_limit: u32,
    /// From which `in_flight` it is full; `None`: never.
    pub hard_limit: Option<u32>,
    /// Why it would be chosen, or passed over.
    pub verdict: Verdict,
}

/// Why an instance would be chosen, or passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It would get the request.
    Chosen,
    /// As good as the chosen one: chance would decide.
    Tie,
    /// Its checks fail.
    Unhealthy,
    /// Its requests failed.
    Ejected {
        /// When it is back.
        until: Duration,
    },
    /// The operator wants it to get nothing.
    Draining,
    /// It does not bear this label, which is required.
    LabelMissing {
        /// The label's name.
        key: Box<str>,
        /// The value that is required.
        value: Box<str>,
    },
    /// The request has tried it before.
    Excluded,
    /// It is at its hard limit.
    Full,
    /// Another one bears a label that the request prefers.
    LessPreferred,
    /// It is at its soft limit while others are open.
    Busy,
    /// Another one is closer.
    Further,
    /// Another one that is as close has less to do.
    MoreLoaded,
    /// Another one that is as close goes with the request's affinity key.
    OtherKey,
}

impl Verdict {
    /// The word for logs and headers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Tie => "tie",
            Self::Unhealthy => "unhealthy",
            Self::Ejected { .. } => "ejected",
            Self::Draining => "draining",
            Self::LabelMissing { .. } => "label_missing",
            Self::Excluded => "excluded",
            Self::Full => "full",
            Self::LessPreferred => "less_preferred",
            Self::Busy => "busy",
            Self::Further => "further",
            Self::MoreLoaded => "more_loaded",
            Self::OtherKey => "other_key",
        }
    }
}

/// What the policy compares, in its order. Smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    standing: Standing,
    preference: usize,
    group: u32,
    band: Band,
    tier: usize,
    load: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Room,
    Full,
    Out,
}

/// What a look at all instances brought.
struct Survey {
    /// The best ones with their seats, worst first.
    best: BinaryHeap<(Rank, usize)>,
    /// The first of those between which chance decides, and how many they are.
    winner: Option<(Rank, usize)>,
    ties: usize,
}

impl<T> Core<T> {
    pub(crate) fn explain(&self, wanted: &Wanted<'_>, now: Duration, limit: usize) -> Explanation {
        let queue = self.queue.lock();
        let table = self.table.load();
        let health = self.health.lock();
        let mut survey = survey(&table, wanted, limit);
        if let Some(choice) = table.choose_by_affinity(wanted) {
            survey.winner = Some((rank(&table, wanted, choice.seat), choice.seat));
            survey.ties = 1;
        }
        let outcome = match survey.winner.and_then(|(_, seat)| table.at(seat)) {
            Some(instance) => Outcome::Permit { id: instance.id.clone(), among: survey.ties },
            None => match admit(&queue, &table, wanted, now) {
                Ok(admitted) => {
                    let ahead = admitted.line.and_then(|line| queue.line(line));
                    Outcome::Wait { position: 1 + ahead.map_or(0, |line| line.len()) }
                }
                Err(refusal) => Outcome::Refused(refusal),
            },
        };
        let winner = survey.winner;
        let candidate = |(rank, seat): (Rank, usize)| {
            let instance = table.at(seat)?;
            let verdict = verdict(wanted, instance, &health, (rank, seat), winner);
            Some(describe(&table, instance, verdict))
        };
        let candidates: Vec<Candidate> =
            survey.best.into_sorted_vec().into_iter().filter_map(candidate).collect();
        let omitted = table.size().saturating_sub(candidates.len());
        Explanation { outcome, candidates, omitted }
    }
}

fn survey<T>(table: &Table<T>, wanted: &Wanted<'_>, limit: usize) -> Survey {
    let mut survey = Survey { best: BinaryHeap::new(), winner: None, ties: 0 };
    for (seat, _) in table.sitting() {
        let rank = rank(table, wanted, seat);
        if rank.standing == Standing::Room {
            match survey.winner {
                Some((best, _)) if best < rank => {}
                Some((best, _)) if best == rank => survey.ties += 1,
                _ => (survey.winner, survey.ties) = (Some((rank, seat)), 1),
            }
        }
        survey.best.push((rank, seat));
        if survey.best.len() > limit {
            survey.best.pop();
        }
    }
    survey
}

fn rank<T>(table: &Table<T>, wanted: &Wanted<'_>, seat: usize) -> Rank {
    let tier = table.seats.tier_of(seat);
    let group = table.seats.tiers.get(tier).map_or(0, |tier| tier.group);
    let load = table.seats.load(seat);
    let instance = table.at(seat);
    let eligible = instance.is_some_and(|i| i.live.available() && wanted.admits(i));
    let preferred =
        instance.and_then(|i| wanted.prefer.iter().position(|(key, value)| i.bears(key, value)));
    Rank {
        standing: match (eligible, load) {
            (false, _) => Standing::Out,
            (true, NO_ROOM) => Standing::Full,
            (true, _) => Standing::Room,
        },
        preference: preferred.unwrap_or(wanted.prefer.len()),
        group,
        band: table.seats.limits.band(load),
        tier,
        load,
    }
}

fn verdict<T>(
    wanted: &Wanted<'_>,
    instance: &Instance<T>,
    health: &Health,
    (rank, seat): (Rank, usize),
    winner: Option<(Rank, usize)>,
) -> Verdict {
    if let Some(verdict) = ineligible(wanted, instance, health) {
        return verdict;
    }
    let Some((best, chosen)) = winner.filter(|_| rank.standing == Standing::Room) else {
        return Verdict::Full;
    };
    if seat == chosen {
        Verdict::Chosen
    } else if rank.preference > best.preference {
        Verdict::LessPreferred
    } else if rank.group > best.group {
        Verdict::Further
    } else if rank.band > best.band {
        Verdict::Busy
    } else if rank.tier > best.tier {
        Verdict::Further
    } else if !wanted.affinity.is_empty() && best.band == Band::Open {
        Verdict::OtherKey
    } else if rank.load > best.load {
        Verdict::MoreLoaded
    } else {
        Verdict::Tie
    }
}

/// Why it could not be chosen even if it were idle.
fn ineligible<T>(wanted: &Wanted<'_>, instance: &Instance<T>, health: &Health) -> Option<Verdict> {
    let missing = wanted.require.iter().find(|(key, value)| !instance.bears(key, value));
    if let Some((key, value)) = missing {
        return Some(Verdict::LabelMissing { key: (*key).into(), value: (*value).into() });
    }
    if wanted.exclude.contains(&instance.id()) {
        return Some(Verdict::Excluded);
    }
    if !instance.live.healthy() {
        return Some(Verdict::Unhealthy);
    }
    if instance.live.draining() {
        return Some(Verdict::Draining);
    }
    health.ejected_until(&instance.live).map(|until| Verdict::Ejected { until })
}

fn describe<T>(table: &Table<T>, instance: &Instance<T>, verdict: Verdict) -> Candidate {
    let (live, limits) = (&instance.live, table.seats.limits);
    let (in_flight, handicap) = (live.in_flight(), live.handicap());
    let load = limits.load(u64::from(in_flight), handicap);
    Candidate {
        id: instance.id.clone(),
        region: instance.region.clone(),
        class: live.class(),
        rtt: live.rtt(),
        band: limits.band(load),
        in_flight,
        load: u32::try_from(load).unwrap_or(in_flight),
        soft_limit: limits.soft_of(handicap) as u32,
        hard_limit: table.policy.hard_limit,
        verdict,
    }
}
