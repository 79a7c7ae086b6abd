//! From answers to instances: what of an old answer stays, who stands where, what they are called.
//!
//! Pure; the records come from outside and are bounded where they are read.

use super::lookup::LookupError;
use hither_config::{DnsPlan, InstancePlan, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A place to connect to, with the SRV target that led there.
pub(super) type Target = (SocketAddr, Option<String>);

/// What one kind of record said.
#[derive(Clone, Debug)]
pub(super) enum Records {
    /// These, for so long; maybe none.
    Some(Vec<Target>, Duration),
    /// Nobody could tell.
    Failed(LookupError),
}

/// An answer in all its kinds: A and AAAA, or SRV alone.
pub(super) type Answer = Vec<Records>;

/// The last good answer of each kind.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Vec<Target>>);

impl Known {
    /// Takes an answer, kind by kind: where one could not be told, the last one stays. Tells how
    /// long it holds.
    ///
    /// # Errors
    /// No kind brought anything; all stays as it was.
    pub(super) fn take(&mut self, answer: Answer) -> Result<Duration, LookupError> {
        let any =
            answer.iter().any(|kind| matches!(kind, Records::Some(found, _) if !found.is_empty()));
        let mut failure = None;
        let mut holds = Duration::MAX;
        self.0.resize(answer.len(), Vec::new());
        for (known, kind) in self.0.iter_mut().zip(answer) {
            match kind {
                Records::Some(found, ttl) if any => {
                    // What a kind does not have says nothing of how long the others hold.
                    holds = if found.is_empty() { holds } else { holds.min(ttl) };
                    *known = found;
                }
                Records::Some(..) => {}
                Records::Failed(error) => failure = Some(error),
            }
        }
        if any { Ok(holds) } else { Err(failure.unwrap_or(LookupError::Empty)) }
    }

    /// The instances, in the order of their addresses.
    pub(super) fn instances(&self, plan: &DnsPlan) -> Vec<InstancePlan> {
        let targets: BTreeSet<&Target> = self.0.iter().flatten().collect();
        let mut instances: BTreeMap<SocketAddr, InstancePlan> = BTreeMap::new();
        for (address, target) in targets {
            let Some(id) = id(*address) else { continue };
            let place = plan.places.iter().find(|p| p.fits(address.ip(), target.as_deref()));
            instances.entry(*address).or_insert_with(|| InstancePlan {
                id,
                address: *address,
                region: place.map_or(&plan.region, |place| &place.region).clone(),
                labels: place.map(|place| place.labels.clone()).unwrap_or_default(),
                rtt: None,
                http2: plan.http2,
            });
        }
        instances.into_values().collect()
    }
}

/// The same name for the same address, whatever else the answer holds: `10.0.0.1-8080`,
/// `fdaa-0-0-0-0-0-0-3-8080`.
fn id(address: SocketAddr) -> Option<Name> {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:x}")).join("-"),
    };
    Name::new(&format!("{ip}-{}", address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither_config::{DnsName, Fits, HostPattern, PlacePlan};

    fn target(address: &str, target: Option<&str>) -> Target {
        (address.parse().expect("an address"), target.map(str::to_owned))
    }

    fn some(addresses: &[&str], seconds: u64) -> Records {
        let targets = addresses.iter().map(|address| target(address, None)).collect();
        Records::Some(targets, Duration::from_secs(seconds))
    }

    fn plan(places: Vec<PlacePlan>) -> DnsPlan {
        DnsPlan {
            name: DnsName::Service("_http._tcp.web.internal".to_owned()),
            resolvers: Vec::new(),
            region: Name::new("local").expect("a name"),
            http2: false,
            places,
        }
    }

    fn ids(known: &Known) -> Vec<String> {
        known.instances(&plan(Vec::new())).iter().map(|one| one.id.to_string()).collect()
    }

    #[test]
    fn what_could_not_be_told_stays_and_what_is_gone_goes() {
        let mut known = Known::default();
        let both = vec![some(&["10.0.0.1:80", "10.0.0.2:80"], 60), some(&["[fd::3]:80"], 30)];
        assert_eq!(known.take(both), Ok(Duration::from_secs(30)));
        assert_eq!(ids(&known), ["10.0.0.1-80", "10.0.0.2-80", "fd-0-0-0-0-0-0-3-80"]);
        let half = vec![some(&["10.0.0.2:80"], 60), Records::Failed(LookupError::Timeout)];
        assert_eq!(known.take(half), Ok(Duration::from_secs(60)));
        assert_eq!(ids(&known), ["10.0.0.2-80", "fd-0-0-0-0-0-0-3-80"]);
        let none = vec![some(&[], 1), some(&[], 1)];
        assert_eq!(known.take(none), Err(LookupError::Empty));
        let failed = vec![some(&[], 1), Records::Failed(LookupError::Timeout)];
        assert_eq!(known.take(failed), Err(LookupError::Timeout));
        assert_eq!(ids(&known).len(), 2, "the last good answer is kept");
        assert_eq!(
            known.take(vec![some(&["10.0.0.2:80"], 9), some(&[], 1)]),
            Ok(Duration::from_secs(9))
        );
        assert_eq!(ids(&known), ["10.0.0.2-80"]);
    }

    #[test]
    fn the_first_place_that_fits_says_where_an_instance_stands() {
        let place = |fits, region| PlacePlan {
            fits,
            region: Name::new(region).expect("a name"),
            labels: BTreeMap::new(),
        };
        let plan = plan(vec![
            place(Fits::Target(HostPattern::Under("sin.internal".to_owned())), "sin"),
            place(Fits::Network("10.1.0.0/16".parse().expect("a network")), "ams"),
        ]);
        let mut known = Known::default();
        let targets = vec![
            target("10.1.0.1:80", Some("a.sin.internal")),
            target("10.1.0.1:81", Some("b.internal")),
            target("10.2.0.1:80", None),
            target("10.1.0.1:80", Some("a.sin.internal")),
        ];
        known.take(vec![Records::Some(targets, Duration::ZERO)]).expect("an answer");
        let regions: Vec<_> =
            known.instances(&plan).into_iter().map(|one| one.region.to_string()).collect();
        assert_eq!(regions, ["sin", "ams", "local"]);
    }
}
