//! Sessions in protobuf: what can go wrong in bytes that cannot in JSON, and that the same refusals come through.

use bytes::Bytes;
use fanfare_protocol::{
    Connect, Encoding, Error, EventBatch, Message, MessageType, Ping, Producer, Publication, Publish, Subscribe,
    Unsubscribe, Watch, encode,
};

use super::{class, node, run};
use crate::harness::Socket;
use crate::harness::socket::{BINARY, TEXT};

const ID: u64 = 7;

/// One row.
struct Row {
    what: &'static str,
    /// Requests that are sent first and succeed.
    before: Option<Message>,
    say: Vec<u8>,
    id: u64,
    number: u32,
    name: &'static str,
    /// Of the other answers to the same message.
    others: Vec<MessageType>,
}

fn raw(what: &'static str, say: Vec<u8>, number: u32, name: &'static str) -> Row {
    Row { what, before: None, say, id: ID, number, name, others: Vec::new() }
}

fn request(what: &'static str, message: impl Into<Message>, number: u32, name: &'static str) -> Row {
    raw(what, envelope(ID, &message.into()), number, name)
}

impl Row {
    fn without_id(self) -> Self {
        Self { id: 0, ..self }
    }

    fn after(self, message: impl Into<Message>) -> Self {
        Self { before: Some(message.into()), ..self }
    }

    fn beside(self, others: impl Into<Vec<MessageType>>) -> Self {
        Self { others: others.into(), ..self }
    }
}

fn envelope(id: u64, message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode(Encoding::Protobuf, id, message, &mut out);
    out
}

/// An envelope by hand: its type, its id, and a payload that need not be one.
fn by_hand(kind: u64, id: u64, payload: &[u8]) -> Vec<u8> {
    let mut body = field(1, 0);
    varint(kind, &mut body);
    body.extend(field(2, 0));
    varint(id, &mut body);
    body.extend(field(3, 2));
    varint(payload.len() as u64, &mut body);
    body.extend_from_slice(payload);
    prefixed(&body)
}

