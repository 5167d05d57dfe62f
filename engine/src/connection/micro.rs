//! What a command of a client costs from the bytes of its socket to those of its answer; but not what is done about it.

use std::hint::black_box;

use bytes::BytesMut;
use fanfare_protocol::{Encoding, Message, Published, decode, envelopes};

use super::reader::{Inbound, Reader};
use super::session::{Effect, Request, Session, Welcome};
use super::websocket;
use crate::limit::Limits;
use crate::micro::{Body, Case, sample};
use crate::view::{SessionWire, put_envelope};

pub(crate) const CASES: [Case; 3] = [
    Case { name: "session/publish-json", rounds: 1_000, prepare: || publishing(Encoding::Json) },
    Case { name: "session/publish-protobuf", rounds: 1_000, prepare: || publishing(Encoding::Protobuf) },
    Case { name: "session/ping-json", rounds: 1_000, prepare: ping },
];

/// A masked message, as clients send it.
fn masked(encoding: Encoding, envelope: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::put_message(encoding == Encoding::Json, envelope, &mut frame);
    let payload_at = frame.len() - envelope.len();
    frame[1] |= 0x80;
    let mask = [0x12, 0x34, 0x56, 0x78];
    frame.iter_mut().skip(payload_at).zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    frame.splice(payload_at..payload_at, mask);
    frame
}

fn welcome() -> Welcome {
    unreachable!("nobody says CONNECT")
}

/// Hears one frame; what is asked for is given to `perform`, whose answer is put into `out`.
fn hear(
    (session, reader): (&mut Session, &mut Reader),
    (encoding, frame): (Encoding, &[u8]),
    limits: &Limits,
    out: &mut Vec<u8>,
    perform: impl Fn(Request) -> Message,
) {
    let mut buffer = BytesMut::from(frame);
    let inbound = reader.read(&mut buffer, limits.frame_bytes_max).expect("a good frame");
    let Some(Inbound::WebSocket(websocket::Inbound::Message { data, .. })) = inbound else {
        unreachable!("it is a message")
    };
    for envelope in envelopes(encoding, &data) {
        let incoming = decode(encoding, &envelope.expect("its length is right")).expect("it was encoded");
        let (id, message) = match session.receive(incoming, 1, welcome, limits).expect("it is allowed") {
            Effect::Perform(id, request) => {
                let answer = perform(request);
                session.answered(id);
                (id, answer)
            }
            Effect::Answer(id, answer) => (id, *answer),
            Effect::None | Effect::Grant(_) => unreachable!("it asks for an answer"),
        };
        out.clear();
        put_envelope(SessionWire::WebSocket(encoding), id, &message, out);
    }
    black_box(out);
}

fn publishing(encoding: Encoding) -> Body {
    let mut envelope = Vec::new();
    let publication = Some(Box::new(sample::publication(1)));
    let publish = fanfare_protocol::Publish { topic: sample::TOPIC.to_owned(), publication, ..Default::default() };
    fanfare_protocol::encode(encoding, 42, &Message::Publish(publish), &mut envelope);
    let frame = masked(encoding, &envelope);
    let (mut session, mut reader) = (Session::default(), Reader::WebSocket(websocket::Reader::default()));
    let (limits, mut out) = (Limits::default(), Vec::new());
    Box::new(move || {
        hear((&mut session, &mut reader), (encoding, black_box(&frame)), &limits, &mut out, |request| {
            black_box(request);
            Message::Published(Published { resource_version: Some(sample::version(123_456)), ..Published::default() })
        });
    })
}

fn ping() -> Body {
    let frame = masked(Encoding::Json, br#"{"type":"PING","id":42}"#);
    let (mut session, mut reader) = (Session::default(), Reader::WebSocket(websocket::Reader::default()));
    let (limits, mut out) = (Limits::default(), Vec::new());
    Box::new(move || {
        hear((&mut session, &mut reader), (Encoding::Json, black_box(&frame)), &limits, &mut out, |_| {
            unreachable!("the session answers it by itself")
        });
    })
}
