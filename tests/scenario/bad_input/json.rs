//! Sessions in JSON: every row is answered under its id, and the connection lives on.

mod envelopes;
mod reads;
mod writes;

use serde_json::{Value, json};

use super::{assert_error, node, run};
use crate::harness::Socket;
use crate::harness::socket::{BINARY, TEXT};

/// The id of every request that has one it can be answered under.
const ID: u64 = 7;

/// One row.
#[derive(Clone)]
struct Row {
    what: &'static str,
    /// A message that is sent first, and whose one answer is no error.
    before: Option<String>,
    say: String,
    /// The id that the error carries.
    id: u64,
    number: u16,
    name: &'static str,
    /// A further member of the error.
    member: Option<(&'static str, Value)>,
    /// Types of the other answers to the same message, in any order.
    others: Vec<&'static str>,
}

/// A message that is sent as it is.
fn raw(what: &'static str, say: impl Into<String>, number: u16, name: &'static str) -> Row {
    Row { what, before: None, say: say.into(), id: ID, number, name, member: None, others: Vec::new() }
}

/// A request: its type and payload.
fn request(what: &'static str, kind: &str, payload: impl AsRef<str>, number: u16, name: &'static str) -> Row {
    raw(what, envelope(kind, payload), number, name)
}

fn subscribe(what: &'static str, payload: impl AsRef<str>, number: u16, name: &'static str) -> Row {
    request(what, "SUBSCRIBE", payload, number, name)
}

fn publish(what: &'static str, payload: impl AsRef<str>, number: u16, name: &'static str) -> Row {
    request(what, "PUBLISH", payload, number, name)
}

fn envelope(kind: &str, payload: impl AsRef<str>) -> String {
    format!(r#"{{"type":"{kind}","id":{ID},"payload":{}}}"#, payload.as_ref())
}

impl Row {
    /// The id could not be read, or there was none.
    fn without_id(self) -> Self {
        Self { id: 0, ..self }
    }

    /// A request that has to succeed before.
    fn after(self, kind: &str, payload: &str) -> Self {
        Self { before: Some(envelope(kind, payload)), ..self }
    }

    fn with(self, member: &'static str, value: impl Into<Value>) -> Self {
        Self { member: Some((member, value.into())), ..self }
    }

    fn beside(self, others: impl Into<Vec<&'static str>>) -> Self {
        Self { others: others.into(), ..self }
    }
}

fn deep(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

fn several(count: usize, item: &str) -> String {
    vec![item; count].join(",")
}

async fn check(address: std::net::SocketAddr, row: Row) {
    let mut socket = Socket::json(address).await;
    if let Some(before) = &row.before {
        socket.send_frame(TEXT, before.as_bytes()).await;
        let answer = socket.answer(ID).await;
        assert_ne!(answer["type"], "ERROR", "{}: what comes before: {answer}", row.what);
    }
    socket.send_frame(TEXT, row.say.as_bytes()).await;
    let mut answers = Vec::new();
    for _ in 0..=row.others.len() {
        answers.push(socket.hear().await);
    }
    let at = answers.iter().position(|answer| answer["type"] == "ERROR");
    let error = answers.swap_remove(at.unwrap_or_else(|| panic!("{}: no error: {answers:?}", row.what)));
    assert_eq!(error["id"].as_u64().unwrap_or_default(), row.id, "{}: {error}", row.what);
    assert_error(row.what, &error["payload"], row.number, row.name);
    if let Some((member, value)) = &row.member {
        assert_eq!(&error["payload"][member], value, "{}: {error}", row.what);
    }
    answers.sort_by_key(|answer| answer["type"].to_string());
    let others: Vec<_> = answers.iter().map(|answer| answer["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(others, row.others, "{}", row.what);
    assert_lives(row.what, &mut socket).await;
}

/// The next thing that is heard answers the next request: nothing else was said.
async fn assert_lives(what: &str, socket: &mut Socket) {
    socket.say("PING", 99, json!({})).await;
    assert_eq!(socket.hear().await, json!({ "type": "PONG", "id": 99 }), "{what}");
}

/// E3, E4, E8, E9, E12, S1, S5, S6, S7.
#[tokio::test]
async fn an_envelope_that_cannot_be_read_or_said_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(envelopes::rows().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// V6, V8, W1 to W5, W19, L7.
#[tokio::test]
async fn a_bad_read_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(reads::rows().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// P1, P3, P4, P6 to P9, P12, L4, L5.
#[tokio::test]
async fn a_bad_publication_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(writes::rows().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
    // P6: nothing of a batch with a bad one was stored.
    let mut socket = Socket::json(node.address()).await;
    let page = socket.ask("HISTORY", 1, json!({ "topic": "chat:a", "reverse": true })).await;
    let items = page["payload"]["items"].as_array().expect("a page has items");
    assert_eq!(items.len(), 4, "what rows published before their bad ones: {page}");
}

/// E4: a type that is not known and wants no answer gets none.
#[tokio::test]
async fn an_unknown_type_without_an_id_is_skipped() {
    let node = node();
    let mut socket = Socket::json(node.address()).await;
    for silent in [r#"{"type":"DANCE"}"#, r#"{"type":"DANCE","id":0,"payload":{"a":1}}"#, "{}", "", "\n \n"] {
        socket.send_frame(TEXT, silent.as_bytes()).await;
        assert_lives(silent, &mut socket).await;
    }
}

/// E6.
#[tokio::test]
async fn a_binary_message_in_the_json_subprotocol_is_refused_and_the_connection_lives_on() {
    let node = node();
    let mut socket = Socket::json(node.address()).await;
    for payload in [&br#"{"type":"PING","id":7}"#[..], b"", &[0xFF; 300]] {
        socket.send_frame(BINARY, payload).await;
        let error = socket.hear().await;
        assert_eq!((&error["type"], &error["id"]), (&json!("ERROR"), &Value::Null), "{error}");
        assert_error("binary", &error["payload"], 3525, "PROTOCOL_VIOLATION");
        assert_lives("binary", &mut socket).await;
    }
}

/// X4: texts that quote the input are cut.
#[tokio::test]
async fn an_error_does_not_give_a_megabyte_back() {
    let node = node();
    let mut socket = Socket::json(node.address()).await;
    let name = "n".repeat(1_000_000);
    socket.say("SUBSCRIBE", ID, json!({ "topic": "chat:a", name: 1 })).await;
    let error = socket.hear().await;
    assert_error("a long name", &error["payload"], 3502, "UNKNOWN_PARAMETER");
    assert!(error.to_string().len() < 2_000, "{} bytes", error.to_string().len());
    assert_lives("a long name", &mut socket).await;
}
