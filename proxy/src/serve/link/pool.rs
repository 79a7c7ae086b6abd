//! Idle connections of one thread, by address. It knows no exchange.

use super::wire::Wire;
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// An idle connection is closed after this: shorter than most servers' own patience, so that we
/// seldom write into a connection that they are closing.
const LONGEST_IDLE: Duration = Duration::from_secs(50);

/// Between two looks for connections that are idle for too long or were closed by the instance.
const SWEEP: Duration = Duration::from_secs(1);

/// Connections to lend. Behind a lock that only its own thread takes.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    most: usize,
}

#[derive(Default)]
struct Idle {
    #[allow(clippy::vec_box, reason = "a connection is lent and kept without being copied")]
    /// The last of each list was used last: the first ones may grow old.
    by_address: HashMap<SocketAddr, Vec<Box<Wire>>, RandomState>,
    count: usize,
}

impl Pool {
    /// Keeps `most` idle connections.
    pub(super) fn new(most: usize) -> Arc<Pool> {
        Arc::new(Pool { idle: Mutex::default(), most })
    }

    /// A connection to `address` that is still quiet.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Box<Wire>> {
        let mut idle = self.idle.lock();
        loop {
            let wire = idle.by_address.get_mut(&address)?.pop()?;
            idle.count -= 1;
            if wire.is_quiet() {
                return Some(wire);
            }
        }
    }

    /// Keeps a connection whose exchange has ended well, if there is room and it is quiet.
    pub(super) fn put(&self, mut wire: Box<Wire>) {
        if !wire.is_quiet() {
            return;
        }
        wire.rest();
        let mut idle = self.idle.lock();
        if idle.count < self.most {
            idle.count += 1;
            idle.by_address.entry(wire.address).or_default().push(wire);
        }
    }

    /// Closes what was idle for too long or is closed at the other end. Runs until the pool is gone.
    pub(super) async fn sweep(pool: Weak<Pool>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let Some(pool) = pool.upgrade() else { return };
            let mut idle = pool.idle.lock();
            let now = Instant::now();
            let mut count = 0;
            idle.by_address.retain(|_, wires| {
                wires.retain(|wire| now - wire.since() < LONGEST_IDLE && wire.is_quiet());
                count += wires.len();
                !wires.is_empty()
            });
            idle.count = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (Box<Wire>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        // A short-lived listener: all connections of one test look as if to one address.
        (Wire::new(ours.unwrap(), ([127, 0, 0, 1], 1).into()), theirs.unwrap().0)
    }

    async fn until_not_quiet(wire: &Wire) {
        wire.io.socket().unwrap().readable().await.unwrap();
    }

    #[tokio::test]
    async fn the_connection_used_last_is_lent_first() {
        let pool = Pool::new(8);
        let (first, _a) = pair().await;
        let (second, _b) = pair().await;
        let (address, last) = (first.address, second.io.socket().unwrap().local_addr().unwrap());
        pool.put(first);
        pool.put(second);
        assert_eq!(pool.take(address).unwrap().io.socket().unwrap().local_addr().unwrap(), last);
        assert!(pool.take(address).is_some());
        assert!(pool.take(address).is_none());
    }

    #[tokio::test]
    async fn what_was_closed_or_spoke_unasked_is_not_lent() {
        let pool = Pool::new(8);
        let (closed, end) = pair().await;
        drop(end);
        let address = closed.address;
        until_not_quiet(&closed).await;
        pool.put(closed);
        let (spoke, mut end) = pair().await;
        end.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        until_not_quiet(&spoke).await;
        pool.put(spoke);
        assert!(pool.take(address).is_none());
    }

    #[tokio::test]
    async fn a_full_pool_closes_what_comes() {
        let pool = Pool::new(1);
        let (first, _a) = pair().await;
        let (second, _b) = pair().await;
        let address = first.address;
        pool.put(first);
        pool.put(second);
        assert!(pool.take(address).is_some());
        assert!(pool.take(address).is_none());
    }

    #[tokio::test]
    async fn idle_time_begins_when_the_exchange_has_ended() {
        let pool = Pool::new(8);
        let (wire, _end) = pair().await;
        let address = wire.address;
        let ended = Instant::now();
        assert!(wire.since() < ended);
        pool.put(wire);
        assert!(pool.take(address).unwrap().since() >= ended);
    }

    #[tokio::test]
    async fn the_sweep_closes_what_the_instance_closed() {
        let pool = Pool::new(8);
        let (wire, end) = pair().await;
        pool.put(wire);
        tokio::spawn(Pool::sweep(Arc::downgrade(&pool)));
        drop(end);
        let gone = async {
            while pool.idle.lock().count > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is swept");
    }
}
