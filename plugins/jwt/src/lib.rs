//! Lets in who bears a valid token, checked at the edge with keys from the configuration: HS256 by a secret
//! that never enters the plugin, RS256 and ES256 by public keys.

use hither_plugin::{Plugin, Request, RequestFilter, RequestVerdict, plugin, secrets};
use jwt_core::{COOKIE, Config, Gate, HEADER};

/// The plugin.
#[derive(Debug)]
pub struct Jwt(Gate);

#[plugin(request_filter)]
impl Plugin for Jwt {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[HEADER, COOKIE];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        if config.jwks.is_some() {
            return Err("`jwks` is of the plugin jwt-jwks; this one calls nobody".to_owned());
        }
        let gate = Gate::new(config)?;
        for name in gate.keys().secrets() {
            // One that is not there would refuse everybody.
            secrets::hmac_sha256(name, b"")
                .map_err(|why| format!("the secret `{name}` in `keys` cannot be used: {why}"))?;
        }
        if gate.keys().is_empty() {
            return Err("`keys` is empty, so no token could ever be valid".to_owned());
        }
        Ok(Self(gate))
    }
}

impl RequestFilter for Jwt {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        match self.0.token(request) {
            Ok(Some(token)) => self.0.judge(&token, None, request.now_ms, secrets::hmac_sha256),
            Ok(None) => self.0.without(),
            Err(refusal) => self.0.refuse(refusal),
        }
    }
}

#[cfg(test)]
mod tests;
