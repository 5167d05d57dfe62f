//! Decoding never allocates more than a small multiple of its input, whatever the input claims. One test, alone in its process,
//! because the counter is the allocator of all threads.

use bytes::{Bytes, BytesMut};
use fanfare_protocol::json::parse_publish_body;
use fanfare_protocol::limits::{FRAME_BYTES_MAX, JSON_DEPTH_MAX};
use fanfare_protocol::{Encoding, MessageType, compact, decode, envelopes, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// All that is allocated while reading, what was freed in between included. The worst that is let through are lists of empty strings: 24
/// bytes in memory for each two bytes of input, and as much again because a list grows by doubling.
const EXPANSION_MAX: usize = 48;

/// What an error and its text may cost, however short the input.
const SLACK_BYTES: usize = 16 * 1024;

fn allocated(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    region.change().bytes_allocated
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 127 {
        out.push(u8::try_from(number & 127).unwrap_or_default() | 128);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
    out
}

/// An envelope around a payload of `unit`s.
fn protobuf(kind: MessageType, unit: &[u8]) -> Vec<u8> {
    let payload = unit.repeat((FRAME_BYTES_MAX - 32) / unit.len());
    let mut envelope = vec![0x08, u8::try_from(kind as i32).unwrap_or_default(), 0x10, 0x03, 0x1a];
    envelope.extend(varint(payload.len()));
    envelope.extend(payload);
    [varint(envelope.len()), envelope].concat()
}

fn json(head: &str, unit: &str, tail: &str) -> Vec<u8> {
    let count = (FRAME_BYTES_MAX - head.len() - tail.len()) / unit.len();
    let units = unit.repeat(count);
    format!("{head}{}{tail}", units.trim_end_matches(',')).into_bytes()
}

fn hostile() -> Vec<(&'static str, Encoding, Vec<u8>)> {
    use Encoding::{Json, Protobuf};
    let request = |kind: &str, payload: &str| format!("{{\"type\":\"{kind}\",\"id\":3,\"payload\":{payload}");
    vec![
        ("empty publications", Protobuf, protobuf(MessageType::Publish, b"\x1a\x00")),
        ("empty views", Protobuf, protobuf(MessageType::Subscribe, b"\x12\x00")),
        ("empty answers", Protobuf, protobuf(MessageType::Subscribed, b"\x12\x00")),
        ("empty events", Protobuf, protobuf(MessageType::Event, b"\x2a\x00")),
        ("empty items", Protobuf, protobuf(MessageType::HistoryPage, b"\x12\x00")),
        ("empty members", Protobuf, protobuf(MessageType::PresenceState, b"\x12\x00")),
        ("empty versions", Protobuf, protobuf(MessageType::Published, b"\x12\x00")),
        ("empty features", Protobuf, protobuf(MessageType::Connect, b"\x1a\x02\x0a\x00")),
        ("one publication many times", Protobuf, protobuf(MessageType::Publish, b"\x12\x03\x0a\x011")),
        ("empty attributes", Protobuf, protobuf(MessageType::Publish, b"\x12\x02\x2a\x00")),
        ("empty fields", Protobuf, protobuf(MessageType::Subscribe, b"\x0a\x02\x32\x00")),
        ("empty envelopes", Protobuf, vec![0; FRAME_BYTES_MAX]),
        ("length of 2^63", Protobuf, [&[0x80; 9][..], &[1], &[0; 100]].concat()),
        ("empty publications", Json, json(&request("PUBLISH", "{\"publications\":["), "{},", "]}}")),
        ("empty views", Json, json(&request("SUBSCRIBE", "{\"views\":["), "{},", "]}}")),
        ("empty events", Json, json(&request("EVENT", "{\"events\":["), "{},", "]}}")),
        ("empty items", Json, json(&request("HISTORY_PAGE", "{\"items\":["), "{},", "]}}")),
        ("empty members", Json, json(&request("PRESENCE_STATE", "{\"members\":["), "{},", "]}}")),
        ("short versions", Json, json(&request("PUBLISHED", "{\"resourceVersions\":["), "\"1.1\",", "]}}")),
        ("short fields", Json, json(&request("SUBSCRIBE", "{\"topic\":\"a\",\"fields\":\""), "a,", "a\"}}")),
        ("listed fields", Json, json(&request("SUBSCRIBE", "{\"topic\":\"a\",\"fields\":["), "\"\",", "]}}")),
        ("short features", Json, json(&request("CONNECT", "{\"features\":{\"compression\":["), "\"\",", "]}}}")),
        ("long type", Json, json("{\"id\":3,\"type\":\"", "x", "\"}")),
        ("long unknown member", Json, json(&request("PING", "{\""), "x", "\":1}}")),
        ("long value of an enum", Json, json(&request("SUBSCRIBE", "{\"from\":\""), "x", "\"}}")),
        ("long string for a number", Json, json(&request("UNSUBSCRIBE", "{\"view\":\""), "x", "\"}}")),
        ("escapes", Json, json(&request("SUBSCRIBE", "{\"filter\":\""), "\\n", "\"}}")),
        ("brackets", Json, json("{\"payload\":", "[", "")),
        ("brackets in data", Json, json(&request("PUBLISH", "{\"topic\":\"a\",\"data\":"), "[", "")),
        ("long number", Json, json(&request("PUBLISH", "{\"topic\":\"a\",\"data\":"), "1", "}}")),
        ("short lines", Json, b"{\n".repeat(FRAME_BYTES_MAX / 2)),
    ]
}

/// L2, L6.
#[test]
fn reading_allocates_no_more_than_a_small_multiple_of_the_input() {
    for (name, encoding, input) in hostile() {
        let (bytes, input) = (input.len(), Bytes::from(input));
        let cost = allocated(|| {
            for envelope in envelopes(encoding, &input) {
                drop(envelope.and_then(|envelope| decode(encoding, &envelope)));
            }
        });
        assert!(cost <= EXPANSION_MAX * bytes + SLACK_BYTES, "{name} ({encoding:?}): {cost} bytes for {bytes}");
    }
    let body = Bytes::from(json("{\"publications\":[", "{},", "]}"));
    let cost = allocated(|| drop(parse_publish_body("a", &body)));
    assert!(cost <= EXPANSION_MAX * body.len(), "a body: {cost}");
    let body = Bytes::from(json("[", " ", "]"));
    let cost = allocated(|| drop(compact(body.clone(), JSON_DEPTH_MAX)));
    assert!(cost <= 2 * body.len(), "compaction: {cost}");
    let cost = allocated(|| drop(compact(Bytes::from_static(b"{\"a\":[1,2]}"), JSON_DEPTH_MAX)));
    assert_eq!(cost, 0, "compaction of what is compact");
    let mut stream = BytesMut::from(&[0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1][..]);
    let cost = allocated(|| drop(frame::Decoder::new(usize::MAX).decode(&mut stream)));
    assert_eq!(cost, 0, "a frame that announces 1 GiB");
}
