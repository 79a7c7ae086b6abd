//! Asking DNS: the resolvers of the system, or those that the configuration names.
//!
//! Answers come from the network: so many records count, and names that are none do not.

use super::answer::{Answer, Records, Target};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use hither_config::{DnsName, DnsPlan};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Addresses of one name that count.
const MOST_ADDRESSES: usize = 10_000;

/// Targets of one name that count; each takes two questions.
const MOST_TARGETS: usize = 256;

/// For one question to one resolver, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupError {
    /// The system does not say whom to ask.
    #[error("no resolver: {0}")]
    NoResolver(String),
    /// Nobody answered, or with a failure.
    #[error("{0}")]
    Failed(String),
    /// There is no such name, or it has no such records.
    #[error("the name has no address")]
    Empty,
    /// All of it took too long.
    #[error("no answer in time")]
    Timeout,
}

/// Whom to ask.
pub(super) struct Asker(TokioResolver);

impl Asker {
    pub(super) fn new(plan: &DnsPlan) -> Result<Asker, LookupError> {
        let refuse = |error: NetError| LookupError::NoResolver(error.to_string());
        let mut builder = if plan.resolvers.is_empty() {
            TokioResolver::builder_tokio().map_err(refuse)?
        } else {
            let servers = plan.resolvers.iter().map(|address| server(*address)).collect();
            let config = ResolverConfig::from_name_servers(servers);
            let mut builder =
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        };
        bound(builder.options_mut());
        builder.build().map(Asker).map_err(refuse)
    }

    /// One answer, kind by kind.
    ///
    /// # Errors
    /// The targets of a name, or one target's addresses, could not be told.
    pub(super) async fn ask(&self, name: &DnsName) -> Result<Answer, LookupError> {
        match name {
            DnsName::Host { name, port } => {
                let (v4, v6) = tokio::join!(
                    self.addresses(name, RecordType::A),
                    self.addresses(name, RecordType::AAAA)
                );
                let kind = |found: Result<(Vec<IpAddr>, Duration), LookupError>| match found {
                    Ok((ips, ttl)) => {
                        let targets = ips.into_iter().map(|ip| (SocketAddr::new(ip, *port), None));
                        Records::Some(targets.collect(), ttl)
                    }
                    Err(error) => Records::Failed(error),
                };
                Ok(vec![kind(v4), kind(v6)])
            }
            DnsName::Service(name) => {
                let (targets, ttl) = self.targets(name).await?;
                Ok(vec![Records::Some(targets, ttl)])
            }
        }
    }

    /// The targets of SRV records with their addresses. Of several priorities the lowest number
    /// alone counts (RFC 2782); weights do not, since load and closeness decide.
    async fn targets(&self, name: &str) -> Result<(Vec<Target>, Duration), LookupError> {
        let (records, mut ttl) = self.records(name, RecordType::SRV).await?;
        let mut services: Vec<_> = records
            .into_iter()
            .filter_map(|record| match record.data {
                RData::SRV(service) => Some(service),
                _ => None,
            })
            .collect();
        let first = services.iter().map(|service| service.priority).min();
        services.retain(|service| Some(service.priority) == first && service.port != 0);
        let mut targets = Vec::new();
        for service in services.into_iter().take(MOST_TARGETS) {
            let target = service.target.to_ascii().to_ascii_lowercase();
            let target = target.trim_end_matches('.').to_owned();
            for kind in [RecordType::A, RecordType::AAAA] {
                let (ips, holds) = self.addresses(&target, kind).await?;
                ttl = if ips.is_empty() { ttl } else { ttl.min(holds) };
                let found = ips
                    .into_iter()
                    .map(|ip| (SocketAddr::new(ip, service.port), Some(target.clone())));
                targets.extend(found);
            }
        }
        Ok((targets, ttl))
    }

    async fn addresses(
        &self,
        name: &str,
        kind: RecordType,
    ) -> Result<(Vec<IpAddr>, Duration), LookupError> {
        let (records, ttl) = self.records(name, kind).await?;
        let ips = records.into_iter().filter_map(|record| match record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        });
        let reachable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_multicast();
        Ok((ips.filter(reachable).take(MOST_ADDRESSES).collect(), ttl))
    }

    /// The records of an absolute name, and how long the shortest of them holds. None where the
    /// name has none, which is an answer.
    async fn records(
        &self,
        name: &str,
        kind: RecordType,
    ) -> Result<(Vec<Record>, Duration), LookupError> {
        match self.0.lookup(format!("{name}."), kind).await {
            Ok(lookup) => {
                let records = lookup.answers().to_vec();
                let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
                Ok((records, Duration::from_secs(u64::from(ttl))))
            }
            Err(error) if error.is_no_records_found() => Ok((Vec::new(), Duration::ZERO)),
            Err(error) => Err(LookupError::Failed(error.to_string())),
        }
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    // How long an answer holds is looked after here.
    options.cache_size = 0;
}
