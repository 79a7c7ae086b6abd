//! Says whatever its input spells, well-formed or not, for the fuzz targets. The input is a list of parts
//! with 0xff between them; the first byte of a part says what the rest is, and 0x1f parts a name from its
//! value. It uses no SDK: what cannot be said with one is what is wanted here.
#![allow(missing_docs, unsafe_code, reason = "generated")]

use exports::hither::plugin::{lifecycle, request_filter, response_filter, routing};
use hither::plugin::types::{
    BodyMode, Edits, Field, Input, Pair, Reply, Request, RequestPatch, RequestVerdict, Response,
    ResponsePatch, ResponseVerdict,
};

hither_plugin::wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package test:any;
        world any {
            include hither:plugin/filter@0.1.0;
            include hither:plugin/router@0.1.0;
        }
    ",
    runtime_path: "hither_plugin::wit_bindgen::rt",
    generate_all,
});

struct Any;

/// All that can be said, in one.
#[derive(Default)]
struct Said {
    edits: Edits,
    path: Option<String>,
    authority: Option<String>,
    service: Option<String>,
    pairs: Vec<Pair>,
    status: Option<u16>,
    body: Vec<u8>,
    affinity: Vec<u8>,
    timeout_ms: Option<u32>,
    mode: Option<BodyMode>,
    responds: bool,
}

impl Default for Edits {
    fn default() -> Self {
        Edits { remove: Vec::new(), set: Vec::new(), append: Vec::new() }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn halves(bytes: &[u8]) -> (String, Vec<u8>) {
    let mut halves = bytes.splitn(2, |byte| *byte == 0x1f);
    let name = text(halves.next().unwrap_or_default());
    (name, halves.next().unwrap_or_default().to_vec())
}

fn field(bytes: &[u8]) -> Field {
    let (name, value) = halves(bytes);
    Field { name, value }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

impl Said {
    fn read(inputs: &[Input]) -> Said {
        let mut said = Said::default();
        let bytes = inputs.first().map(|input| input.value.as_slice()).unwrap_or_default();
        for part in bytes.split(|byte| *byte == 0xff) {
            let Some((what, rest)) = part.split_first() else { continue };
            match what {
                b'r' => said.edits.remove.push(text(rest)),
                b's' => said.edits.set.push(field(rest)),
                b'a' => said.edits.append.push(field(rest)),
                b'p' => said.path = Some(text(rest)),
                b'h' => said.authority = Some(text(rest)),
                b'e' => said.service = Some(text(rest)),
                b'm' => {
                    let (name, value) = halves(rest);
                    said.pairs.push(Pair { name, value: text(&value) });
                }
                b'c' => said.status = Some(number(rest) as u16),
                b'b' => said.body = rest.to_vec(),
                b'k' => said.affinity = rest.to_vec(),
                b't' => said.timeout_ms = Some(number(rest)),
                b'w' => said.mode = Some(BodyMode::Buffered(number(rest))),
                b'x' => said.mode = Some(BodyMode::Streamed),
                b'!' => said.responds = true,
                _ => {}
            }
        }
        said
    }

    fn reply(self) -> Reply {
        let status = self.status.unwrap_or(200);
        Reply { status, headers: self.edits.set, body: self.body }
    }
}

impl lifecycle::Guest for Any {
    fn describe() -> lifecycle::Manifest {
        lifecycle::Manifest {
            name: "any-verdict".to_owned(),
            version: "0.1.0".to_owned(),
            request_inputs: vec!["header:x-say".to_owned()],
            response_inputs: vec!["header:x-say".to_owned()],
            metrics: Vec::new(),
            config_schema: String::new(),
            extra: Vec::new(),
        }
    }

    fn configure(_: u32, _: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn release(_: u32) {}
}

impl request_filter::Guest for Any {
    fn on_request(request: Request) -> RequestVerdict {
        let said = Said::read(&request.inputs);
        if said.responds {
            return RequestVerdict::Respond(said.reply());
        }
        RequestVerdict::Next(RequestPatch {
            edits: Some(said.edits),
            path: said.path,
            authority: said.authority,
            metadata: said.pairs,
            body: said.mode.unwrap_or(BodyMode::None),
            response_hooks: true,
            memo: 0,
        })
    }
}

impl response_filter::Guest for Any {
    fn on_response(response: Response, _: u64) -> ResponseVerdict {
        let said = Said::read(&response.inputs);
        if said.responds {
            return ResponseVerdict::Respond(said.reply());
        }
        ResponseVerdict::Next(ResponsePatch {
            status: said.status,
            edits: Some(said.edits),
            metadata: said.pairs,
            body: said.mode.unwrap_or(BodyMode::None),
        })
    }
}

impl routing::Guest for Any {
    fn select(request: Request) -> routing::Decision {
        let said = Said::read(&request.inputs);
        if said.responds {
            return routing::Decision::Respond(said.reply());
        }
        routing::Decision::Route(routing::Target {
            service: said.service,
            require: said.pairs,
            prefer: Vec::new(),
            affinity: said.affinity,
            path: said.path,
            authority: said.authority,
            edits: Some(said.edits),
            timeout_ms: said.timeout_ms,
            memo: 0,
        })
    }
}

export!(Any);
