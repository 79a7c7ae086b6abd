//! A component that answers requests itself, well or badly, as the path says.

use wasip2::cli::{environment, stderr, stdout};
use wasip2::clocks::monotonic_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::filesystem::preopens;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::{OutputStream, StreamError};
use wasip2::random::random;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket;

const MILLISECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MILLISECOND;
/// The tests write other names over this one.
static BUILD: [u8; 24] = *b"build-000000000000000000";

struct Answers;

wasip2::http::proxy::export!(Answers);

impl Guest for Answers {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number = query.parse().unwrap_or(0);
        match path {
            "/echo" => echo(request, out),
            "/count" => {
                let incoming = request.consume().unwrap();
                let from = incoming.stream().unwrap();
                let mut length = 0;
                while let Ok(piece) = from.blocking_read(64 << 10) {
                    length += piece.len();
                }
                say(out, length.to_string().as_bytes());
            }
            "/stream" => stream(out, number),
            "/large" => large(out, number),
            "/env" => {
                let all = environment::get_environment();
                let lines = all.iter().map(|(name, value)| format!("{name}={value}\n"));
                say(out, lines.collect::<String>().as_bytes());
            }
            "/request" => say(out, described(&request).as_bytes()),
            "/inert" => say(out, inert().as_bytes()),
            "/call" => say(out, call().as_bytes()),
            "/headers" => say(out, headers().as_bytes()),
            "/print" => {
                stdout::get_stdout().blocking_write_and_flush(b"out\x1b[2J\nhalf").unwrap();
                stderr::get_stderr().blocking_write_and_flush(b"oh\n").unwrap();
                say(out, b"printed");
            }
            "/sleep" => {
                monotonic_clock::subscribe_duration(number * MILLISECOND).block();
                say(out, b"slept");
            }
            "/spin" => {
                let end = monotonic_clock::now() + number * MILLISECOND;
                while monotonic_clock::now() < end {}
                say(out, b"spun");
            }
            "/status" => {
                let head = OutgoingResponse::new(Fields::new());
                head.set_status_code(u16::try_from(number).unwrap()).unwrap();
                ResponseOutparam::set(out, Ok(head));
            }
            "/afterwards" => {
                say(out, b"said");
                monotonic_clock::subscribe_duration(100 * MILLISECOND).block();
                stdout::get_stdout().blocking_write_and_flush(b"afterwards\n").unwrap();
            }
            _ => misbehave(path, out),
        }
    }
}

fn misbehave(path: &str, out: ResponseOutparam) {
    match path {
        "/loop" => loop {
            std::hint::black_box(0);
        },
        "/trap" => panic!("on purpose"),
        "/grow" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&all);
            }
        }
        "/recurse" => {
            std::hint::black_box(recurse(std::hint::black_box(1)));
        }
        "/silent" => {}
        "/never" => monotonic_clock::subscribe_duration(HOUR).block(),
        "/refuse" => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
        "/stall" => {
            let (_body, stream) = begin(out, None);
            stream.blocking_write_and_flush(b"half").unwrap();
            monotonic_clock::subscribe_duration(HOUR).block();
        }
        "/trap-inside" => {
            let (_body, stream) = begin(out, None);
            stream.blocking_write_and_flush(b"half").unwrap();
            panic!("on purpose");
        }
        "/loop-inside" => {
            let (_body, stream) = begin(out, None);
            stream.blocking_write_and_flush(b"half").unwrap();
            loop {
                std::hint::black_box(0);
            }
        }
        "/short" => {
            let (body, stream) = begin(out, Some(10));
            stream.blocking_write_and_flush(b"half").unwrap();
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
        }
        "/long" => {
            let (body, stream) = begin(out, Some(2));
            let _ = stream.blocking_write_and_flush(b"more than two");
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
        }
        _ => say(out, std::hint::black_box(&BUILD)),
    }
}

