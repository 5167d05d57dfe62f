//! Sessions in JSON: every row is answered under its id, and the connection lives on.

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

/// Envelopes that cannot be read, or say what may not be said.
fn envelopes() -> Vec<Row> {
    let two = |first: &str, second: &str| format!("{first}\n{second}");
    let ping = |id: u32| format!(r#"{{"type":"PING","id":{id}}}"#);
    vec![
        raw("garbage", "}{", 3500, "MALFORMED").without_id(),
        raw("zero bytes", "\0\0\0", 3500, "MALFORMED").without_id(),
        raw("a byte order mark", format!("\u{feff}{}", ping(7)), 3500, "MALFORMED").without_id(),
        raw("a list", "[1,2]", 3500, "MALFORMED").without_id(),
        raw("a list 10,000 levels deep", deep(10_000), 3500, "MALFORMED").without_id(),
        raw("half an object", r#"{"id":7,"type":"PING""#, 3500, "MALFORMED"),
        raw("more behind the object", r#"{"id":7,"type":"PING"} x"#, 3500, "MALFORMED"),
        raw("a member twice", r#"{"id":7,"id":8,"type":"PING"}"#, 3500, "MALFORMED"),
        raw("a type that is a number", r#"{"id":7,"type":16}"#, 3500, "MALFORMED"),
        raw("a payload that is a string", r#"{"id":7,"type":"SUBSCRIBE","payload":"chat:a"}"#, 3500, "MALFORMED"),
        subscribe("a payload 10,000 levels deep", deep(10_000), 3500, "MALFORMED"),
        raw("a negative id", r#"{"id":-1,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id with a fraction", r#"{"id":1.5,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id above 2^53 - 1", r#"{"id":9007199254740992,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id beyond a double", r#"{"id":1e400,"type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an id that is a string", r#"{"id":"7","type":"PING"}"#, 3500, "MALFORMED").without_id(),
        raw("an unknown type", r#"{"id":7,"type":"DANCE"}"#, 3501, "UNKNOWN_TYPE"),
        raw(
            "a type of 100,000 letters",
            format!(r#"{{"id":7,"type":"{}"}}"#, "A".repeat(100_000)),
            3501,
            "UNKNOWN_TYPE",
        ),
        raw("no type", r#"{"id":7}"#, 3501, "UNKNOWN_TYPE"),
        raw("a bad line between good ones", two(&two(&ping(1), "{"), &ping(2)), 3500, "MALFORMED")
            .without_id()
            .beside(["PONG", "PONG"]),
        raw(
            "an id that waits for its answer",
            two(&envelope("PUBLISH", r#"{"topic":"chat:a","data":1}"#), &ping(7)),
            3513,
            "ID_IN_USE",
        )
        .beside(["PUBLISHED"]),
        raw(
            "one request more than may wait at once",
            two(
                &(1..=16)
                    .map(|n| format!(r#"{{"type":"PUBLISH","id":10{n},"payload":{{"topic":"chat:a","data":{n}}}}}"#))
                    .collect::<Vec<_>>()
                    .join("\n"),
                &envelope("PUBLISH", r#"{"topic":"chat:a","data":17}"#),
            ),
            3403,
            "TOO_MANY_REQUESTS_IN_FLIGHT",
        )
        .beside(["PUBLISHED"; 16]),
        request("CONNECT twice", "CONNECT", "{}", 3525, "PROTOCOL_VIOLATION").after("CONNECT", "{}"),
        request("CONNECT behind another request", "CONNECT", "{}", 3525, "PROTOCOL_VIOLATION").after("PING", "{}"),
        request("a token that is a list", "CONNECT", r#"{"token":["a"]}"#, 3500, "MALFORMED"),
        request("an unknown member of PING", "PING", r#"{"at":1}"#, 3502, "UNKNOWN_PARAMETER"),
        request("what only a node says: EVENT", "EVENT", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what only a node says: PONG", "PONG", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what only a node says: GOAWAY", "GOAWAY", "{}", 3525, "PROTOCOL_VIOLATION"),
        request("what is not built: REFRESH", "REFRESH", r#"{"token":"t"}"#, 3519, "NOT_SUPPORTED"),
        request("a view that is not there", "UPDATE_VIEW", r#"{"view":1}"#, 3511, "NO_SUCH_VIEW"),
        request("what is not built: REQUEST", "REQUEST", r#"{"service":"svc:a","data":1}"#, 3519, "NOT_SUPPORTED"),
        request("what is not built: PRESENCE_GET", "PRESENCE_GET", r#"{"topic":"chat:a"}"#, 3519, "NOT_SUPPORTED"),
    ]
}

/// Views and history.
fn reads() -> Vec<Row> {
    let of = |parameter: &str| format!(r#"{{"topic":"chat:a",{parameter}}}"#);
    vec![
        subscribe("no topic", "{}", 3503, "BAD_PARAMETER").with("parameter", "topic"),
        subscribe("an empty topic", r#"{"topic":""}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic with a space", r#"{"topic":"no spaces"}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic beyond ASCII", r#"{"topic":"chat:ä"}"#, 3504, "BAD_TOPIC"),
        subscribe("a topic of 256 bytes", format!(r#"{{"topic":"{}"}}"#, "a".repeat(256)), 3504, "BAD_TOPIC"),
        subscribe("half a character in a topic", r#"{"topic":"\ud800"}"#, 3500, "MALFORMED"),
        subscribe("a topic that is an object", r#"{"topic":{"name":"chat:a"}}"#, 3500, "MALFORMED"),
        subscribe("a topic of the node's own", r#"{"topic":"_node"}"#, 3508, "FORBIDDEN"),
        subscribe("an unknown parameter", of(r#""form":"latest""#), 3502, "UNKNOWN_PARAMETER").with("nearest", "from"),
        subscribe("an unknown equality", of(r#""where.size":1"#), 3502, "UNKNOWN_PARAMETER"),
        subscribe("a parameter like no other", of(r#""foo":1"#), 3502, "UNKNOWN_PARAMETER")
            .with("nearest", Value::Null),
        subscribe("a bad value of an enum", of(r#""from":"yesterday""#), 3503, "BAD_PARAMETER")
            .with("parameter", "from"),
        subscribe("another bad one", of(r#""onGone":"explode""#), 3503, "BAD_PARAMETER").with("parameter", "onGone"),
        subscribe("a limit of none", of(r#""limit":0"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a negative limit", of(r#""limit":-1"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit of a million", of(r#""limit":1000000"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit with a fraction", of(r#""limit":1.5"#), 3503, "BAD_PARAMETER").with("parameter", "limit"),
        subscribe("a limit of 2^64", of(r#""limit":18446744073709551616"#), 3503, "BAD_PARAMETER"),
        subscribe("a duration in parsecs", of(r#""timeout":"5 parsecs""#), 3503, "BAD_PARAMETER"),
        subscribe("a negative duration", of(r#""timeout":-1"#), 3503, "BAD_PARAMETER").with("parameter", "timeout"),
        subscribe("a flag that is a word", of(r#""delta":"perhaps""#), 3503, "BAD_PARAMETER")
            .with("parameter", "delta"),
        subscribe("a version of one part", of(r#""resourceVersion":"6f1c""#), 3503, "BAD_PARAMETER"),
        subscribe("a negative version", of(r#""resourceVersion":"6f1c.-1""#), 3503, "BAD_PARAMETER"),
        subscribe("a version with zeros before it", of(r#""resourceVersion":"6f1c.007""#), 3503, "BAD_PARAMETER"),
        subscribe("a parameter twice", of(r#""limit":1,"limit":2"#), 3500, "MALFORMED"),
        subscribe("a filter under two names", of(r#""filter":"true","selector":"true""#), 3503, "BAD_PARAMETER")
            .with("parameter", "selector"),
        subscribe(
            "a version under two names",
            of(r#""sinceRevision":"1.1","resourceVersion":"1.1""#),
            3503,
            "BAD_PARAMETER",
        )
        .with("parameter", "resourceVersion"),
        subscribe(
            "a beginning under two names",
            of(r#""from":"latest","includeInitialData":false"#),
            3503,
            "BAD_PARAMETER",
        )
        .with("parameter", "includeInitialData"),
        subscribe("a view beside views", of(r#""views":[{"topic":"chat:b"}]"#), 3503, "BAD_PARAMETER"),
        subscribe(
            "1,001 views",
            format!(r#"{{"views":[{}]}}"#, several(1_001, r#"{"topic":"chat:a"}"#)),
            3503,
            "BAD_PARAMETER",
        ),
        subscribe(
            "one view more than a connection may hold",
            format!(r#"{{"views":[{}]}}"#, several(9, r#"{"topic":"chat:a"}"#)),
            3521,
            "TOO_MANY_SUBSCRIPTIONS",
        ),
        subscribe("an equal view", of(r#""from":"latest""#), 3512, "ALREADY_SUBSCRIBED")
            .after("SUBSCRIBE", r#"{"topic":"chat:a","from":"latest"}"#),
        subscribe("a filter that is none", of(r#""filter":"data.n >""#), 3517, "BAD_FILTER"),
        subscribe(
            "a version of another epoch",
            of(r#""resourceVersion":"77aa.3","onGone":"close""#),
            3302,
            "EPOCH_CHANGED",
        )
        .after("PUBLISH", r#"{"topic":"chat:a","data":1}"#),
        request("an unknown view", "UNSUBSCRIBE", r#"{"view":4294967295}"#, 3511, "NO_SUCH_VIEW"),
        request("no view", "UNSUBSCRIBE", "{}", 3511, "NO_SUCH_VIEW"),
        request("a negative view", "UNSUBSCRIBE", r#"{"view":-1}"#, 3503, "BAD_PARAMETER").with("parameter", "view"),
        request("a view beyond 32 bits", "UNSUBSCRIBE", r#"{"view":4294967296}"#, 3503, "BAD_PARAMETER"),
        request("fewer than no events", "GRANT", r#"{"view":1,"events":-1}"#, 3503, "BAD_PARAMETER")
            .with("parameter", "events"),
        request("a misspelt member of HISTORY", "HISTORY", of(r#""befor":"1.1""#), 3502, "UNKNOWN_PARAMETER"),
        request("a page of none", "HISTORY", of(r#""limit":0"#), 3503, "BAD_PARAMETER"),
        request("a page of a million", "HISTORY", of(r#""limit":1000000"#), 3503, "BAD_PARAMETER"),
        request("a bad version of a page", "HISTORY", of(r#""after":"x""#), 3503, "BAD_PARAMETER"),
        request("history without a topic", "HISTORY", "{}", 3504, "BAD_TOPIC"),
    ]
}

/// Publications.
fn writes() -> Vec<Row> {
    let of = |members: &str| format!(r#"{{"topic":"chat:a",{members}}}"#);
    let board = |members: &str| format!(r#"{{"topic":"board:a",{members}}}"#);
    vec![
        publish("nothing to publish", r#"{"topic":"chat:a"}"#, 3503, "BAD_PARAMETER").with("parameter", "data"),
        publish("a topic that is a number", r#"{"topic":5,"data":1}"#, 3500, "MALFORMED"),
        publish("a topic of the node's own", r#"{"topic":"_node","data":1}"#, 3508, "FORBIDDEN"),
        publish("both kinds of data", of(r#""data":1,"dataBase64":"AA==""#), 3503, "BAD_PARAMETER"),
        publish("what is no base64", of(r#""dataBase64":"%%%""#), 3503, "BAD_PARAMETER")
            .with("parameter", "dataBase64"),
        publish("base64 that is a number", of(r#""dataBase64":5"#), 3500, "MALFORMED"),
        publish("JSON that claims to be bytes", of(r#""data":1,"contentType":"bytes""#), 3503, "BAD_PARAMETER"),
        publish("an unknown content type", of(r#""data":1,"contentType":"xml""#), 3503, "BAD_PARAMETER"),
        publish("data 10,000 levels deep", of(&format!(r#""data":{}"#, deep(10_000))), 3500, "MALFORMED"),
        publish("data 65 levels deep", of(&format!(r#""data":{}"#, deep(65))), 3500, "MALFORMED"),
        publish("half a character in data", of(r#""data":"\ud83d""#), 3500, "MALFORMED"),
        publish("the other half in data", of(r#""data":{"a":["\ude00"]}"#), 3500, "MALFORMED"),
        publish("a number beyond a double in data", of(r#""data":1e999"#), 3500, "MALFORMED"),
        publish("a number with a zero before it in data", of(r#""data":{"n":01}"#), 3500, "MALFORMED"),
        publish("data twice", of(r#""data":1,"data":2"#), 3500, "MALFORMED"),
        publish("a misspelt member", of(r#""dta":1"#), 3502, "UNKNOWN_PARAMETER").with("nearest", "data"),
        publish("attributes that are no texts", of(r#""data":1,"attributes":{"n":1}"#), 3500, "MALFORMED"),
        publish("a negative ttl", of(r#""data":1,"ttl":"-1s""#), 3503, "BAD_PARAMETER").with("parameter", "ttl"),
        publish("a time beyond 64 bits", of(r#""data":1,"originTime":1e300"#), 3503, "BAD_PARAMETER"),
        publish("a key in a stream", of(r#""data":1,"key":"k""#), 3520, "WRONG_KIND"),
        publish("a deletion in a stream", of(r#""delete":true,"key":"k""#), 3520, "WRONG_KIND")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1}"#),
        publish("no key in a state topic", board(r#""data":1"#), 3520, "WRONG_KIND"),
        publish("a deletion of no key", board(r#""delete":true"#), 3503, "BAD_PARAMETER").with("parameter", "key"),
        publish("a deletion with data", board(r#""delete":true,"key":"k","data":1"#), 3503, "BAD_PARAMETER"),
        publish("an empty key", board(r#""data":1,"key":"""#), 3503, "BAD_PARAMETER").with("parameter", "key"),
        publish(
            "a key of 1,025 bytes",
            board(&format!(r#""data":1,"key":"{}""#, "k".repeat(1_025))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("ifVersion of what is not there", of(r#""data":1,"ifVersion":"6f1c.5""#), 3514, "VERSION_CONFLICT"),
        publish("ifVersion that is no version", of(r#""data":1,"ifVersion":"x""#), 3503, "BAD_PARAMETER"),
        publish("another body under a key", of(r#""data":2,"idempotencyKey":"once""#), 3516, "IDEMPOTENCY_MISMATCH")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1,"idempotencyKey":"once"}"#),
        publish("an empty idempotency key", of(r#""data":1,"idempotencyKey":"""#), 3503, "BAD_PARAMETER"),
        publish(
            "an idempotency key of 256 bytes",
            of(&format!(r#""data":1,"idempotencyKey":"{}""#, "k".repeat(256))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("a sequence that skips", of(r#""data":1,"producer":{"id":"p","sequence":9}"#), 3515, "OUT_OF_SEQUENCE")
            .after("PUBLISH", r#"{"topic":"chat:a","data":1,"producer":{"id":"p","sequence":5}}"#)
            .with("expected", 6),
        publish(
            "another body under a sequence",
            of(r#""data":2,"producer":{"id":"q","sequence":5}"#),
            3516,
            "IDEMPOTENCY_MISMATCH",
        )
        .after("PUBLISH", r#"{"topic":"chat:a","data":1,"producer":{"id":"q","sequence":5}}"#),
        publish("a negative sequence", of(r#""data":1,"producer":{"id":"p","sequence":-1}"#), 3503, "BAD_PARAMETER")
            .with("parameter", "sequence"),
        publish("a producer without a name", of(r#""data":1,"producer":{"sequence":1}"#), 3503, "BAD_PARAMETER"),
        publish(
            "more than a publication may have",
            r#"{"topic":"small:a","data":"0123456789012345678901234567890123456789012345678901234567890123456789"}"#,
            3506,
            "PUBLICATION_TOO_LARGE",
        ),
        publish("an empty batch", of(r#""publications":[]"#), 3503, "BAD_PARAMETER"),
        publish(
            "a batch of 1,001",
            of(&format!(r#""publications":[{}]"#, several(1_001, r#"{"data":1}"#))),
            3503,
            "BAD_PARAMETER",
        ),
        publish("a batch beside a publication", of(r#""data":1,"publications":[{"data":2}]"#), 3503, "BAD_PARAMETER"),
        publish("a bad one in a batch", of(r#""publications":[{"data":1},{"data":2,"key":"k"}]"#), 3520, "WRONG_KIND"),
    ]
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
    run(envelopes().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// V6, V8, W1 to W5, W19, L7.
#[tokio::test]
async fn a_bad_read_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(reads().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// P1, P3, P4, P6 to P9, P12, L4, L5.
#[tokio::test]
async fn a_bad_publication_is_refused_and_the_connection_lives_on() {
    let node = node();
    run(writes().into_iter().map(|row| (row.what, check(node.address(), row)))).await;
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
