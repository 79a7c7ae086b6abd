//! Requests and responses as files: the message as it goes over the wire, and above it, in lines that begin
//! with `#`, what a proxy would know besides. What follows the empty line is the body, as it stands.
//!
//! ```text
//! # edge.region: ams
//! # config: {"tenants": {}}
//! # limiters: per-key, per-address
//! # secret.signing: not a real one
//! GET /path?x=1 HTTP/1.1
//! host: example.com
//! x-tenant: acme
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hither_plugin_host::{InputName, Inputs, Lent, Secret, Values};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::error::Error;

const MOST_FIELDS: usize = 256;
/// A head is short; what is longer is another file.
const LARGEST: u64 = 1 << 20;
/// The lines that are no inputs: the configuration, the limiters that the plugin is lent, and, one for
/// each, its secrets.
const CONFIG: &str = "config";
const LIMITERS: &str = "limiters";
const SECRET: &str = "secret.";

/// Inputs that are always known, and what they are when the file does not say.
const USUAL: [(&str, &str); 4] = [
    ("client.address", "127.0.0.1"),
    ("client.region", "local"),
    ("edge.region", "local"),
    ("service.name", "web"),
];

/// A request, and what surrounds it.
#[derive(Debug, Clone)]
pub struct RequestFile {
    pub(crate) method: Method,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) facts: Facts,
}

/// A response.
#[derive(Debug, Clone)]
pub struct ResponseFile {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is known beside the head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    given: BTreeMap<String, String>,
}

impl Facts {
    /// The configuration; none when the file does not say.
    pub(crate) fn config(&self) -> Option<&str> {
        self.given.get(CONFIG).map(String::as_str)
    }

    /// What the plugin is lent.
    pub(crate) fn lent(&self) -> Lent {
        let limiters = self.given.get(LIMITERS).into_iter().flat_map(|names| names.split(','));
        let secrets = self.given.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(SECRET)?;
            Some((name.to_owned(), Secret::new(value.as_bytes())))
        });
        Lent {
            limiters: limiters.map(|name| name.trim().to_owned()).collect(),
            secrets: secrets.collect(),
            ..Lent::default()
        }
    }

    fn input(&self, name: &str) -> Option<&str> {
        let usual = || USUAL.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        self.given.get(name).map(String::as_str).or_else(usual)
    }
}

impl RequestFile {
    /// `GET /` without anything.
    pub fn plain() -> Self {
        Self {
            method: Method::GET,
            authority: "localhost".to_owned(),
            path: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// Reads a request from a file.
    ///
    /// # Errors
    /// When it cannot be read or is no request's head.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = text(path)?;
        Self::parse(&text).map_err(|reason| Error::invalid(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (facts, message) = facts(text)?;
        let (head, body) = parts(message);
        let example = "a request begins as in `GET / HTTP/1.1`";
        let wrong = |why: &str| format!("{why}; {example}");
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(head.as_bytes()) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(wrong("the head is not complete")),
            Err(error) => return Err(wrong(&error.to_string())),
        }
        let headers = headers(request.headers)?;
        let method = request.method.unwrap_or_default();
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = host.unwrap_or("localhost").to_owned();
        let path = request.path.unwrap_or("/").to_owned();
        Ok(Self { method, authority, path, headers, body, facts })
    }

    /// Where a plugin sends it.
    pub(crate) fn redirect(&mut self, path: Option<&PathAndQuery>, authority: Option<&Authority>) {
        if let Some(path) = path {
            self.path = path.to_string();
        }
        if let Some(authority) = authority {
            self.authority = authority.to_string();
        }
    }
}

impl ResponseFile {
    /// 200 without anything.
    pub fn plain() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Reads a response's head from a file.
    ///
    /// # Errors
    /// When it cannot be read or is no response's head.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&text(path)?).map_err(|reason| Error::invalid(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = parts(text);
        let example = "a response begins as in `HTTP/1.1 200 OK`";
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(head.as_bytes()) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(format!("the head is not complete; {example}"));
            }
            Err(error) => return Err(format!("{error}; {example}")),
        }
        let headers = headers(response.headers)?;
        let status = StatusCode::from_u16(response.code.unwrap_or_default());
        let status = status.map_err(|error| format!("{error}; {example}"))?;
        Ok(Self { status, headers, body })
    }
}

