//! Requests to one repository, with whatever the registry wants to be told.

use http::Method;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use super::{Image, auth};
use crate::error::FetchError;
use crate::transport::{Answer, Transport};

/// A talk with one repository.
pub(super) struct Session<'a> {
    transport: &'a Transport,
    pub(super) image: &'a Image,
    pub(super) root: String,
    /// What is wanted of it: `pull` or `pull,push` (distribution specification, token scopes).
    actions: &'static str,
    authorization: Option<String>,
}

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Option<&'a [u8]>,
}

impl<'a> Session<'a> {
    pub(super) fn new(transport: &'a Transport, image: &'a Image, actions: &'static str) -> Self {
        Self { transport, image, root: image.root(), actions, authorization: None }
    }

    /// Asks, and if the registry wants to know who does, tells it and asks once more.
    pub(super) fn ask(&mut self, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let answer = self.send(ask)?;
        if answer.status() != 401 || !self.is_registry(ask.url) {
            return Ok(answer);
        }
        let challenges: Vec<&str> = answer.header(WWW_AUTHENTICATE).collect();
        let authorization = auth::authorize(self.transport, self.image, self.actions, &challenges)?;
        self.authorization = Some(authorization);
        self.send(ask)
    }

    fn send(&self, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let mut request = http::Request::builder().method(&ask.method).uri(ask.url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        // An upload may lead elsewhere, where nobody must hear of it.
        if let Some(authorization) =
            self.authorization.as_ref().filter(|_| self.is_registry(ask.url))
        {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.transport.send(request, ask.body)
    }

    fn is_registry(&self, url: &str) -> bool {
        origin(url).is_some_and(|asked| Some(asked) == origin(&self.root))
    }
}

/// Scheme and authority.
fn origin(url: &str) -> Option<(String, String)> {
    let uri: http::Uri = url.parse().ok()?;
    Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
}
