//! What it costs to read and to write an envelope, in both encodings.

use std::hint::black_box;

use bytes::Bytes;
use fanfare_protocol::{
    Encoding, EventBatchRef, Message, Publish, Published, Subscribe, Watch, decode, encode, encode_event_batch, frame,
};

use super::{Body, Case, sample};

pub(super) const CASES: [Case; 10] = [
    Case { name: "decode/publish-json", rounds: 1_000, prepare: || decoding(Encoding::Json, &publish()) },
    Case { name: "decode/publish-protobuf", rounds: 1_000, prepare: || decoding(Encoding::Protobuf, &publish()) },
    Case { name: "decode/subscribe-json", rounds: 1_000, prepare: || decoding(Encoding::Json, &subscribe()) },
    Case { name: "decode/subscribe-protobuf", rounds: 1_000, prepare: || decoding(Encoding::Protobuf, &subscribe()) },
    Case { name: "encode/published-json", rounds: 1_000, prepare: || encoding(Encoding::Json) },
    Case { name: "encode/published-protobuf", rounds: 1_000, prepare: || encoding(Encoding::Protobuf) },
    Case { name: "encode/event-json", rounds: 1_000, prepare: || batch(Encoding::Json, 1) },
    Case { name: "encode/event-protobuf", rounds: 1_000, prepare: || batch(Encoding::Protobuf, 1) },
    Case { name: "encode/100-events-json", rounds: 100, prepare: || batch(Encoding::Json, 100) },
    Case { name: "encode/100-events-protobuf", rounds: 100, prepare: || batch(Encoding::Protobuf, 100) },
];

fn publish() -> Message {
    let publication = Some(Box::new(sample::publication(1)));
    Message::Publish(Publish { topic: sample::TOPIC.to_owned(), publication, ..Publish::default() })
}

fn subscribe() -> Message {
    let filter = Some("data.price > 120 && data.symbol == 'S042'".to_owned());
    let watch = Watch { topic: sample::TOPIC.to_owned(), filter, on_change: true, ..Watch::default() };
    Message::Subscribe(Subscribe { watch: Some(watch), views: Vec::new() })
}

fn decoding(encoding: Encoding, message: &Message) -> Body {
    let mut envelope = Vec::new();
    encode(encoding, 42, message, &mut envelope);
    if encoding == Encoding::Protobuf {
        envelope = frame::delimited(&envelope).to_vec();
    }
    let envelope = Bytes::from(envelope);
    Box::new(move || {
        black_box(decode(encoding, black_box(&envelope)).expect("it was encoded"));
    })
}

fn encoding(encoding: Encoding) -> Body {
    let message =
        Message::Published(Published { resource_version: Some(sample::version(123_456)), ..Published::default() });
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        encode(encoding, 42, black_box(&message), &mut out);
        black_box(&out);
    })
}

fn batch(encoding: Encoding, count: u64) -> Body {
    let through = 123_456;
    let events = sample::events(through, count);
    let (after, through) = (sample::version(through - count), sample::version(through));
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        let batch = EventBatchRef { view: 17, after, through, limited: false, events: black_box(&events) };
        encode_event_batch(encoding, batch, &mut out);
        black_box(&out);
    })
}
