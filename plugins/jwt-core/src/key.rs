//! Keys. Each names its one algorithm, so a token cannot choose how it is checked: what it says in `alg` only
//! has to be that of the key. There is no key for `none`.

use std::cell::RefCell;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::DecodePublicKey;
use rsa::pkcs1v15;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;
use serde::Deserialize;

use crate::Token;
use crate::remembered::Remembered;

/// HMAC-SHA-256 of data with the secret of a name: 32 bytes.
pub type Hmac = fn(&str, &[u8]) -> Result<Vec<u8>, String>;

/// RSA moduli in bytes: below, it can be broken (RFC 7518 section 3.3); above, checking takes too long.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// More keys than an issuer publishes.
const MOST: usize = 64;
/// A token that names no key is tried with so many; each may take a millisecond.
const TRIED: usize = 4;

/// A key as an operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKey {
    algorithm: Algorithm,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    pem: Option<String>,
    #[serde(default)]
    jwk: Option<Jwk>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Algorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// RFC 7517 and RFC 7518 section 6, as far as it matters here; issuers add what they like.
#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

#[derive(Debug)]
enum Material {
    /// The name of a secret, which stays with the host.
    Hs256(String),
    Rs256(pkcs1v15::VerifyingKey<Sha256>),
    Es256(p256::ecdsa::VerifyingKey),
}

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    material: Material,
}

/// Keys of one operator or issuer.
#[derive(Debug, Default)]
pub struct Keys {
    keys: Vec<Key>,
    /// What they were found to have signed.
    signed: RefCell<Remembered>,
}

impl Keys {
    fn of(keys: Vec<Key>) -> Self {
        Self { keys, signed: RefCell::default() }
    }

    /// Keys as an operator wrote them; all of them must be good.
    pub(crate) fn configured(raw: Vec<RawKey>) -> Result<Self, String> {
        if raw.len() > MOST {
            return Err(format!("{} keys, at most {MOST} are allowed", raw.len()));
        }
        let number = |(place, raw): (usize, RawKey)| {
            raw.read().map_err(|why| format!("key {} in `keys`: {why}", place + 1))
        };
        raw.into_iter().enumerate().map(number).collect::<Result<_, _>>().map(Self::of)
    }

    /// Keys as an issuer publishes them (RFC 7517 section 5): those that are for signatures of an algorithm
    /// that is known here. Secret ones are never taken from there.
    ///
    /// # Errors
    /// It is no set of keys, or none of it is usable.
    pub fn published(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let keys = set.keys.into_iter().take(MOST).filter_map(|value| {
            let jwk: Jwk = serde_json::from_value(value).ok()?;
            let kid = jwk.kid.clone();
            Some(Key { kid, material: jwk.read().ok()? })
        });
        let keys: Vec<Key> = keys.collect();
        if keys.is_empty() {
            return Err("it holds no RS256 or ES256 key".to_owned());
        }
        Ok(Self::of(keys))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The secrets that they name.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| match &key.material {
            Material::Hs256(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a key may be the one that a token was signed with.
    pub fn has_one_for(&self, token: &Token) -> bool {
        self.fitting(token).next().is_some()
    }

    /// Whether one of them signed it. Only keys of the token's algorithm are asked; where the token names
    /// its key, that one, or one without a name.
    pub(crate) fn signed(&self, token: &Token, hmac: Hmac) -> bool {
        let asked = || self.fitting(token).take(TRIED).any(|key| key.signed(token, hmac));
        if token.algorithm == Algorithm::Hs256.name() {
            // The secret may be another one by now, and it takes no time.
            return asked();
        }
        let shown = [token.signed.as_bytes(), b".", &*token.signature].concat();
        if self.signed.borrow_mut().has(&shown) {
            return true;
        }
        let signed = asked();
        if signed {
            self.signed.borrow_mut().keep(shown.into());
        }
        signed
    }

    fn fitting<'a>(&'a self, token: &'a Token) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            let named = match (&key.kid, &token.kid) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
            named && key.algorithm() == token.algorithm
        })
    }
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self.material {
            Material::Hs256(_) => Algorithm::Hs256,
            Material::Rs256(_) => Algorithm::Rs256,
            Material::Es256(_) => Algorithm::Es256,
        }
        .name()
    }

    fn signed(&self, token: &Token, hmac: Hmac) -> bool {
        let (signed, signature) = (token.signed.as_bytes(), &*token.signature);
        match &self.material {
            Material::Hs256(name) => hmac(name, signed).is_ok_and(|ours| same(&ours, signature)),
            Material::Rs256(key) => {
                let signature = pkcs1v15::Signature::try_from(signature);
                signature.is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            Material::Es256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
        }
    }
}

