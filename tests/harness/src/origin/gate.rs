//! An origin that keeps every request until it is told to answer, and knows exactly how many it was given at once.
//!
//! A request stops counting before the first byte of its answer is sent, or once the proxy has closed its
//! connection. So the count never shows more than the proxy itself had open.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::net::{RecvFlags, recv};
use tokio::sync::Semaphore;

use super::connection::RawConnection;
use super::raw::RawOrigin;
use crate::eventually::eventually;

/// A counting origin. Its answers are 200 with its name as the body and in `x-origin`.
#[derive(Debug)]
pub struct GateOrigin {
    origin: RawOrigin,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Gate {
    name: String,
    /// One permit lets one request through.
    passes: Semaphore,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The connections of the requests that are held, by number.
    sockets: HashMap<usize, OwnedFd>,
    most: usize,
    served: usize,
    abandoned: usize,
}

impl GateOrigin {
    /// Starts one that holds everything.
    ///
    /// # Panics
    /// If no socket can be bound.
    pub async fn start(name: &str) -> Self {
        let gate = Arc::new(Gate {
            name: name.to_owned(),
            passes: Semaphore::new(0),
            held: Mutex::new(Held::default()),
        });
        let shared = gate.clone();
        let origin = RawOrigin::start(move |connection| serve(connection, shared.clone())).await;
        Self { origin, gate }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.origin.address()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.gate.name
    }

    /// The requests and connections it saw.
    #[must_use]
    pub fn origin(&self) -> &RawOrigin {
        &self.origin
    }

    /// How many requests it holds now.
    #[must_use]
    pub fn held(&self) -> usize {
        let mut held = self.gate.held.lock();
        held.forget_gone();
        held.sockets.len()
    }

    /// The most it ever held at once.
    #[must_use]
    pub fn most_held(&self) -> usize {
        self.gate.held.lock().most
    }

    /// How many requests it has let through.
    #[must_use]
    pub fn served(&self) -> usize {
        self.gate.held.lock().served
    }

    /// How many requests the proxy has given up while they were held.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        let mut held = self.gate.held.lock();
        held.forget_gone();
        held.abandoned
    }

    /// Lets so many requests through, those that are held and, if they are fewer, the next ones to come.
    pub fn release(&self, count: usize) {
        self.gate.passes.add_permits(count);
    }

    /// Lets every request through from now on.
    pub fn open(&self) {
        self.gate.passes.close();
    }

    /// Waits until it holds exactly so many.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn holds(&self, count: usize, deadline: Duration) {
        eventually(deadline, &format!("{count} requests held by {}", self.name()), || async {
            let held = self.held();
            if held == count { Ok(()) } else { Err(format!("{held} are held")) }
        })
        .await;
    }
}

impl Held {
    fn enter(&mut self, number: usize, socket: OwnedFd) {
        // The proxy may have closed a connection before it opened or used this one; that end may still be unread.
        self.forget_gone();
        self.sockets.insert(number, socket);
        self.most = self.most.max(self.sockets.len());
    }

    fn forget_gone(&mut self) {
        let before = self.sockets.len();
        self.sockets.retain(|_, socket| !gone(socket));
        self.abandoned += before - self.sockets.len();
    }
}

/// Whether the peer has closed or reset, without taking anything from the socket.
fn gone(socket: impl AsFd) -> bool {
    match recv(socket, &mut [0; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, length)) => length == 0,
        Err(error) => error != rustix::io::Errno::AGAIN,
    }
}

async fn serve(mut connection: RawConnection, gate: Arc<Gate>) -> io::Result<()> {
    let number = connection.number();
    while connection.read_request().await?.is_some() {
        let socket = connection.wire.stream.as_fd().try_clone_to_owned()?;
        gate.held.lock().enter(number, socket);
        let mut place = Place { gate: &gate, number, passed: false };
        tokio::select! {
            pass = gate.passes.acquire() => {
                // Given back if the proxy has just gone: a pass is for a request that can be answered.
                if gone(&connection.wire.stream) {
                    return Ok(());
                }
                // A closed semaphore is an open gate.
                if let Ok(pass) = pass {
                    pass.forget();
                }
            }
            () = peer_gone(&connection) => return Ok(()),
        }
        place.passed = true;
        drop(place);
        let name = &gate.name;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Origin: {name}\r\n\r\n",
            name.len()
        );
        connection.write(head + name).await?;
    }
    Ok(())
}

/// Completes once the peer has closed; bytes that it sends ahead are left, and then this never completes.
async fn peer_gone(connection: &RawConnection) {
    if let Ok(1..) = connection.wire.stream.peek(&mut [0; 1]).await {
        std::future::pending().await
    }
}

/// A held request; it stops counting when this is dropped, also when the origin is.
struct Place<'a> {
    gate: &'a Gate,
    number: usize,
    passed: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.gate.held.lock();
        let counted = held.sockets.remove(&self.number).is_some();
        if self.passed {
            held.served += 1;
        } else if counted {
            held.abandoned += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_connection_that_was_closed_before_does_not_count_though_its_end_is_unread() {
        let mut held = Held::default();
        let (first, proxy) = UnixStream::pair().unwrap();
        held.enter(0, first.into());
        drop(proxy);
        let (second, _proxy) = UnixStream::pair().unwrap();
        held.enter(1, second.into());
        assert_eq!((held.sockets.len(), held.most, held.abandoned), (1, 1, 1));
    }
}
