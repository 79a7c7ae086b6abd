//! A network that is far away: a namespace of its own behind a link that delays every packet, by the
//! address at its far end.
//!
//! The kernel's own delay (`tc netem`) is missing in many kernels, TUN devices hardly anywhere, so
//! the link is two of them and two threads that carry packets from one to the other. It needs root
//! and `ip`; whoever cannot have that is told why.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::ioctl::{Opcode, Setter, ioctl};

/// `TUNSETIFF` of linux/if_tun.h, on all architectures that Hither is built for.
const TUNSETIFF: Opcode = 0x4004_54ca;

/// IFF_TUN | IFF_NO_PI: packets as they are, nothing before them.
const PLAIN_PACKETS: u16 = 0x0001 | 0x1000;

/// A packet on such a device is at most this long.
const PACKET: usize = 2048;

/// Round trips by the last byte of an address beyond the link.
type Delays = fn(u8) -> Duration;

/// A link and the network behind it, until it is dropped.
#[derive(Debug)]
pub struct FarNetwork {
    namespace: String,
    device: String,
    subnet: [u8; 3],
}

impl FarNetwork {
    /// Builds one; `round_trip` tells how far each address is, by its last byte.
    ///
    /// # Errors
    /// This machine does not allow it, and why.
    pub fn build(round_trip: Delays) -> Result<Self, String> {
        let id = std::process::id();
        let (namespace, device) = (format!("hither-{id}"), format!("hn{id}"));
        // RFC 2544 keeps 198.18.0.0/15 for such tests; another test's link has another number.
        let number = (id % 508) as u16 + 1;
        let subnet = [198, 18 + (number >> 8) as u8, number as u8];
        let far = format!("hf{id}");
        ip(&["netns", "add", &namespace])?;
        // From here on dropping it cleans up.
        let link = Self { namespace, device, subnet };
        let (near_end, far_end) = (tun(&link.device)?, tun(&far)?);
        ip(&["link", "set", &far, "netns", &link.namespace])?;
        let near = format!("{}/24", link.address(1));
        ip(&["addr", "add", &near, "dev", &link.device])?;
        ip(&["link", "set", &link.device, "up"])?;
        let inside = ["-n", &link.namespace];
        ip(&[&inside[..], &["link", "set", "lo", "up"]].concat())?;
        ip(&[&inside[..], &["link", "set", &far, "up"]].concat())?;
        let back = format!("{}/24", link.address(0));
        ip(&[&inside[..], &["route", "add", &back, "dev", &far]].concat())?;
        let clone = |file: &File| file.try_clone().map_err(|error| error.to_string());
        let delay = move |byte: u8| round_trip(byte) / 2;
        // In an IPv4 header the sender's last byte is at 15, the receiver's at 19.
        carry(clone(&near_end)?, clone(&far_end)?, 19, delay);
        carry(far_end, near_end, 15, delay);
        Ok(link)
    }

    /// The address with this last byte; 1 is this side.
    #[must_use]
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last)
    }

    /// Gives the far side an address.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn add(&self, last: u8) -> Ipv4Addr {
        let address = self.address(last);
        let written = format!("{address}/32");
        ip(&["-n", &self.namespace, "addr", "add", &written, "dev", "lo"]).unwrap();
        address
    }

    /// A command that runs on the far side.
    #[must_use]
    pub fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }
}

impl Drop for FarNetwork {
    fn drop(&mut self) {
        // The far device goes with its namespace, and the threads with the devices.
        let _ = ip(&["link", "del", &self.device]);
        let _ = ip(&["netns", "del", &self.namespace]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let what = || format!("`ip {}`", arguments.join(" "));
    let output = Command::new("ip").args(arguments).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            Err(format!("{} is not allowed here: {}", what(), told.trim()))
        }
        Err(error) => Err(format!("{} cannot be run: {error}", what())),
    }
}

/// Makes a TUN device; it lives as long as the file.
fn tun(name: &str) -> Result<File, String> {
    let fail = |error: std::io::Error| format!("no TUN device {name}: {error}");
    let open = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let file = open.map_err(fail)?;
    let mut request = [0_u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&PLAIN_PACKETS.to_ne_bytes());
    #[allow(unsafe_code, reason = "no safe call makes a TUN device; the request is a whole ifreq")]
    let made = unsafe { ioctl(&file, Setter::<TUNSETIFF, [u8; 40]>::new(request)) };
    made.map_err(|error| fail(error.into()))?;
    Ok(file)
}

/// Carries packets from one device to the other, each after the delay of the far address, whose
/// last byte is at `place`. Ends with the devices.
fn carry(mut from: File, to: File, place: usize, delay: impl Fn(u8) -> Duration + Send + 'static) {
    let (sender, receiver) = channel();
    std::thread::spawn(move || read(&mut from, &sender, place, delay));
    std::thread::spawn(move || write(to, &receiver));
}

type Packet = (Instant, u64, Vec<u8>);

fn read(from: &mut File, sender: &Sender<Packet>, place: usize, delay: impl Fn(u8) -> Duration) {
    let mut buffer = [0; PACKET];
    for number in 0.. {
        let Ok(length) = from.read(&mut buffer) else { return };
        let packet = &buffer[..length];
        // IPv4 only: version 4 in the first half byte.
        if packet.first().is_none_or(|byte| byte >> 4 != 4) || length <= place {
            continue;
        }
        let due = Instant::now() + delay(packet[place]);
        if sender.send((due, number, packet.to_vec())).is_err() {
            return;
        }
    }
}

fn write(mut to: File, receiver: &Receiver<Packet>) {
    let mut waiting: BinaryHeap<Reverse<Packet>> = BinaryHeap::new();
    loop {
        let now = Instant::now();
        while let Some(Reverse((due, ..))) = waiting.peek()
            && *due <= now
            && let Some(Reverse((.., packet))) = waiting.pop()
        {
            if to.write_all(&packet).is_err() {
                return;
            }
        }
        let next = waiting.peek().map(|Reverse((due, ..))| due.saturating_duration_since(now));
        match receiver.recv_timeout(next.unwrap_or(Duration::from_secs(3600))) {
            Ok(packet) => waiting.push(Reverse(packet)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
