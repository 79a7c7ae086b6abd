//! Signs and compares as the path says, `/sign/NAME/DATA` and `/equals/NAME/CANDIDATE`, and answers with what
//! came of it. `/long/NAME` signs more than may be. Signs its own configuration when it is configured.

use std::fmt::Write;

use hither_plugin::{Plugin, Reply, Request, RequestFilter, RequestVerdict, plugin, secrets};

struct Secretive {
    signed: Result<Vec<u8>, String>,
}

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    sign: String,
}

#[plugin(request_filter)]
impl Plugin for Secretive {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { signed: secrets::hmac_sha256("signing", config.sign.as_bytes()) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl RequestFilter for Secretive {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let mut parts = request.path.trim_start_matches('/').splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        let (what, name, data) = (next(), next(), next().as_bytes());
        let said = match what {
            "sign" => secrets::hmac_sha256(name, data).map(|signed| hex(&signed)),
            "equals" => secrets::equals(name, data).map(|equal| equal.to_string()),
            "long" => secrets::hmac_sha256(name, &vec![0; (64 << 10) + 1]).map(|s| hex(&s)),
            "configured" => self.signed.clone().map(|signed| hex(&signed)),
            _ => return RequestVerdict::Pass,
        };
        Reply::new(200).body(said.unwrap_or_else(|why| why)).into()
    }
}
