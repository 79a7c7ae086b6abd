//! Uses WASI as ordinary standard libraries do, as the path says, and tells in metadata what came of it.

use std::fmt::Debug;

use hither_plugin::{
    NoConfig, Pair, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, plugin,
};
use wasip2::cli::{environment, exit, stderr, stdin, stdout, terminal_stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens;
use wasip2::io::poll;
use wasip2::random::{insecure_seed, random};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket};

const HOUR: u64 = 3600 * 1_000_000_000;

struct Wasi;

#[plugin(request_filter)]
impl Plugin for Wasi {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        // As an interpreter seeds its tables.
        let _ = insecure_seed::insecure_seed();
        Ok(Self)
    }
}

impl RequestFilter for Wasi {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let said = match request.path.as_str() {
            "/print" => {
                write(&stdout::get_stdout(), b"to standard output\nand ");
                write(&stderr::get_stderr(), b"a\x1b[31m warning\n");
                write(&stdout::get_stdout(), b"more\n");
                String::new()
            }
            "/flood" => {
                for _ in 0..1000 {
                    write(&stdout::get_stdout(), b"again\n");
                }
                String::new()
            }
            "/wait" => {
                let begin = monotonic_clock::now();
                monotonic_clock::subscribe_duration(HOUR).block();
                let first = monotonic_clock::subscribe_instant(u64::MAX);
                let second = stdin::get_stdin().subscribe();
                let ready = poll::poll(&[&first, &second]);
                format!("{ready:?} {}", monotonic_clock::now() - begin < HOUR)
            }
            "/time" => wall_clock::now().seconds.to_string(),
            "/random" => {
                let bytes = random::get_random_bytes(32);
                format!("{} {}", bytes.len(), bytes != random::get_random_bytes(32))
            }
            "/much-random" => random::get_random_bytes(1 << 40).len().to_string(),
            "/nothing" => nothing(),
            "/exit" => {
                write(&stderr::get_stderr(), b"I have had enough\n");
                exit::exit(Err(()));
                String::new()
            }
            "/hoard" => {
                let hoard: Vec<_> =
                    (0..9000).map(|_| monotonic_clock::subscribe_duration(0)).collect();
                hoard.len().to_string()
            }
            "/often" => {
                let seen: u64 = (0..1_000_000).map(|_| random::get_random_u64() & 1).sum();
                seen.to_string()
            }
            _ => String::new(),
        };
        let mut patch = RequestPatch::default();
        patch.metadata.push(Pair { name: "said".to_owned(), value: said });
        patch.into()
    }
}

fn write(to: &wasip2::io::streams::OutputStream, bytes: &[u8]) {
    let _ = to.blocking_write_and_flush(bytes);
}

/// What a process is usually given.
fn nothing() -> String {
    let network = instance_network::instance_network();
    let all: [&dyn Debug; 8] = [
        &environment::get_environment(),
        &environment::get_arguments(),
        &environment::initial_cwd(),
        &preopens::get_directories(),
        &stdin::get_stdin().blocking_read(100),
        &terminal_stdout::get_terminal_stdout(),
        &ip_name_lookup::resolve_addresses(&network, "example.com"),
        &tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4),
    ];
    all.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(" ")
}