/// In a time that tells nothing of what is the same.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let differ = ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b));
    !ours.is_empty() && ours.len() == theirs.len() && std::hint::black_box(differ) == 0
}

impl RawKey {
    fn read(self) -> Result<Key, String> {
        let Self { algorithm, kid, secret, pem, jwk } = self;
        let material = match (algorithm, secret, pem, jwk) {
            (Algorithm::Hs256, Some(name), None, None) => Material::Hs256(name),
            (Algorithm::Rs256, None, Some(pem), None) => {
                let key = rsa::PublicKey::from_public_key_pem(&pem);
                rs256(key.map_err(|error| format!("`pem` is no RSA public key: {error}"))?)?
            }
            (Algorithm::Es256, None, Some(pem), None) => {
                let key = p256::ecdsa::VerifyingKey::from_public_key_pem(&pem);
                Material::Es256(
                    key.map_err(|error| format!("`pem` is no P-256 public key: {error}"))?,
                )
            }
            (Algorithm::Rs256 | Algorithm::Es256, None, None, Some(jwk)) => {
                if jwk.kid.is_some() && kid.is_some() && jwk.kid != kid {
                    return Err("`kid` is not the one in `jwk`".to_owned());
                }
                let (inner, material) = (jwk.kid.clone(), jwk.read()?);
                let key = Key { kid: kid.or(inner), material };
                if key.algorithm() != algorithm.name() {
                    return Err(format!("`jwk` is no key for {}", algorithm.name()));
                }
                return Ok(key);
            }
            (Algorithm::Hs256, ..) => {
                return Err(
                    "HS256 needs `secret`, the name of a secret of the plugin, and nothing else"
                        .to_owned(),
                );
            }
            _ => return Err("needs a public key: `pem` or `jwk`, one of them".to_owned()),
        };
        Ok(Key { kid, material })
    }
}

impl Jwk {
    fn read(&self) -> Result<Material, String> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("the key is not for signatures".to_owned());
        }
        let is = |name: &str| self.alg.as_deref().is_none_or(|alg| alg == name);
        let decode = |name: &str, text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.map_err(|_| format!("`{name}` of the key is not base64url"))
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) if is("RS256") => {
                let number = |name, text| {
                    let bytes = decode(name, text)?;
                    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
                    Ok::<_, String>(rsa::BoxedUint::from_be_slice_vartime(&bytes[from..]))
                };
                let (n, e) = (number("n", &self.n)?, number("e", &self.e)?);
                rs256(rsa::PublicKey::new(n, e).map_err(|error| format!("no RSA key: {error}"))?)
            }
            ("EC", Some("P-256")) if is("ES256") => {
                let (x, y) = (decode("x", &self.x)?, decode("y", &self.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err("`x` and `y` of a P-256 key have 32 bytes".to_owned());
                }
                let point = [&[4], &*x, &*y].concat();
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
                key.map(Material::Es256).map_err(|error| format!("no point of P-256: {error}"))
            }
            _ => Err("the key is none for RS256 or ES256".to_owned()),
        }
    }
}

fn rs256(key: rsa::PublicKey) -> Result<Material, String> {
    if !MODULUS.contains(&key.size()) {
        let (least, most) = (MODULUS.start() * 8, MODULUS.end() * 8);
        return Err(format!("an RSA key has {least} to {most} bits, this one {}", key.size() * 8));
    }
    Ok(Material::Rs256(pkcs1v15::VerifyingKey::new(key)))
}
