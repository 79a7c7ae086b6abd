//! The binary's own origin, `hither origin`, as a process.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::program::Program;
use crate::client::http1::Http1;
use crate::link::FarNetwork;

const START: Duration = Duration::from_secs(30);

/// A running `hither origin`. What the process itself can do is in [`Program`].
#[derive(Debug)]
pub struct OriginProcess {
    program: Program,
    region: String,
    address: SocketAddr,
}

impl OriginProcess {
    /// Starts one on a free port and waits until it listens.
    ///
    /// # Panics
    /// If it does not, with what it wrote.
    pub async fn start(binary: impl AsRef<Path>, region: &str) -> Self {
        Self::start_with(binary, region, &[]).await
    }

    /// As [`OriginProcess::start`] with further arguments, such as `["--delay", "5ms"]`.
    ///
    /// # Panics
    /// If it does not listen in time, with what it wrote.
    pub async fn start_with(binary: impl AsRef<Path>, region: &str, arguments: &[&str]) -> Self {
        Self::listening(spawn(binary.as_ref(), region, arguments), region).await
    }

    /// Starts one for each region, all at once.
    ///
    /// # Panics
    /// If one does not listen in time, with what it wrote.
    pub async fn start_all(binary: impl AsRef<Path>, regions: &[&str]) -> Vec<Self> {
        let spawned: Vec<Program> =
            regions.iter().map(|region| spawn(binary.as_ref(), region, &[])).collect();
        let mut origins = Vec::new();
        for (program, region) in spawned.into_iter().zip(regions) {
            origins.push(Self::listening(program, region).await);
        }
        origins
    }

    /// As [`OriginProcess::start_with`] at a given address, such as that of one that was killed.
    ///
    /// # Panics
    /// If it does not listen in time, with what it wrote.
    pub async fn start_at(
        binary: impl AsRef<Path>,
        region: &str,
        address: SocketAddr,
        arguments: &[&str],
    ) -> Self {
        let command = Command::new(binary.as_ref());
        Self::listening(spawn_as(command, address, region, arguments), region).await
    }

    /// Starts one at an address of a network that is far away.
    ///
    /// # Panics
    /// If it does not listen in time, with what it wrote.
    pub async fn start_far(
        binary: impl AsRef<Path>,
        region: &str,
        network: &FarNetwork,
        address: SocketAddr,
    ) -> Self {
        let command = network.command(binary.as_ref());
        Self::listening(spawn_as(command, address, region, &[]), region).await
    }

    async fn listening(program: Program, region: &str) -> Self {
        let event = program.wait_for_event(START, "origin listening").await;
        let address = event.address("origin listening").expect("the log line tells the address");
        Self { program, region: region.to_owned(), address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The region it claims.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A new connection to it, past any proxy.
    ///
    /// # Panics
    /// If it does not accept.
    pub async fn connect(&self) -> Http1 {
        let connected = Http1::connect(self.address).await;
        connected.unwrap_or_else(|error| panic!("origin {}: {error}", self.address))
    }

    /// Its `/health`: `in_flight`, `most_in_flight`, `total`.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn health(&self) -> Value {
        let answer = self.connect().await.get("/health").await;
        answer
            .unwrap_or_else(|error| panic!("origin {}: {error}", self.address))
            .expect_status(200)
            .json()
    }

    /// How many requests it is at now.
    pub async fn in_flight(&self) -> u64 {
        self.health().await["in_flight"].as_u64().unwrap()
    }
}

impl Deref for OriginProcess {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

fn spawn(binary: &Path, region: &str, arguments: &[&str]) -> Program {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    spawn_as(Command::new(binary), any, region, arguments)
}

fn spawn_as(
    mut command: Command,
    address: SocketAddr,
    region: &str,
    arguments: &[&str],
) -> Program {
    let address = address.to_string();
    command.args(["origin", "--address", &address, "--region", region]).args(arguments);
    command.env_remove("RUST_LOG");
    Program::start(&format!("the origin in {region}"), command)
}
