//! Lets in who bears a valid token, checked at the edge with the keys that an issuer publishes. They are fetched
//! in the background, and once more where a token names a key that is not known yet, but never more often
//! than the operator allows.

mod issuer;

use hither_plugin::{Background, Plugin, Request, RequestFilter, RequestVerdict, plugin};
use issuer::Issuer;
use jwt_core::{COOKIE, Config, Gate, HEADER};

/// The plugin.
#[derive(Debug)]
pub struct JwtJwks {
    gate: Gate,
    issuer: Issuer,
}

#[plugin(request_filter, background)]
impl Plugin for JwtJwks {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[HEADER, COOKIE];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(mut config: Config) -> Result<Self, String> {
        let jwks = config.jwks.take().ok_or("`jwks` says where the issuer publishes its keys")?;
        let gate = Gate::new(config)?;
        if gate.keys().secrets().next().is_some() {
            return Err("HS256 is of the plugin jwt; an issuer publishes no secrets".to_owned());
        }
        Ok(Self { gate, issuer: Issuer::new(jwks)? })
    }
}

impl RequestFilter for JwtJwks {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let token = match self.gate.token(request) {
            Ok(Some(token)) => token,
            Ok(None) => return self.gate.without(),
            Err(refusal) => return self.gate.refuse(refusal),
        };
        let published = match self.gate.keys().has_one_for(&token) {
            true => None,
            false => match self.issuer.keys_for(&token, request.now_ms) {
                Ok(keys) => Some(keys),
                Err(refusal) => return self.gate.refuse(refusal),
            },
        };
        self.gate.judge(&token, published.as_deref(), request.now_ms, no_secrets)
    }
}

impl Background for JwtJwks {
    fn on_tick(&self, now_ms: u64) {
        self.issuer.renew(now_ms);
    }
}

fn no_secrets(_: &str, _: &[u8]) -> Result<Vec<u8>, String> {
    Err("this plugin uses no secrets".to_owned())
}

#[cfg(test)]
mod tests;
