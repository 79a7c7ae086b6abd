//! Load: keep-alive connections, each sending one request after the other, each response checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::http1::Http1;
use super::report::{Failure, Report};
use super::request::Request;
use super::response::Response;
use crate::eventually::eventually;

/// After a failure, so that a dead proxy is not hammered.
const BACK_OFF: Duration = Duration::from_millis(20);

type Make = dyn Fn(u64) -> Request + Send + Sync;
type Check = dyn Fn(u64, &Response) -> Result<(), String> + Send + Sync;

/// A load to be started.
#[must_use]
pub struct Load {
    plan: Plan,
    connections: usize,
}

#[derive(Clone)]
struct Plan {
    address: SocketAddr,
    make: Arc<Make>,
    status: u16,
    check: Arc<Check>,
    pause: Duration,
    deadline: Duration,
}

/// A load that runs until it is stopped or dropped.
pub struct RunningLoad {
    tasks: JoinSet<Report>,
    shared: Arc<Shared>,
}

struct Shared {
    start: Instant,
    stop: AtomicBool,
    next: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    /// GETs of `/` on one connection, each expected to be answered with 200.
    pub fn new(address: SocketAddr) -> Self {
        let plan = Plan {
            address,
            make: Arc::new(|_| Request::get("/")),
            status: 200,
            check: Arc::new(|_, _| Ok(())),
            pause: Duration::ZERO,
            deadline: Duration::from_secs(20),
        };
        Self { plan, connections: 1 }
    }

    /// How many connections.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// The request to send every time.
    pub fn request(self, request: Request) -> Self {
        self.requests(move |_| request.clone())
    }

    /// Makes each request, by its number in the whole load.
    pub fn requests(mut self, make: impl Fn(u64) -> Request + Send + Sync + 'static) -> Self {
        self.plan.make = Arc::new(make);
        self
    }

    /// The status that is no failure, instead of 200.
    pub fn expect(mut self, status: u16) -> Self {
        self.plan.status = status;
        self
    }

    /// A check of each response with the right status, with the request's number; an error is a failure.
    pub fn check(
        mut self,
        check: impl Fn(u64, &Response) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.plan.check = Arc::new(check);
        self
    }

    /// A pause after each request of a connection, for a load that leaves the machine some air.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.plan.pause = pause;
        self
    }

    /// How long a single response may take, instead of 20 s.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.plan.deadline = deadline;
        self
    }

    /// Starts it on the test's runtime.
    #[must_use]
    pub fn start(self) -> RunningLoad {
        let shared = Arc::new(Shared {
            start: Instant::now(),
            stop: AtomicBool::new(false),
            next: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        for connection in 0..self.connections {
            tasks.spawn(drive(self.plan.clone(), connection, shared.clone()));
        }
        RunningLoad { tasks, shared }
    }

    /// Runs it for a time.
    pub async fn run_for(self, time: Duration) -> Report {
        let running = self.start();
        tokio::time::sleep(time).await;
        running.stop().await
    }

    /// Runs it until so many requests have ended, well or badly.
    pub async fn run_requests(self, requests: u64, deadline: Duration) -> Report {
        let running = self.start();
        running.reaches(requests, deadline).await;
        running.stop().await
    }
}

impl RunningLoad {
    /// Requests completed so far.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.shared.completed.load(Ordering::Relaxed)
    }

    /// Requests failed so far.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Waits until so many requests have ended, well or badly.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn reaches(&self, requests: u64, deadline: Duration) {
        eventually(deadline, &format!("{requests} requests of the load"), || async {
            let (completed, failed) = (self.completed(), self.failed());
            let state = || format!("{completed} completed, {failed} failed");
            if completed + failed >= requests { Ok(()) } else { Err(state()) }
        })
        .await;
    }

    /// Waits until this many more requests have ended, so that traffic has surely seen what just changed.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn goes_on(&self, requests: u64, deadline: Duration) {
        self.reaches(self.completed() + self.failed() + requests, deadline).await;
    }

    /// Lets every connection end the request it is at, and tells what happened.
    pub async fn stop(mut self) -> Report {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut report = Report::default();
        while let Some(part) = self.tasks.join_next().await {
            report.merge(part.unwrap());
        }
        report.elapsed = self.shared.start.elapsed();
        report
    }
}

async fn drive(plan: Plan, connection: usize, shared: Arc<Shared>) -> Report {
    let mut report = Report::default();
    let mut client = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        match one(&plan, number, &mut client, &mut report.connects).await {
            Ok(()) => {
                report.complete(shared.start.elapsed(), begun.elapsed());
                shared.completed.fetch_add(1, Ordering::Relaxed);
                if !plan.pause.is_zero() {
                    tokio::time::sleep(plan.pause).await;
                }
            }
            Err(what) => {
                let at = shared.start.elapsed();
                report.fail(Failure { at, connection, request: number, what });
                shared.failed.fetch_add(1, Ordering::Relaxed);
                client = None;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    report
}

async fn one(
    plan: &Plan,
    number: u64,
    client: &mut Option<Http1>,
    connects: &mut u64,
) -> Result<(), String> {
    let mut http = match client.take() {
        Some(http) => http,
        None => {
            *connects += 1;
            let fresh =
                Http1::connect(plan.address).await.map_err(|error| format!("connect: {error}"))?;
            fresh.within(plan.deadline)
        }
    };
    let response = http.request(&(plan.make)(number)).await.map_err(|error| error.to_string())?;
    if response.status() != plan.status {
        return Err(format!("{}: {}\n{}", response.status(), response.text(), response.headers()));
    }
    (plan.check)(number, &response)?;
    // A connection that the proxy said it would close is no failure, and is replaced.
    if !response.closes() {
        *client = Some(http);
    }
    Ok(())
}
