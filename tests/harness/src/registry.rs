//! An OCI registry inside the test, by the distribution specification 1.1 as far as artifacts need it: blobs
//! that are uploaded in one piece, manifests by tag and digest, and tokens for those who have a password. It
//! takes nothing that is not what its digest says, as registries do.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::origin::connection::RawConnection;
use crate::origin::raw::RawOrigin;
use crate::origin::request::RawRequest;

const TOKEN: &str = "a-token-of-the-test";

/// A registry on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Registry {
    origin: RawOrigin,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// By repository and digest.
    blobs: HashMap<(String, String), Vec<u8>>,
    /// By repository and tag or digest.
    manifests: HashMap<(String, String), Vec<u8>>,
    uploads: usize,
    /// `name:password` in base64.
    credentials: Option<String>,
    /// What it answers everything with.
    always: Option<Vec<u8>>,
}

struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Registry {
    /// One that lets everybody in.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let origin = RawOrigin::start(move |connection| serve(connection, shared.clone())).await;
        Self { origin, state }
    }

    /// Where it listens, which is how images name it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.origin.address()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.origin.received()
    }

    /// From now on only who gets a token for these credentials, `name:password` in base64, is let in.
    pub fn demand(&self, credentials: &str) {
        self.state.lock().credentials = Some(credentials.to_owned());
    }

    /// From now on these bytes are all it answers with, to the connection's end; none: it is itself again.
    pub fn always_say(&self, answer: Option<&[u8]>) {
        self.state.lock().always = answer.map(<[u8]>::to_vec);
    }

    /// Puts other bytes in the place of every blob.
    pub fn replace_blobs(&self, bytes: &[u8]) {
        self.state.lock().blobs.values_mut().for_each(|blob| *blob = bytes.to_vec());
    }

    /// A manifest that was pushed, by its tag.
    #[must_use]
    pub fn manifest(&self, repository: &str, tag: &str) -> Option<serde_json::Value> {
        let state = self.state.lock();
        let manifest = state.manifests.get(&(repository.to_owned(), tag.to_owned()))?;
        serde_json::from_slice(manifest).ok()
    }

    /// A blob that was pushed.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.state.lock().blobs.get(&(repository.to_owned(), digest.to_owned())).cloned()
    }
}

async fn serve(mut connection: RawConnection, state: Arc<Mutex<State>>) -> io::Result<()> {
    while let Some(request) = connection.read_request().await? {
        let always = state.lock().always.clone();
        if let Some(answer) = always {
            return connection.write(answer).await;
        }
        let reply = state.lock().answer(&request);
        let mut answer = format!("HTTP/1.1 {} x\r\n{}", reply.status, reply.headers);
        let _ = write!(answer, "content-length: {}\r\n\r\n", reply.body.len());
        let mut answer = answer.into_bytes();
        if request.method != "HEAD" {
            answer.extend(reply.body);
        }
        connection.write(answer).await?;
    }
    Ok(())
}

impl State {
    fn answer(&mut self, request: &RawRequest) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let authorization = request.header("authorization").unwrap_or_default();
        if path == "/token" {
            let wanted = self.credentials.as_ref().map(|own| format!("Basic {own}"));
            let scoped =
                query.contains("scope=repository%3A") && query.contains("service=the%20test");
            return match wanted {
                Some(wanted) if authorization == wanted && scoped => {
                    json(200, &format!("{{\"token\":\"{TOKEN}\"}}"))
                }
                _ => json(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}"),
            };
        }
        if self.credentials.is_some() && authorization != format!("Bearer {TOKEN}") {
            let host = request.header("host").unwrap_or_default();
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"the test\"");
            let mut reply = json(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}");
            let _ = write!(reply.headers, "www-authenticate: {challenge}\r\n");
            return reply;
        }
        let Some(path) = path.strip_prefix("/v2/") else { return json(404, "{}") };
        if let Some((repository, rest)) = path.rsplit_once("/blobs/") {
            return self.blobs(&request.method, repository, rest, query, &request.body);
        }
        match path.rsplit_once("/manifests/") {
            Some((repository, name)) => self.manifests(request, repository, name),
            None => json(404, "{}"),
        }
    }

    fn blobs(
        &mut self,
        method: &str,
        repository: &str,
        rest: &str,
        query: &str,
        body: &[u8],
    ) -> Reply {
        let key = |digest: &str| (repository.to_owned(), digest.to_owned());
        match (method, rest) {
            ("GET" | "HEAD", digest) => match self.blobs.get(&key(digest)) {
                Some(blob) => Reply { status: 200, headers: String::new(), body: blob.clone() },
                None => json(404, "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\"}]}"),
            },
            ("POST", "uploads/") => {
                self.uploads += 1;
                let place = format!("/v2/{repository}/blobs/uploads/{}?state=begun", self.uploads);
                Reply { status: 202, headers: format!("location: {place}\r\n"), body: Vec::new() }
            }
            ("PUT", _) if query.starts_with("state=begun&digest=") => {
                let digest = query.trim_start_matches("state=begun&digest=");
                if digest != name_of(body) {
                    return json(400, "{\"errors\":[{\"code\":\"DIGEST_INVALID\"}]}");
                }
                self.blobs.insert(key(digest), body.to_vec());
                json(201, "")
            }
            _ => json(405, "{}"),
        }
    }

    fn manifests(&mut self, request: &RawRequest, repository: &str, name: &str) -> Reply {
        let key = |name: &str| (repository.to_owned(), name.to_owned());
        match request.method.as_str() {
            "GET" => match self.manifests.get(&key(name)) {
                Some(manifest) => {
                    Reply { status: 200, headers: String::new(), body: manifest.clone() }
                }
                None => json(404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}"),
            },
            "PUT" => {
                let manifest: serde_json::Value =
                    serde_json::from_slice(&request.body).unwrap_or_default();
                let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
                let named = layers.iter().chain([&manifest["config"]]);
                let mut digests = named.map(|blob| blob["digest"].as_str().unwrap_or_default());
                if !digests.all(|digest| self.blobs.contains_key(&key(digest))) {
                    return json(400, "{\"errors\":[{\"code\":\"MANIFEST_BLOB_UNKNOWN\"}]}");
                }
                self.manifests.insert(key(&name_of(&request.body)), request.body.clone());
                self.manifests.insert(key(name), request.body.clone());
                json(201, "")
            }
            _ => json(405, "{}"),
        }
    }
}

fn json(status: u16, body: &str) -> Reply {
    let headers = "content-type: application/json\r\n".to_owned();
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

fn name_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
