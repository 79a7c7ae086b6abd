//! Routes a request to labelled instances by a header: a gold tenant's requests to gold instances, a
//! tenant that must stay in a region to that region. The balancer still picks the least loaded, closest
//! of them and honours their limits.

use std::collections::BTreeMap;

use hither_plugin::{Decision, Plugin, Request, Routing, Target, plugin};
use serde::Deserialize;

/// The declared input: the header that the configuration names.
const TENANT: &str = "header:{header=x-tenant}";

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Read by the host, which delivers the header that it names.
    #[serde(default, rename = "header")]
    _header: Option<String>,
    #[serde(default)]
    tenants: BTreeMap<String, Route>,
    #[serde(default)]
    default: Option<Route>,
}

/// Where requests go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    #[serde(default)]
    require: BTreeMap<String, String>,
    #[serde(default)]
    prefer: BTreeMap<String, String>,
    #[serde(default)]
    sticky: bool,
}

/// The plugin.
#[derive(Debug)]
pub struct TenantRouter {
    tenants: BTreeMap<String, Route>,
    default: Option<Route>,
}

#[plugin(routing)]
impl Plugin for TenantRouter {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[TENANT];
    const BY_INPUTS: bool = true;
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        let Config { tenants, default, .. } = config;
        Ok(Self { tenants, default })
    }
}

impl Routing for TenantRouter {
    fn select(&self, request: &Request) -> Decision {
        let mut named = request.values(TENANT);
        let tenant = named.next().and_then(|value| std::str::from_utf8(value).ok());
        // Two tenants in one request would let a client choose which one a later server believes.
        let tenant = if named.next().is_some() { None } else { tenant };
        let route = tenant.and_then(|tenant| self.tenants.get(tenant)).or(self.default.as_ref());
        route.map_or(Decision::Pass, |route| route.target(tenant).into())
    }
}

impl Route {
    fn target(&self, tenant: Option<&str>) -> Target {
        let mut target = Target::default();
        for (label, value) in &self.require {
            target = target.require(label, value);
        }
        for (label, value) in &self.prefer {
            target = target.prefer(label, value);
        }
        match tenant {
            Some(tenant) if self.sticky => target.affinity(tenant),
            _ => target,
        }
    }
}

#[cfg(test)]
mod tests {
    use hither_plugin::test;

    use super::*;

    const CONFIG: &str = r#"{
        "header": "X-Org",
        "tenants": {
            "acme": { "require": { "tier": "gold" }, "prefer": { "region": "ams" }, "sticky": true },
            "slow": { "require": { "tier": "batch" } }
        },
        "default": { "require": { "tier": "standard" } }
    }"#;

    fn target(tenants: &[&[u8]]) -> Target {
        let plugin = test::configure::<TenantRouter>(CONFIG).unwrap();
        let mut request = plugin.get("/");
        for tenant in tenants {
            request = request.header("x-org", tenant);
        }
        match plugin.select(&request.build()) {
            Decision::Route(target) => target,
            other => panic!("not routed: {other:?}"),
        }
    }

    #[test]
    fn a_tenant_goes_to_its_labels() {
        let expected =
            Target::default().require("tier", "gold").prefer("region", "ams").affinity("acme");
        assert_eq!(target(&[b"acme"]), expected);
        assert_eq!(target(&[b"slow"]), Target::default().require("tier", "batch"));
    }

    #[test]
    fn everybody_else_goes_to_the_default() {
        let default = Target::default().require("tier", "standard");
        for tenants in [&[][..], &[b"nobody".as_slice()], &[b"\xff"], &[b"acme", b"slow"]] {
            assert_eq!(target(tenants), default, "{tenants:?}");
        }
    }

    #[test]
    fn without_a_default_the_request_passes() {
        let plugin = test::configure::<TenantRouter>("{}").unwrap();
        let request = plugin.get("/").header("x-tenant", "acme").build();
        assert_eq!(plugin.select(&request), Decision::Pass);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let error = test::configure::<TenantRouter>(r#"{"tenant":{}}"#).unwrap_err();
        assert!(error.contains("tenant"), "{error}");
    }

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(TenantRouter::CONFIG_SCHEMA).unwrap();
        assert_eq!(schema["properties"]["header"]["default"], "x-tenant");
    }
}
