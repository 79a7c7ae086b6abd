//! Takes bodies as the request says: `x-take` and `x-do` for the request's, `x-take-answer` and
//! `x-do-answer` for the response's. Taken `whole` or in `pieces`; the rest is in [`DEEDS`]. Its tag is
//! its configuration's.

use std::cell::Cell;
use std::hint::black_box;

use hither_plugin::{
    Body, ChunkVerdict, Edits, Plugin, Reply, Request, RequestBody, RequestFilter, RequestPatch,
    RequestVerdict, Response, ResponseBody, ResponseFilter, ResponsePatch, ResponseVerdict,
    WholeVerdict, plugin,
};
use serde::Deserialize;

/// What can be done to a body.
const DEEDS: [&str; 13] = [
    "keep",
    "upper",
    "note",
    "upper-and-note",
    "answer",
    "trap",
    "loop",
    "huge",
    "abort",
    "drop",
    "count",
    "tag",
    "trap-at-second",
];

struct Bodies {
    tag: u8,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default = "dash")]
    tag: char,
}

fn dash() -> char {
    '-'
}

thread_local! {
    /// Pieces of the body that passes now.
    static SEEN: Cell<usize> = const { Cell::new(0) };
}

#[plugin(request_filter, response_filter, request_body, response_body)]
impl Plugin for Bodies {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[
        "header:x-take",
        "header:x-do",
        "header:x-take-answer",
        "header:x-do-answer",
        "header:x-most",
    ];

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { tag: config.tag as u8 })
    }
}

/// Taken, done, taken of the answer, done to the answer, tag; then the most bytes in three bytes.
type Memo = [u8; 8];

fn most(memo: Memo) -> u32 {
    u32::from_le_bytes([memo[5], memo[6], memo[7], 0])
}

fn taken(word: Option<&str>) -> u8 {
    match word {
        Some("whole") => 1,
        Some("pieces") => 2,
        _ => 0,
    }
}

fn deed(word: Option<&str>) -> u8 {
    let place = DEEDS.iter().position(|deed| Some(*deed) == word);
    place.unwrap_or_default() as u8
}

impl RequestFilter for Bodies {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let most = request.header("x-most").and_then(|most| most.parse::<u32>().ok());
        let most = most.unwrap_or(1 << 20).to_le_bytes();
        let memo: Memo = [
            taken(request.header("x-take")),
            deed(request.header("x-do")),
            taken(request.header("x-take-answer")),
            deed(request.header("x-do-answer")),
            self.tag,
            most[0],
            most[1],
            most[2],
        ];
        let patch = RequestPatch::default().memo(u64::from_le_bytes(memo));
        match memo[0] {
            1 => patch.whole_body(u32::from_le_bytes(most)),
            2 => patch.body_chunks(),
            _ => patch,
        }
        .into()
    }
}

impl ResponseFilter for Bodies {
    fn on_response(&self, _: &Response, memo: u64) -> ResponseVerdict {
        let memo = memo.to_le_bytes();
        match memo[2] {
            1 => ResponsePatch::default().whole_body(most(memo)).into(),
            2 => ResponsePatch::default().body_chunks().into(),
            _ => ResponseVerdict::Pass,
        }
    }
}

fn misbehave(deed: &str) {
    match deed {
        "trap" => std::process::abort(),
        "loop" => loop {
            black_box(());
        },
        _ => {}
    }
}

fn whole(memo: Memo, deed: u8, body: Vec<u8>) -> WholeVerdict {
    let deed = DEEDS[usize::from(deed)];
    let noted = Edits::default().set("x-noted", body.len().to_string());
    misbehave(deed);
    match deed {
        "upper" => WholeVerdict::Replace(body.to_ascii_uppercase()),
        "note" => WholeVerdict::KeepWith(noted),
        "upper-and-note" => WholeVerdict::ReplaceWith((body.to_ascii_uppercase(), noted)),
        "answer" => Reply::new(418).body("short and stout").into(),
        "huge" => WholeVerdict::Replace(vec![b'x'; 100 << 20]),
        "drop" => WholeVerdict::Replace(Vec::new()),
        "tag" => WholeVerdict::Replace([&body[..], &[memo[4]]].concat()),
        _ => WholeVerdict::Keep,
    }
}

fn chunk(memo: Memo, deed: u8, data: Vec<u8>, last: bool) -> ChunkVerdict {
    let deed = DEEDS[usize::from(deed)];
    let number = SEEN.with(|seen| {
        let number = seen.get() + 1;
        seen.set(if last { 0 } else { number });
        number
    });
    misbehave(deed);
    match deed {
        "upper" => ChunkVerdict::Replace(data.to_ascii_uppercase()),
        "huge" => ChunkVerdict::Replace(vec![b'x'; 100 << 20]),
        "abort" if last || number > 1 => ChunkVerdict::Abort,
        "drop" => ChunkVerdict::Replace(Vec::new()),
        "count" => ChunkVerdict::Replace(format!("[{number}:{}]", data.len()).into_bytes()),
        "tag" if last => ChunkVerdict::Replace([&data[..], &[memo[4]]].concat()),
        "trap-at-second" if number == 2 => std::process::abort(),
        _ => ChunkVerdict::Keep,
    }
}

impl RequestBody for Bodies {
    fn on_whole_request(about: Body, body: Vec<u8>) -> WholeVerdict {
        let memo = about.memo.to_le_bytes();
        whole(memo, memo[1], body)
    }

    fn on_request_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        let memo = about.memo.to_le_bytes();
        chunk(memo, memo[1], data, last)
    }
}

impl ResponseBody for Bodies {
    fn on_whole_response(about: Body, body: Vec<u8>) -> WholeVerdict {
        let memo = about.memo.to_le_bytes();
        whole(memo, memo[3], body)
    }

    fn on_response_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        let memo = about.memo.to_le_bytes();
        chunk(memo, memo[3], data, last)
    }
}