fn text(path: &Path) -> Result<String, Error> {
    let length = fs::metadata(path).map_err(Error::file(path))?.len();
    if length > LARGEST {
        return Err(Error::invalid(path, "is longer than 1 MiB; only a head is looked at"));
    }
    fs::read_to_string(path).map_err(Error::file(path))
}

/// Takes the lines above the head.
fn facts(text: &str) -> Result<(Facts, &str), String> {
    let mut facts = Facts::default();
    let mut rest = text;
    while let Some(line) = rest.strip_prefix('#') {
        let (line, after) = line.split_once('\n').unwrap_or((line, ""));
        let wrong = || format!("`#{line}` says nothing; write `# edge.region: ams`");
        let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
        facts.given.insert(name.trim().to_owned(), value.trim().to_owned());
        rest = after;
    }
    Ok((facts, rest))
}

/// The head, with line ends as they are on the wire and its empty line at the end, and the body.
fn parts(text: &str) -> (String, Vec<u8>) {
    let (mut head, mut rest) = (String::new(), text);
    while let Some((line, after)) =
        rest.split_once('\n').or((!rest.is_empty()).then_some((rest, "")))
    {
        rest = after;
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            break;
        }
        head += line;
        head += "\r\n";
    }
    (head + "\r\n", rest.as_bytes().to_vec())
}

fn headers(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(format!("`{}` is no header", field.name));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// A message's inputs, found as the proxy finds them.
pub(crate) struct Seen<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The request's, with query.
    pub(crate) path: &'a str,
    pub(crate) facts: &'a Facts,
}

impl Inputs for Seen<'_> {
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>) {
        match name {
            InputName::Header(name) => {
                self.headers.get_all(name).iter().for_each(|value| values.push(value.as_bytes()));
            }
            InputName::Cookie(name) => {
                let fields = self.headers.get_all(header::COOKIE).iter();
                let pairs = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
                for pair in pairs.map(<[u8]>::trim_ascii) {
                    let rest = pair.strip_prefix(name.as_bytes());
                    if let Some(value) = rest.and_then(|rest| rest.strip_prefix(b"=")) {
                        values.push(value);
                    }
                }
            }
            InputName::Query(name) => {
                let query = self.path.split_once('?').map_or("", |(_, query)| query);
                for (key, value) in form_urlencoded::parse(query.as_bytes()) {
                    if key == *name {
                        values.push(value.into_owned().into_bytes());
                    }
                }
            }
            InputName::RequestPath => values.push(self.path.as_bytes()),
            other => {
                if let Some(value) = self.facts.input(&other.to_string()) {
                    values.push(value.as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_its_surroundings_is_read() {
        let text = "# edge.region: ams\n# config: {\"a\": 1}\n# limiters: a, b\n# secret.key: x\nPOST /p?q=1 HTTP/1.1\nHost: a.example\nX-A: 1\n\nbody\n\nmore";
        let request = RequestFile::parse(text).unwrap();
        assert_eq!(request.body, b"body\n\nmore");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/p?q=1"));
        assert_eq!(
            (request.authority.as_str(), &request.headers["x-a"]),
            ("a.example", &"1".parse().unwrap())
        );
        assert_eq!(request.facts.input("edge.region"), Some("ams"));
        assert_eq!(request.facts.input("service.name"), Some("web"));
        assert_eq!(request.facts.input("tls.sni"), None);
        assert_eq!(request.facts.config(), Some("{\"a\": 1}"));
        let lent = request.facts.lent();
        assert_eq!(lent.limiters.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(lent.secrets.contains_key("key"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_an_example() {
        for text in [
            "",
            "GET /",
            "# nothing\nGET / HTTP/1.1\n",
            "HTTP/1.1 200 OK\n",
            "GET / HTTP/1.1\nno colon\n",
        ] {
            let error = RequestFile::parse(text).unwrap_err();
            assert!(error.contains("GET / HTTP/1.1") || error.contains("# edge.region"), "{error}");
        }
        assert!(ResponseFile::parse("GET / HTTP/1.1\n").is_err());
        assert_eq!(ResponseFile::parse("HTTP/1.1 404 Not Found\na: b\n").unwrap().status, 404);
    }
}
