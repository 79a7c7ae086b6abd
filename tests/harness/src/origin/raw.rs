//! An origin that runs a script on every connection, and records what it was sent.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::connection::RawConnection;
use super::request::RawRequest;
use crate::eventually::eventually;

/// Requests and faults kept; the oldest are forgotten.
const KEPT: usize = 4_096;

/// An origin on a free port of 127.0.0.1. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct RawOrigin {
    address: SocketAddr,
    record: Arc<Record>,
    accepting: JoinHandle<()>,
}

/// What an origin saw.
#[derive(Debug, Default)]
pub(crate) struct Record {
    requests: Mutex<VecDeque<RawRequest>>,
    faults: Mutex<VecDeque<String>>,
    received: AtomicUsize,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl RawOrigin {
    /// Runs `script` on every connection. An error of a script ends that connection and is recorded.
    ///
    /// # Panics
    /// If no socket can be bound.
    pub async fn start<Script, Running>(script: Script) -> Self
    where
        Script: Fn(RawConnection) -> Running + Send + Sync + 'static,
        Running: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record::default());
        let accepting = tokio::spawn(accept(listener, Arc::new(script), record.clone()));
        Self { address, record, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in the order of their ends; the latest 4096.
    #[must_use]
    pub fn requests(&self) -> Vec<RawRequest> {
        self.record.requests.lock().iter().cloned().collect()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.record.received.load(Ordering::Relaxed)
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.record.accepted.load(Ordering::Relaxed)
    }

    /// On how many connections a script runs now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.record.open.load(Ordering::Relaxed)
    }

    /// The errors with which scripts ended: broken connections, and requests that were none.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.record.faults.lock().iter().cloned().collect()
    }

    /// Waits for the request of this number, from 0.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn request(&self, number: usize, deadline: Duration) -> RawRequest {
        eventually(deadline, &format!("request {number} at the origin"), || async {
            let found = self.record.requests.lock().get(number).cloned();
            found
                .ok_or_else(|| format!("{} requests; faults: {:?}", self.received(), self.faults()))
        })
        .await
    }

    /// Waits until no script runs, which is until the proxy has closed all connections to this origin.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn all_closed(&self, deadline: Duration) {
        eventually(deadline, "the origin's connections to be closed", || async {
            let open = self.open();
            if open == 0 { Ok(()) } else { Err(format!("{open} are open")) }
        })
        .await;
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Record {
    pub(crate) fn add(&self, request: RawRequest) {
        keep(&self.requests, request);
        self.received.fetch_add(1, Ordering::Relaxed);
    }
}

fn keep<T>(list: &Mutex<VecDeque<T>>, item: T) {
    let mut list = list.lock();
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

async fn accept<Script, Running>(listener: TcpListener, script: Arc<Script>, record: Arc<Record>)
where
    Script: Fn(RawConnection) -> Running + Send + Sync + 'static,
    Running: Future<Output = io::Result<()>> + Send + 'static,
{
    // Dropped with this task, which ends every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(ended) = connections.join_next() => {
                if let Err(panic) = ended {
                    keep(&record.faults, format!("a script panicked: {panic}"));
                }
            }
            accepted = listener.accept() => {
                let number = record.accepted.fetch_add(1, Ordering::Relaxed);
                let (script, record) = (script.clone(), record.clone());
                connections.spawn(async move {
                    let _open = Open::new(record.clone());
                    let run = async {
                        script(RawConnection::new(accepted?.0, number, record.clone())?).await
                    };
                    if let Err(error) = run.await {
                        keep(&record.faults, format!("connection {number}: {error}"));
                    }
                });
            }
        }
    }
}

/// Counts a running script, also when it panics or is aborted.
struct Open(Arc<Record>);

impl Open {
    fn new(record: Arc<Record>) -> Self {
        record.open.fetch_add(1, Ordering::Relaxed);
        Self(record)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
