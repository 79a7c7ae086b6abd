//! Who asks: credentials as `docker login` leaves them, and the tokens that registries give for them
//! (RFC 6750 for the challenge, the distribution project's token authentication for the exchange).

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use serde::Deserialize;

use super::Image;
use crate::error::FetchError;
use crate::transport::Transport;

/// A token with what is around it.
const LARGEST: u64 = 64 << 10;

/// Both names are in use; the second is OAuth 2's.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The value of `Authorization` that answers a registry's challenges.
pub(super) fn authorize(
    transport: &Transport,
    image: &Image,
    actions: &str,
    challenges: &[&str],
) -> Result<String, FetchError> {
    let wants = |why: &str| FetchError::Credentials {
        registry: image.registry.clone(),
        why: why.to_owned(),
    };
    let challenges: Vec<ChallengeRef<'_>> =
        challenges.iter().flat_map(|text| ChallengeParser::new(text)).flatten().collect();
    let of = |scheme: &str| challenges.iter().find(|c| c.scheme.eq_ignore_ascii_case(scheme));
    let credentials = credentials(image)?;
    if let Some(bearer) = of("Bearer") {
        return token(transport, image, actions, bearer, credentials.as_deref());
    }
    match (of("Basic"), credentials) {
        (Some(_), Some(credentials)) => Ok(credentials),
        (Some(_), None) => {
            Err(wants("`docker login` or $DOCKER_CONFIG/config.json has none for it"))
        }
        (None, _) => Err(wants("it asks in a way that is not understood")),
    }
}

/// `Basic …` for this registry, if anything is known.
fn credentials(image: &Image) -> Result<Option<String>, FetchError> {
    let server = match image.registry.as_str() {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    let failed = |why: String| FetchError::Credentials { registry: image.registry.clone(), why };
    match get_credential(server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            Ok(Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(failed(
            "an identity token is stored for it, which is not understood; log in with a password or \
             an access token"
                .to_owned(),
        )),
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(None),
        Err(CredentialRetrievalError::ConfigReadError) if !has_config() => Ok(None),
        // What a helper printed may be a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(failed(format!("the credential helper `docker-credential-{helper}` failed")))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Whether `docker login` has left its file where its credentials are looked for.
fn has_config() -> bool {
    let own = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    folder.is_some_and(|folder| folder.join("config.json").exists())
}

/// Fetches a token from where the challenge says.
fn token(
    transport: &Transport,
    image: &Image,
    actions: &str,
    challenge: &ChallengeRef<'_>,
    credentials: Option<&str>,
) -> Result<String, FetchError> {
    let failed = |why: &str| FetchError::Credentials {
        registry: image.registry.clone(),
        why: why.to_owned(),
    };
    let parameter = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").ok_or_else(|| failed("it does not say who gives tokens"))?;
    let scope = format!("repository:{}:{actions}", image.repository);
    let mut url = realm;
    let mut add = |name: &str, value: &str| {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(form_escaped(value));
    };
    if let Some(service) = parameter("service") {
        add("service", &service);
    }
    add("scope", &scope);
    let mut request = http::Request::get(url);
    if let Some(credentials) = credentials {
        request = request.header(http::header::AUTHORIZATION, credentials);
    }
    let answer = transport.send(request, None)?.expect(&[200])?.bytes(LARGEST)?;
    let token: Token =
        serde_json::from_slice(&answer).map_err(|_| failed("what it gives as a token is none"))?;
    let token = token.token.or(token.access_token);
    let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    token.map(|token| format!("Bearer {token}")).ok_or_else(|| failed("its token is empty"))
}

/// As it stands in a query (RFC 3986, 3.4), with everything but the unreserved escaped.
fn form_escaped(text: &str) -> impl Iterator<Item = char> {
    text.bytes().flat_map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let written = if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        written.chars().collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_escaped() {
        let written: String = form_escaped("repository:a/b:pull,push").collect();
        assert_eq!(written, "repository%3Aa%2Fb%3Apull%2Cpush");
    }
}
