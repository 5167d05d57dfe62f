//! Fills in the protobuf form of the examples in `conformance/messages.json` from their JSON form:
//! `cargo run -p fanfare-protocol --example conformance`. To be run when an example is added, whose `protobuf` may be empty until then.
//! A changed line of an old one is a break of the protocol.

use bytes::Bytes;
use fanfare_protocol::{Encoding, decode, encode_traced};
use serde::{Deserialize, Serialize};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/messages.json");

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    meaning: String,
    protobuf: String,
    json: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut examples: Vec<Example> = serde_json::from_str(&std::fs::read_to_string(PATH)?)?;
    for example in &mut examples {
        let incoming = decode(Encoding::Json, &Bytes::copy_from_slice(example.json.as_bytes()))?;
        let mut out = Vec::new();
        encode_traced(Encoding::Protobuf, incoming.id, incoming.traceparent.as_deref(), &incoming.message, &mut out);
        example.protobuf = out.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    let mut text = serde_json::to_string_pretty(&examples)?;
    text.push('\n');
    Ok(std::fs::write(PATH, text)?)
}
