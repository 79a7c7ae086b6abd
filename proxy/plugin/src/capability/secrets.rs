//! `secrets`: what the operator lent this plugin, used on this side of the wall.

use crate::contract::hither::plugin::secrets;
use crate::guest::Guest;
use crate::lent::Secret;

/// Hashing so much takes a fifth of a millisecond, during which no budget can end the call.
const LONGEST: usize = 64 << 10;

/// An answer, or why there is none, in words for the plugin's author.
type Asked<R> = Result<R, String>;

impl Guest {
    fn secret<R>(
        &mut self,
        name: &str,
        data: &[u8],
        ask: impl FnOnce(&Secret) -> R,
    ) -> wasmtime::Result<Asked<R>> {
        let may = self.enter("secrets")?;
        Ok(match may.lent.secrets.get(name) {
            _ if data.len() > LONGEST => Err(format!("more than {LONGEST} bytes at once")),
            Some(secret) => Ok(ask(secret)),
            None => Err("this plugin was lent no secret of this name".to_owned()),
        })
    }
}

impl secrets::Host for Guest {
    fn hmac_sha256(&mut self, name: String, data: Vec<u8>) -> wasmtime::Result<Asked<Vec<u8>>> {
        self.secret(&name, &data, |secret| secret.hmac_sha256(&data).to_vec())
    }

    fn equals(&mut self, name: String, candidate: Vec<u8>) -> wasmtime::Result<Asked<bool>> {
        self.secret(&name, &candidate, |secret| secret.is(&candidate))
    }
}
