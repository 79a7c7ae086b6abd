//! A small DNS server over UDP whose answers a test changes as it goes, or takes away.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Numbers of RFC 1035 section 3.2.2, RFC 3596 and RFC 2782.
const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NAME_ERROR: u8 = 3;

/// A DNS server inside the test. It knows the names that it was told, in lower case.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Zone {
    records: HashMap<String, Vec<Record>>,
    failing: bool,
    asked: usize,
}

#[derive(Debug, Clone)]
struct Record {
    kind: u16,
    ttl: u32,
    data: Vec<u8>,
}

impl DnsServer {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If there is no socket.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let task = tokio::spawn(serve(socket, zone.clone()));
        Self { address, zone, task }
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on a name has these addresses, for `ttl` seconds.
    pub fn addresses(&self, name: &str, ttl: u32, addresses: &[IpAddr]) {
        let record = |address: &IpAddr| match address {
            IpAddr::V4(ip) => Record { kind: A, ttl, data: ip.octets().to_vec() },
            IpAddr::V6(ip) => Record { kind: AAAA, ttl, data: ip.octets().to_vec() },
        };
        let records = addresses.iter().map(record).collect();
        self.zone.lock().records.insert(name.to_owned(), records);
    }

    /// From now on a name has these targets, as priority, port and name, for `ttl` seconds.
    pub fn targets(&self, name: &str, ttl: u32, targets: &[(u16, u16, &str)]) {
        let record = |(priority, port, target): &(u16, u16, &str)| {
            let mut data = priority.to_be_bytes().to_vec();
            data.extend(0_u16.to_be_bytes());
            data.extend(port.to_be_bytes());
            data.extend(encoded(target));
            Record { kind: SRV, ttl, data }
        };
        let records = targets.iter().map(record).collect();
        self.zone.lock().records.insert(name.to_owned(), records);
    }

    /// A name is no more.
    pub fn forget(&self, name: &str) {
        self.zone.lock().records.remove(name);
    }

    /// Whether it answers everything with SERVFAIL.
    pub fn fail(&self, failing: bool) {
        self.zone.lock().failing = failing;
    }

    /// How many questions it got.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.zone.lock().asked
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 1500];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = answer(&buffer[..length], &mut zone.lock()) {
            // Whoever asked and went away does not matter.
            let _ = socket.try_send_to(&answer, peer);
        }
    }
}

/// The answer to a message with one question.
fn answer(message: &[u8], zone: &mut Zone) -> Option<Vec<u8>> {
    let (name, end) = decoded(message, 12)?;
    let kind = u16::from_be_bytes([*message.get(end)?, *message.get(end + 1)?]);
    let question = message.get(12..end + 4)?;
    zone.asked += 1;
    let (code, records) = match zone.records.get(&name) {
        _ if zone.failing => (SERVER_FAILURE, Vec::new()),
        None => (NAME_ERROR, Vec::new()),
        Some(all) => (NO_ERROR, all.iter().filter(|record| record.kind == kind).cloned().collect()),
    };
    let mut answer = message.get(..2)?.to_vec();
    // A response, recursion desired and available; one question, so many answers, nothing else.
    answer.extend([0x81, 0x80 | code, 0, 1]);
    answer.extend((records.len() as u16).to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(question);
    for record in records {
        // The name is that of the question: a pointer to it (RFC 1035 section 4.1.4).
        answer.extend([0xc0, 12]);
        answer.extend(record.kind.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(record.ttl.to_be_bytes());
        answer.extend((record.data.len() as u16).to_be_bytes());
        answer.extend(record.data);
    }
    Some(answer)
}

/// A name without pointers, in lower case, and where it ends.
fn decoded(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        match length {
            0 => return Some((labels.join("."), at)),
            64.. => return None,
            _ => {
                let label = std::str::from_utf8(message.get(at..at + length)?).ok()?;
                labels.push(label.to_lowercase());
                at += length;
            }
        }
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(encoded(name));
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message
    }

    #[test]
    fn a_question_is_answered_with_what_the_zone_has_of_its_kind() {
        let mut zone = Zone::default();
        let one = Record { kind: A, ttl: 5, data: vec![127, 0, 0, 1] };
        zone.records.insert("web.internal".to_owned(), vec![one]);
        let told = answer(&question("WEB.internal", A), &mut zone).unwrap();
        assert_eq!(&told[..8], [7, 9, 0x81, 0x80, 0, 1, 0, 1]);
        assert!(told.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]));
        let none = answer(&question("web.internal", AAAA), &mut zone).unwrap();
        assert_eq!(&none[2..8], [0x81, 0x80, 0, 1, 0, 0]);
        let unknown = answer(&question("other", A), &mut zone).unwrap();
        assert_eq!(unknown[3], 0x83);
        zone.failing = true;
        assert_eq!(answer(&question("web.internal", A), &mut zone).unwrap()[3], 0x82);
        assert_eq!(zone.asked, 4);
        assert!(answer(&[0; 5], &mut zone).is_none());
    }
}
