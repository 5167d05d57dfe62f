//! The examples of `conformance/`, which every implementation reads. Their format is in its README.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use bytes::{Bytes, BytesMut};
use fanfare_protocol::limits::JSON_DEPTH_MAX;
use fanfare_protocol::{
    Encoding, Incoming, Message, ResourceVersion, TopicName, compact, decode, encode_traced, envelopes, frame,
    parse_duration_ms,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    #[serde(rename = "meaning")]
    _meaning: String,
    protobuf: String,
    json: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    name: String,
    #[serde(rename = "meaning")]
    _meaning: String,
    encoding: String,
    input: String,
    json: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    name: String,
    #[serde(rename = "meaning")]
    _meaning: String,
    encoding: String,
    input: String,
    id: u64,
    code: String,
    parameter: Option<String>,
    nearest: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    name: String,
    #[serde(rename = "meaning")]
    _meaning: String,
    stream: String,
    envelopes: Vec<String>,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    versions: Group<Version>,
    topics: Group<Topic>,
    durations: Group<Duration>,
    data: Group<Data>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group<T> {
    good: Vec<T>,
    bad: Vec<String>,
}

#[derive(Deserialize)]
struct Version {
    text: String,
    epoch: String,
    offset: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Topic {
    name: String,
    namespace: String,
    routing_key: String,
}

#[derive(Deserialize)]
struct Duration {
    text: String,
    ms: u64,
}

#[derive(Deserialize)]
struct Data {
    text: String,
    compact: String,
}

fn load<T: DeserializeOwned>(file: &str) -> T {
    let path = format!("{}/conformance/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file is there"))
        .expect("the file has the documented form")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    assert!(text.len().is_multiple_of(2), "hexadecimal digits come in pairs");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn input(encoding: &str, input: &str) -> (Encoding, Bytes) {
    match encoding {
        "protobuf" => (Encoding::Protobuf, unhex(input)),
        "json" => (Encoding::Json, Bytes::copy_from_slice(input.as_bytes())),
        other => panic!("unknown encoding {other}"),
    }
}

fn read(encoding: Encoding, message: &Bytes, name: &str) -> Incoming {
    let mut envelopes = envelopes(encoding, message);
    let envelope = envelopes.next().expect("there is an envelope").unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(envelopes.next().is_none(), "{name}: one envelope");
    decode(encoding, &envelope).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn written(encoding: Encoding, incoming: &Incoming) -> Vec<u8> {
    let mut out = Vec::new();
    encode_traced(encoding, incoming.id, incoming.traceparent.as_deref(), &incoming.message, &mut out);
    out
}

/// E1, E7, E8, E10, E11.
#[test]
fn each_example_reads_alike_in_both_encodings_and_is_written_as_it_stands() {
    let examples: Vec<Example> = load("messages.json");
    for Example { name, protobuf, json, .. } in &examples {
        let from_protobuf = read(Encoding::Protobuf, &unhex(protobuf), name);
        let from_json = read(Encoding::Json, &Bytes::copy_from_slice(json.as_bytes()), name);
        assert_eq!(from_protobuf, from_json, "{name}");
        assert_eq!(&hex(&written(Encoding::Protobuf, &from_json)), protobuf, "{name}");
        assert_eq!(String::from_utf8_lossy(&written(Encoding::Json, &from_protobuf)), json.as_str(), "{name}");
    }
    let names: BTreeSet<&str> = examples.iter().map(|example| example.name.as_str()).collect();
    assert_eq!(names.len(), examples.len(), "names are unique");
}

/// E2: every type has an example, and so has every member of the objects that users see.
#[test]
fn no_type_and_no_member_is_without_an_example() {
    let examples: Vec<Example> = load("messages.json");
    let all: String = examples.iter().map(|example| example.json.as_str()).collect();
    for kind in Message::TYPES {
        assert!(all.contains(&format!("{{\"type\":\"{}\"", kind.name())), "{}", kind.name());
    }
    let of_publications = "topic data dataBase64 contentType key delete attributes ttl ifVersion idempotencyKey producer originTime \
                           traceparent publications";
    let of_events = "type topic resourceVersion key data dataBase64 attributes publisher connectionId time originTime traceparent error";
    let of_errors = "code name message class retryAfterMs topic oldest current expected parameter nearest";
    let of_watches = "resourceVersion from filter where.key where.attributes.kind where.data.n fields onChange interval debounce \
                      maxEventsPerSecond delta onGone timeout limit credit consistency presence views";
    for member in [of_publications, of_events, of_errors, of_watches].iter().flat_map(|names| names.split_whitespace())
    {
        assert!(all.contains(&format!("\"{member}\":")), "{member}");
    }
}

/// The first column was encoded by hand, after the tables of the protobuf documentation.
#[test]
fn examples_agree_with_what_was_encoded_by_hand() {
    let by_hand = [
        // length 4 · field 1 varint 5 (PING) · field 2 varint 3
        ("ping", "04 08 05 10 03"),
        // length 11 · type 5 · id 2^53 - 1: seven groups of seven ones, then four ones
        ("ping with the greatest id", "0b 08 05 10 ff ff ff ff ff ff ff 0f"),
        // length 8 · type 19 · id 11 · payload of 2 bytes: field 1 varint 5
        ("unsubscribe", "08 08 13 10 0b 1a 02 08 05"),
        // type 21, no id · view 5 · events 100
        ("grant", "08 08 15 1a 04 08 05 10 64"),
        // type 8 · withinMs 10,000 = 0x2710 = 1001110 0010000
        ("goaway", "07 08 08 1a 03 08 90 4e"),
        // type 33 · id 3 · resourceVersion of 12 bytes: epoch fixed64 0x6f1c little-endian, offset 1042 = 1000 0010010
        ("published", "14 08 21 10 03 1a 0e 0a 0c 09 1c 6f 00 00 00 00 00 00 10 92 08"),
        // type 23 · view 5 · state 3 · code 3301 = 11001 1100101
        ("view gone", "0b 08 17 1a 07 08 05 10 03 18 e5 19"),
        // type 16 · id 2 · watch of 12 bytes: topic of 10 bytes, `chat:lobby`
        ("subscribe", "14 08 10 10 02 1a 0e 0a 0c 0a 0a 63 68 61 74 3a 6c 6f 62 62 79"),
        // type 32 · topic · publication of 3 bytes: data of 1 byte, `1`
        ("publish without answer", "15 08 20 1a 11 0a 0a 63 68 61 74 3a 6c 6f 62 62 79 12 03 0a 01 31"),
        // type 22 · view 1 · after and through 0.0, both empty · event: type 6, version 0.0
        ("event of an empty topic", "10 08 16 1a 0c 08 01 12 00 1a 00 2a 04 08 06 1a 00"),
    ];
    let examples: Vec<Example> = load("messages.json");
    for (name, bytes) in by_hand {
        let example = examples.iter().find(|example| example.name == name).expect("the example is there");
        assert_eq!(example.protobuf, bytes.replace(' ', ""), "{name}");
    }
}

/// E5, E12, W3, W4: other spellings of the same.
#[test]
fn each_reading_is_the_message_that_it_should_be() {
    for Reading { name, encoding, input: text, json, .. } in load::<Vec<Reading>>("readings.json") {
        let (encoding, bytes) = input(&encoding, &text);
        let incoming = read(encoding, &bytes, &name);
        let expected = read(Encoding::Json, &Bytes::from(json.clone()), &name);
        assert_eq!(
            (incoming.id, incoming.message.message_type()),
            (expected.id, expected.message.message_type()),
            "{name}"
        );
        assert_eq!(String::from_utf8_lossy(&written(Encoding::Json, &incoming)), json, "{name}");
    }
}

/// E3, E4, E9, W2, P1, X1: what cannot be accepted gets its code, under its id.
#[test]
fn each_refusal_has_its_code() {
    let refusals: Vec<Refusal> = load("refusals.json");
    assert!(refusals.len() > 100);
    for refusal in refusals {
        let name = &refusal.name;
        let (encoding, bytes) = input(&refusal.encoding, &refusal.input);
        let outcome = envelopes(encoding, &bytes)
            .next()
            .expect("there is something to read")
            .and_then(|envelope| decode(encoding, &envelope));
        let error = outcome.err().unwrap_or_else(|| panic!("{name}: it was accepted"));
        assert_eq!((error.error.name.as_str(), error.id), (refusal.code.as_str(), refusal.id), "{name}: {error}");
        assert_eq!(error.error.parameter, refusal.parameter, "{name}");
        if refusal.nearest.is_some() {
            assert_eq!(error.error.nearest, refusal.nearest, "{name}");
        }
    }
}

/// E13 to E16, with 64 bytes as the bound.
#[test]
fn each_stream_of_frames_gives_its_envelopes_and_its_end() {
    for Stream { name, stream, envelopes, code, .. } in load::<Vec<Stream>>("frames.json") {
        let decoder = frame::Decoder::new(64);
        let mut bytes = BytesMut::from(unhex(&stream).as_ref());
        let mut found = Vec::new();
        let end = loop {
            match decoder.decode(&mut bytes) {
                Ok(Some(envelope)) => found.push(hex(&envelope)),
                Ok(None) => break decoder.finish(&bytes),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(found, envelopes, "{name}");
        assert_eq!(end.err().map(|error| error.code().name().to_owned()), code, "{name}");
        if code.is_none() {
            let mut again = Vec::new();
            envelopes.iter().for_each(|envelope| frame::encode(&unhex(envelope), &mut again));
            assert_eq!(hex(&again), stream, "{name}");
        }
    }
}

/// V1, V8, W4, P2, P3.
#[test]
fn texts_of_values_are_read_as_documented() {
    let Values { versions, topics, durations, data } = load("values.json");
    for Version { text, epoch, offset } in versions.good {
        let epoch = u64::from_str_radix(&epoch, 16).expect("hexadecimal");
        let version = ResourceVersion::new(epoch, offset.parse().expect("decimal"));
        assert_eq!((text.parse(), version.to_string()), (Ok(version), text));
    }
    versions.bad.iter().for_each(|text| assert!(ResourceVersion::from_str(text).is_err(), "{text:?}"));

    for Topic { name, namespace, routing_key } in topics.good {
        let topic = TopicName::parse(&name).expect("a topic name");
        assert_eq!((topic.namespace(), topic.routing_key()), (namespace.as_str(), routing_key.as_str()), "{name}");
    }
    topics.bad.iter().for_each(|name| assert!(TopicName::parse(name).is_err(), "{name:?}"));

    durations.good.iter().for_each(|Duration { text, ms }| assert_eq!(parse_duration_ms(text), Ok(*ms), "{text}"));
    durations.bad.iter().for_each(|text| assert!(parse_duration_ms(text).is_err(), "{text:?}"));

    for Data { text, compact: expected } in data.good {
        assert_eq!(compact(Bytes::from(text.clone()), JSON_DEPTH_MAX), Ok(Bytes::from(expected)), "{text:?}");
    }
    for text in data.bad {
        assert!(compact(Bytes::from(text.clone()), JSON_DEPTH_MAX).is_err(), "{text:?}");
    }
}
