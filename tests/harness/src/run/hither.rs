//! A running proxy, as its operator has it: the folder, the process, the listeners, the admin address.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::builder::{Builder, complete};
use super::metrics::Metrics;
use super::program::{Ended, Program};
use crate::client::http1::Http1;
use crate::client::request::Request;
use crate::client::response::Response;
use crate::eventually::eventually;

pub(crate) const CONFIG: &str = "hither.toml";

/// A reload compiles plugins, in a debug build on a busy machine.
const ADMIN: Duration = Duration::from_secs(60);

/// A proxy that serves. What the process itself can do is in [`Program`].
#[derive(Debug)]
pub struct Hither {
    program: Program,
    folder: TempDir,
    binary: PathBuf,
    bound: Bound,
}

/// Where a proxy was reached when it became ready.
#[derive(Debug)]
pub(crate) struct Bound {
    admin: SocketAddr,
    listeners: Vec<SocketAddr>,
}

impl Hither {
    /// Prepares a proxy; `binary` is `env!("CARGO_BIN_EXE_hither")`.
    #[must_use]
    pub fn builder(binary: impl AsRef<Path>) -> Builder {
        Builder::new(binary.as_ref())
    }

    pub(crate) fn new(program: Program, folder: TempDir, binary: PathBuf, bound: Bound) -> Self {
        Self { program, folder, binary, bound }
    }

    /// The address of the listener at this place of the file that it was started with, from 0.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn address(&self, index: usize) -> SocketAddr {
        let address = self.bound.listeners.get(index);
        *address.unwrap_or_else(|| panic!("no listener {index}\n{}", self.program.report()))
    }

    /// All addresses that were bound so far, also by reloads.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        listening(&self.program)
    }

    /// The admin address.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.bound.admin
    }

    /// The folder with the configuration and its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration's path.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder().join(CONFIG)
    }

    /// The process.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Replaces the configuration at one stroke, with the tables that [`Builder::config`] adds. Does not ask for
    /// a reload: a watcher may see it.
    pub fn write_config(&self, text: &str) {
        self.write_file(CONFIG, complete(text));
    }

    /// Replaces a file of the folder at one stroke.
    pub fn write_file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        place(self.folder(), name, bytes.as_ref());
    }

    /// A new connection to the first listener.
    pub async fn connect(&self) -> Http1 {
        Http1::connect(self.address(0)).await.unwrap()
    }

    /// One GET on a new connection to the first listener.
    ///
    /// # Panics
    /// If there is no whole response.
    pub async fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path)).await
    }

    /// One request on a new connection to the first listener.
    ///
    /// # Panics
    /// If there is no whole response.
    pub async fn send(&self, request: &Request) -> Response {
        self.connect()
            .await
            .request(request)
            .await
            .unwrap_or_else(|error| panic!("{request:?}: {error}"))
    }

    /// One request to the admin address.
    ///
    /// # Panics
    /// If there is no whole response.
    pub async fn ask(&self, request: &Request) -> Response {
        let sent =
            async { Http1::connect(self.bound.admin).await?.within(ADMIN).request(request).await };
        sent.await.unwrap_or_else(|error| panic!("admin, {request:?}: {error}"))
    }

    /// `POST /reload`. Whether it worked is in the answer.
    pub async fn reload(&self) -> Response {
        self.ask(&Request::new("POST", "/reload")).await
    }

    /// `POST /plugins/NAME` with a plugin's bytes. Whether it worked is in the answer.
    pub async fn swap(&self, plugin: &str, bytes: impl Into<Vec<u8>>) -> Response {
        self.ask(&Request::new("POST", &format!("/plugins/{plugin}")).body(bytes)).await
    }

    /// `GET /status`.
    pub async fn status(&self) -> Value {
        self.ask(&Request::get("/status")).await.expect_status(200).json()
    }

    /// `GET /metrics`.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.ask(&Request::get("/metrics")).await.expect_status(200);
        Metrics::parse(&answer.text()).unwrap()
    }

    /// Waits until `/status` is as `wanted`, which tells what it is not yet.
    ///
    /// # Panics
    /// After `deadline`, with the last of it.
    pub async fn status_when<T>(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> T {
        eventually(deadline, what, || async {
            let status = self.status().await;
            wanted(&status).ok_or_else(|| format!("{status:#}"))
        })
        .await
    }

    /// The application log so far.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        self.program.stderr().all()
    }

    /// The access log so far.
    #[must_use]
    pub fn access_log(&self) -> Vec<Value> {
        self.program.stdout().json()
    }

    /// Waits until the access log has a line that `wanted` takes.
    ///
    /// # Panics
    /// After `deadline`, with the last lines.
    pub async fn access_line(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let read = |line: &str| serde_json::from_str(line).ok().filter(&wanted);
        self.program.stdout().wait_for(deadline, what, read).await
    }

    /// Runs another verb of the binary in the folder and waits for its end, such as `["check", "--config",
    /// "hither.toml"]`.
    ///
    /// # Panics
    /// If it cannot be started, or has not ended after 60 s.
    pub async fn command(&self, arguments: &[&str]) -> Ended {
        Program::run(&self.binary, self.folder(), arguments, ADMIN).await
    }
}

impl Deref for Hither {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Where the process serves, or what is missing until it does.
pub(crate) async fn ready(program: &Program, listeners: usize) -> Result<Bound, String> {
    let told = program.events().iter().find_map(|event| event.address("admin listening"));
    let admin = told.ok_or("the log does not tell the admin address")?;
    let mut client = Http1::connect(admin).await.map_err(|error| format!("admin: {error}"))?;
    let answer = client.get("/ready").await.map_err(|error| format!("/ready: {error}"))?;
    if answer.status() != 200 {
        return Err(format!("/ready is {}: {}", answer.status(), answer.text()));
    }
    // Another thread gathers the log: the answer may be here before the lines that were written earlier.
    let told = listening(program);
    if told.len() < listeners {
        return Err(format!("ready, but the log tells {} of {listeners} listeners", told.len()));
    }
    Ok(Bound { admin, listeners: told })
}

/// What the listeners were bound to, each once, though every thread may tell of its own socket.
fn listening(program: &Program) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in program.events().iter().filter_map(|event| event.address("listening")) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// Writes a file beside its place and renames it, as an editor or a deployment does.
pub(crate) fn place(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut draft = path.clone().into_os_string();
    draft.push(".draft");
    fs::write(&draft, bytes).unwrap();
    fs::rename(&draft, &path).unwrap();
}