/// Keeps little in memory, so that the stack of machine code ends before the guest's own does.
#[allow(unconditional_recursion, reason = "that is the mischief")]
fn recurse(depth: u64) -> u64 {
    recurse(std::hint::black_box(depth) + 1) ^ depth
}

fn begin(out: ResponseOutparam, length: Option<u64>) -> (OutgoingBody, OutputStream) {
    let fields = Fields::new();
    fields.append("x-build", std::hint::black_box(&BUILD)).unwrap();
    if let Some(length) = length {
        fields.append("content-length", length.to_string().as_bytes()).unwrap();
    }
    let head = OutgoingResponse::new(fields);
    let body = head.body().unwrap();
    ResponseOutparam::set(out, Ok(head));
    let stream = body.write().unwrap();
    (body, stream)
}

fn say(out: ResponseOutparam, words: &[u8]) {
    let (body, stream) = begin(out, None);
    for piece in words.chunks(4096) {
        stream.blocking_write_and_flush(piece).unwrap();
    }
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

/// What comes goes back, piece by piece.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let from = incoming.stream().unwrap();
    let (body, to) = begin(out, None);
    loop {
        match from.blocking_read(4096) {
            Ok(piece) => to.blocking_write_and_flush(&piece).unwrap(),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
    drop((from, to));
    drop(IncomingBody::finish(incoming));
    let trailers = Fields::new();
    trailers.append("x-trailer", b"dropped").unwrap();
    OutgoingBody::finish(body, Some(trailers)).unwrap();
}

fn stream(out: ResponseOutparam, pieces: u64) {
    let (body, to) = begin(out, None);
    for piece in 0..pieces {
        to.blocking_write_and_flush(format!("piece {piece}\n").as_bytes()).unwrap();
        monotonic_clock::subscribe_duration(20 * MILLISECOND).block();
    }
    drop(to);
    OutgoingBody::finish(body, None).unwrap();
}

fn large(out: ResponseOutparam, mebibytes: u64) {
    let (body, to) = begin(out, Some(mebibytes << 20));
    for _ in 0..mebibytes << 8 {
        to.blocking_write_and_flush(&[b'x'; 4096]).unwrap();
    }
    drop(to);
    OutgoingBody::finish(body, None).unwrap();
}

fn described(request: &IncomingRequest) -> String {
    let mut text = format!(
        "{:?} {} {}\n",
        request.method(),
        request.authority().unwrap_or_default(),
        request.path_with_query().unwrap_or_default()
    );
    for (name, value) in request.headers().entries() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    text
}

/// Clocks and random bytes are real; there is no file and no socket.
fn inert() -> String {
    let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4);
    let connected = socket.and_then(|socket| {
        let network = wasip2::sockets::instance_network::instance_network();
        let address = wasip2::sockets::network::IpSocketAddress::Ipv4(
            wasip2::sockets::network::Ipv4SocketAddress { port: 1, address: (127, 0, 0, 1) },
        );
        socket.start_connect(&network, address)
    });
    format!(
        "folders={} random={} socket={}",
        preopens::get_directories().len(),
        random::get_random_bytes(8) != random::get_random_bytes(8),
        connected.is_ok(),
    )
}

fn call() -> String {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some("127.0.0.1:1")).unwrap();
    request.set_path_with_query(Some("/")).unwrap();
    let answer = match outgoing_handler::handle(request, None) {
        Ok(answer) => answer,
        Err(error) => return format!("{error:?}"),
    };
    answer.subscribe().block();
    match answer.get().unwrap().unwrap() {
        Ok(_) => "answered".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// Which fields it may not set.
fn headers() -> String {
    let tried: [(&str, &[u8]); 5] = [
        ("a b", b"c"),
        ("a", b"b\r\nc: d"),
        ("connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("x-fine", b"yes"),
    ];
    let refused = tried.iter().filter(|(name, value)| Fields::new().append(name, value).is_err());
    refused.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}