/// Bytes with their length before them.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// The key of a field: 0 is a varint, 1 eight bytes, 2 bytes with their length, 3 and 4 the ends of a group.
fn field(number: u8, wire_type: u8) -> Vec<u8> {
    vec![number << 3 | wire_type]
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn subscribe(watch: Watch) -> Subscribe {
    Subscribe { watch: Some(Watch { topic: "chat:a".to_owned(), ..watch }), views: Vec::new() }
}

fn publish(publication: Publication) -> Publish {
    Publish { topic: "chat:a".to_owned(), publication: Some(publication.into()), ..Publish::default() }
}

fn json(data: &'static [u8]) -> Publish {
    publish(Publication { data: Some(Bytes::from_static(data)), ..Publication::default() })
}

const PUBLISH: u64 = 32;
const SUBSCRIBE: u64 = 16;

fn envelopes() -> Vec<Row> {
    let ping = |id| envelope(id, &Ping {}.into());
    vec![
        raw("garbage", vec![0xFF; 12], 3500, "MALFORMED").without_id(),
        raw("half a varint", vec![0x80], 3500, "MALFORMED").without_id(),
        raw("a length beyond what follows", vec![0x7F, 0x08, 0x05], 3500, "MALFORMED").without_id(),
        raw(
            "a length of 2^63",
            vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x08],
            3500,
            "MALFORMED",
        )
        .without_id(),
        raw("JSON", br#"{"type":"PING","id":7}"#.to_vec(), 3500, "MALFORMED").without_id(),
        raw("an envelope of garbage", prefixed(&[0xFF; 20]), 3500, "MALFORMED").without_id(),
        raw("a bad length behind a good envelope", [ping(1), vec![0x40]].concat(), 3500, "MALFORMED")
            .without_id()
            .beside([MessageType::Pong]),
        raw("a bad envelope between good ones", [ping(1), prefixed(&[0xFF]), ping(2)].concat(), 3500, "MALFORMED")
            .without_id()
            .beside([MessageType::Pong, MessageType::Pong]),
        raw("an id above 2^53 - 1", by_hand(5, 1 << 53, &[]), 3500, "MALFORMED").without_id(),
        raw("an unknown type", by_hand(9_999, ID, &[]), 3501, "UNKNOWN_TYPE"),
        raw("the type 0", by_hand(0, ID, &[]), 3501, "UNKNOWN_TYPE"),
        raw("a negative type", by_hand(u64::MAX, ID, &[]), 3501, "UNKNOWN_TYPE"),
        raw("a payload of garbage", by_hand(SUBSCRIBE, ID, &[0xFF, 0xFF, 0xFF]), 3500, "MALFORMED"),
        raw("a payload that lies about a length", by_hand(PUBLISH, ID, &[0x0A, 0x7F, b'a']), 3500, "MALFORMED"),
        raw("a field of another wire type", by_hand(PUBLISH, ID, &[0x08, 0x01]), 3500, "MALFORMED"),
        raw("bad UTF-8 in a string", by_hand(PUBLISH, ID, &[0x0A, 0x02, 0xC3, 0x28]), 3500, "MALFORMED"),
        raw("a number of 11 bytes", by_hand(19, ID, &[&[0x08][..], &[0xFF; 10], &[0x01]].concat()), 3500, "MALFORMED"),
        raw("10,000 groups in each other", by_hand(SUBSCRIBE, ID, &[0x7B].repeat(10_000)), 3500, "MALFORMED"),
        raw(
            "an id that waits for its answer",
            [envelope(ID, &json(b"1").into()), ping(ID)].concat(),
            3513,
            "ID_IN_USE",
        )
        .beside([MessageType::Published]),
        request("CONNECT twice", Connect::default(), 3525, "PROTOCOL_VIOLATION").after(Connect::default()),
        request("what only a node says", EventBatch::default(), 3525, "PROTOCOL_VIOLATION"),
        request("an error, which only a node says", Error::default(), 3525, "PROTOCOL_VIOLATION"),
    ]
}

fn requests() -> Vec<Row> {
    let watch = Watch::default;
    let views = |count| Subscribe { watch: None, views: vec![watch(); count] };
    let batch = |count| Publish { publications: vec![Publication::default(); count], ..Publish::default() };
    let producer = |sequence| Publish { producer: Some(Producer { id: "p".to_owned(), sequence }), ..json(b"1") };
    let from = watch().resource_version;
    vec![
        request("a bad topic", Subscribe { watch: Some(watch()), ..Subscribe::default() }, 3504, "BAD_TOPIC"),
        request("nothing to watch", Subscribe::default(), 3503, "BAD_PARAMETER"),
        request("1,001 empty views", views(1_001), 3503, "BAD_PARAMETER"),
        request("100,000 empty views", views(100_000), 3503, "BAD_PARAMETER"),
        request("1,001 empty publications", batch(1_001), 3503, "BAD_PARAMETER"),
        request("a value of a later enum", subscribe(Watch { from: 9, ..watch() }), 3503, "BAD_PARAMETER"),
        request("a limit of none", subscribe(Watch { limit: Some(0), ..watch() }), 3503, "BAD_PARAMETER"),
        request(
            "a rate that is no number",
            subscribe(Watch { max_events_per_second: Some(f64::NAN), resource_version: from, ..watch() }),
            3503,
            "BAD_PARAMETER",
        ),
        request(
            "a duration of 2^64 - 1",
            subscribe(Watch { timeout_ms: Some(u64::MAX), ..watch() }),
            3503,
            "BAD_PARAMETER",
        ),
        request("presence, which is not built", subscribe(Watch { presence: true, ..watch() }), 3519, "NOT_SUPPORTED"),
        request("an equal view", subscribe(watch()), 3512, "ALREADY_SUBSCRIBED").after(subscribe(watch())),
        request("an unknown view", Unsubscribe { view: u32::MAX }, 3511, "NO_SUCH_VIEW"),
        request("nothing to publish", publish(Publication::default()), 3503, "BAD_PARAMETER"),
        request("half a JSON value", json(br#"{"a":"#), 3500, "MALFORMED"),
        request("two JSON values", json(b"1 2"), 3500, "MALFORMED"),
        request("no JSON value", json(b""), 3500, "MALFORMED"),
        request("bad UTF-8 in JSON", json(b"\"\xC3\x28\""), 3500, "MALFORMED"),
        request("half a character in JSON", json(br#""\udead""#), 3500, "MALFORMED"),
        request(
            "JSON 10,000 levels deep",
            publish(Publication { data: Some("[".repeat(10_000).into()), ..Publication::default() }),
            3500,
            "MALFORMED",
        ),
        request(
            "a content type of a later version",
            publish(Publication { data: Some("1".into()), content_type: 7, ..Publication::default() }),
            3503,
            "BAD_PARAMETER",
        ),
        request("a sequence that skips", producer(9), 3515, "OUT_OF_SEQUENCE").after(producer(5)),
    ]
}

async fn check(address: std::net::SocketAddr, row: Row) {
    let Row { what, before, say, id, number, name, others } = row;
    let mut socket = Socket::protobuf(address).await;
    if let Some(before) = before {
        socket.send_frame(BINARY, &envelope(3, &before)).await;
        let answer = socket.hear_binary().await;
        assert_eq!(answer.id, 3, "{what}: what comes before: {answer:?}");
        assert!(!matches!(answer.message, Message::Error(_)), "{what}: what comes before: {answer:?}");
        if matches!(answer.message, Message::Subscribed(_)) {
            let events = socket.hear_binary().await.message;
            assert!(matches!(events, Message::Event(_)), "{what}: the snapshot: {events:?}");
        }
    }
    socket.send_frame(BINARY, &say).await;
    let mut heard = Vec::new();
    for _ in 0..=others.len() {
        heard.push(socket.hear_binary().await);
    }
    let at = heard.iter().position(|incoming| matches!(incoming.message, Message::Error(_)));
    let refused = heard.swap_remove(at.unwrap_or_else(|| panic!("{what}: no error: {heard:?}")));
    let Message::Error(error) = refused.message else { unreachable!("it was looked for") };
    assert_eq!((refused.id, error.code, error.name.as_str()), (id, number, name), "{what}: {error:?}");
    let number = u16::try_from(number).expect("codes have four digits");
    assert_eq!(error.class, class(number), "{what}: {error:?}");
    let heard: Vec<_> = heard.iter().map(|incoming| incoming.message.message_type()).collect();
    assert_eq!(heard, others, "{what}");
    assert_lives(what, &mut socket).await;
}

async fn assert_lives(what: &str, socket: &mut Socket) {
    socket.send_frame(BINARY, &envelope(99, &Ping {}.into())).await;
    let heard = socket.hear_binary().await;
    assert_eq!((heard.id, heard.message.message_type()), (99, MessageType::Pong), "{what}");
}

/// E3, E4, E7, E9, S1, S5, S6, S7.
#[tokio::test]
async fn an_envelope_that_cannot_be_read_or_said_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(envelopes().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// W1 to W5, P1, P3, P4, P9, L5, L6.
#[tokio::test]
async fn a_bad_request_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(requests().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// E4: a type that is not known and wants no answer gets none. An envelope without a byte is one of type 0.
#[tokio::test]
async fn an_unknown_type_without_an_id_is_skipped() {
    let node = node();
    let mut socket = Socket::protobuf(node.address()).await;
    for silent in [by_hand(9_999, 0, &[1, 2, 3]), by_hand(0, 0, &[]), prefixed(&[]), Vec::new()] {
        socket.send_frame(BINARY, &silent).await;
        assert_lives("silent", &mut socket).await;
    }
}

/// E6.
#[tokio::test]
async fn a_text_message_in_the_protobuf_subprotocol_is_refused_and_the_connection_lives_on() {
    let node = node();
    let mut socket = Socket::protobuf(node.address()).await;
    for payload in [&br#"{"type":"PING","id":7}"#[..], b"", "ä".as_bytes()] {
        socket.send_frame(TEXT, payload).await;
        let heard = socket.hear_binary().await;
        let Message::Error(error) = heard.message else { panic!("an error: {:?}", heard.message) };
        assert_eq!((heard.id, error.code, error.name.as_str()), (0, 3525, "PROTOCOL_VIOLATION"));
        assert_lives("text", &mut socket).await;
    }
}
