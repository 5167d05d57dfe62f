//! HTTP: every row is answered by a problem document, and the connection lives on, except where HTTP itself was broken
//! or a body was not read to its end.

use std::net::SocketAddr;

use super::{assert_error, node, run};
use crate::harness::Http;
use crate::harness::http::Answer;

/// One row.
struct Row {
    what: &'static str,
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// A body that is published to the same target first.
    before: Option<&'static str>,
    status: u16,
    number: u16,
    name: &'static str,
    /// A further member of the problem.
    member: Option<(&'static str, &'static str)>,
    /// The answer comes before the body was read, and says that it is the last one.
    closes: bool,
}

const BOARD: &str = "/v1/topics/board:a";
pub(super) const CHAT: &str = "/v1/topics/chat:a";
const SMALL: &str = "/v1/topics/small:a";
const SSE: (&str, &str) = ("Accept", "text/event-stream");

fn row(
    method: &'static str,
    what: &'static str,
    target: impl Into<String>,
    status: u16,
    number: u16,
    name: &'static str,
) -> Row {
    let (target, headers, body) = (target.into(), Vec::new(), String::new());
    Row { what, method, target, headers, body, before: None, status, number, name, member: None, closes: false }
}

fn get(what: &'static str, target: impl Into<String>, status: u16, number: u16, name: &'static str) -> Row {
    row("GET", what, target, status, number, name)
}

/// A publish.
fn post(
    what: &'static str,
    target: &str,
    body: impl Into<String>,
    status: u16,
    number: u16,
    name: &'static str,
) -> Row {
    Row { body: body.into(), ..row("POST", what, target, status, number, name) }
}

impl Row {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As an event stream.
    fn sse(self) -> Self {
        self.header(SSE.0, SSE.1)
    }

    fn after(self, body: &'static str) -> Self {
        Self { before: Some(body), ..self }
    }

    fn closes(self) -> Self {
        Self { closes: true, ..self }
    }

    fn with(self, member: &'static str, value: &'static str) -> Self {
        Self { member: Some((member, value)), ..self }
    }
}

fn chat(query: &str) -> String {
    format!("{CHAT}?{query}")
}

fn watch(query: &str) -> String {
    format!("{CHAT}?watch=true&{query}")
}

/// Routes, methods, and what this node does not serve yet.
fn routes() -> Vec<Row> {
    vec![
        get("an unknown route", "/v1/nowhere", 404, 3509, "NOT_FOUND"),
        get("no topic", "/v1/topics/", 404, 3509, "NOT_FOUND"),
        get("a path that climbs", "/v1/topics/../../etc/passwd", 404, 3509, "NOT_FOUND"),
        get("a page that is not there", "/demo/nothing/here.html", 404, 3509, "NOT_FOUND"),
        row("PUT", "a method that no route takes", CHAT, 405, 3510, "METHOD_NOT_ALLOWED"),
        row("BREW", "a method that nobody knows", CHAT, 405, 3510, "METHOD_NOT_ALLOWED"),
        row("POST", "a method of another route", "/v1/topics", 405, 3510, "METHOD_NOT_ALLOWED"),
        row("DELETE", "a method of no use there", "/healthz", 405, 3510, "METHOD_NOT_ALLOWED"),
        get("a page of a foreign origin", CHAT, 403, 3526, "ORIGIN_NOT_ALLOWED")
            .header("Origin", "https://evil.example"),
        get("a name that was bent here", CHAT, 403, 3526, "ORIGIN_NOT_ALLOWED").header("Host", "evil.example:8000"),
        get("a topic twice", "/v1/watch?topic=chat:a&topic=chat:a", 422, 3503, "BAD_PARAMETER"),
        get("presence, not built", "/v1/topics/chat:a/presence", 501, 3519, "NOT_SUPPORTED"),
        get("the description, not built", "/v1/openapi.json", 501, 3519, "NOT_SUPPORTED"),
        get("a document's form, not built", chat("as=text"), 501, 3519, "NOT_SUPPORTED"),
        post("services, not built", "/v1/services/svc:echo", "{}", 501, 3519, "NOT_SUPPORTED").closes(),
        post("tickets, not built", "/v1/tickets", "", 501, 3519, "NOT_SUPPORTED"),
        post("a session that is not there", "/v1/sse/1.0", "", 404, 3007, "NO_SUCH_SESSION"),
        row("DELETE", "a topic that is not there", "/v1/topics/chat:nowhere", 404, 3509, "NOT_FOUND"),
    ]
}

/// Reading.
fn reads() -> Vec<Row> {
    let long = "a".repeat(256);
    vec![
        get("a misspelt parameter", chat("limt=1"), 422, 3502, "UNKNOWN_PARAMETER").with("nearest", "limit"),
        get("a parameter of watches", chat("timeout=1s"), 422, 3503, "BAD_PARAMETER").with("parameter", "timeout"),
        get("a parameter twice", chat("limit=1&limit=1"), 422, 3503, "BAD_PARAMETER").with("parameter", "limit"),
        get("a limit of none", chat("limit=0"), 422, 3503, "BAD_PARAMETER").with("parameter", "limit"),
        get("a negative limit", chat("limit=-1"), 422, 3503, "BAD_PARAMETER").with("parameter", "limit"),
        get("a limit with a sign", chat("limit=%2B1"), 422, 3503, "BAD_PARAMETER").with("parameter", "limit"),
        get("a limit with a fraction", chat("limit=1.5"), 422, 3503, "BAD_PARAMETER").with("parameter", "limit"),
        get("a limit of 2^64", chat("limit=18446744073709551616"), 422, 3503, "BAD_PARAMETER"),
        get("a consistency of another world", chat("consistency=eventual"), 422, 3503, "BAD_PARAMETER"),
        get("a page that nobody gave", chat("continue=AAAA"), 422, 3503, "BAD_PARAMETER").with("parameter", "continue"),
        get("an escape that ends early", chat("limit=%3"), 400, 3500, "MALFORMED"),
        get("an escape that is no number", chat("limit=%zz"), 400, 3500, "MALFORMED"),
        get("an escape of half a character", chat("limit=%c3"), 400, 3500, "MALFORMED"),
        get("a topic with a space", "/v1/topics/no%20spaces", 400, 3504, "BAD_TOPIC"),
        get("a topic with a slash", "/v1/topics/a%2Fb", 400, 3504, "BAD_TOPIC"),
        get("a topic with a line feed", "/v1/topics/a%0Ab", 400, 3504, "BAD_TOPIC"),
        get("a topic that is encoded twice", "/v1/topics/a%2561", 400, 3504, "BAD_TOPIC"),
        get("a topic that is no UTF-8", "/v1/topics/%ff", 400, 3504, "BAD_TOPIC"),
        get("a topic of 256 bytes", format!("/v1/topics/{long}"), 400, 3504, "BAD_TOPIC"),
        get("a topic of the node's own", "/v1/topics/_node", 403, 3508, "FORBIDDEN"),
        get("history behind no version", format!("{CHAT}/history?after=x"), 422, 3503, "BAD_PARAMETER"),
        get("history in no direction", format!("{CHAT}/history?reverse=maybe"), 422, 3503, "BAD_PARAMETER"),
        get("a page of a million", format!("{CHAT}/history?limit=1000000"), 422, 3503, "BAD_PARAMETER"),
        get("history with a misspelt parameter", format!("{CHAT}/history?befor=1"), 422, 3502, "UNKNOWN_PARAMETER"),
        get("history of another epoch", format!("{CHAT}/history?after=77aa.3"), 409, 3302, "EPOCH_CHANGED")
            .after(r#"{"data":1}"#),
        get("a list that begins with no name", "/v1/topics?prefix=a%20b", 422, 3503, "BAD_PARAMETER"),
        get("the node's own topics", "/v1/topics?prefix=_", 422, 3503, "BAD_PARAMETER").with("parameter", "prefix"),
        get("a list from nowhere", "/v1/topics?continue=%21", 422, 3503, "BAD_PARAMETER"),
        get("a list of a million", "/v1/topics?limit=1000000", 422, 3503, "BAD_PARAMETER"),
    ]
}

/// Watching: refused before the first byte of a stream, over either form alike.
fn watches() -> Vec<Row> {
    vec![
        get("a flag that is none", chat("watch=perhaps"), 422, 3503, "BAD_PARAMETER").with("parameter", "watch"),
        row("HEAD", "the head of a stream", watch(""), 405, 3510, "METHOD_NOT_ALLOWED"),
        get("a misspelt parameter", watch("form=latest"), 422, 3502, "UNKNOWN_PARAMETER").with("nearest", "from"),
        get("a misspelt parameter over SSE", watch("form=latest"), 422, 3502, "UNKNOWN_PARAMETER").sse(),
        get("a second topic", watch("topic=chat:b"), 422, 3503, "BAD_PARAMETER").with("parameter", "topic"),
        get("two names of one parameter", watch("resourceVersion=1.1&lastEventId=1.1"), 422, 3503, "BAD_PARAMETER"),
        get("a bad topic", "/v1/topics/no%20spaces?watch=true", 400, 3504, "BAD_TOPIC"),
        get("a bad topic over SSE", "/v1/topics/no%20spaces?watch=true", 400, 3504, "BAD_TOPIC").sse(),
        get("a topic of the node's own over SSE", "/v1/topics/_node?watch=true", 403, 3508, "FORBIDDEN").sse(),
        get("a bad start over SSE", watch("from=yesterday"), 422, 3503, "BAD_PARAMETER").sse(),
        get("a bad version", watch("resourceVersion=-1"), 422, 3503, "BAD_PARAMETER"),
        get("a bad Last-Event-ID", watch(""), 422, 3503, "BAD_PARAMETER").header("Last-Event-ID", "garbage"),
        get("a bad Last-Event-ID over SSE", watch(""), 422, 3503, "BAD_PARAMETER")
            .sse()
            .header("Last-Event-ID", "1.-1"),
        get("two of them", watch(""), 422, 3503, "BAD_PARAMETER")
            .sse()
            .header("Last-Event-ID", "1.1")
            .header("Last-Event-ID", "1.2"),
        get("an endless poll", watch("timeout=1000h"), 422, 3503, "BAD_PARAMETER").with("parameter", "timeout"),
        get("a negative poll", watch("timeout=-1s"), 422, 3503, "BAD_PARAMETER").with("parameter", "timeout"),
        get("a filter that is none", watch("filter=data.n%3E"), 422, 3517, "BAD_FILTER").with("parameter", "filter"),
        get("an unknown function, over SSE", watch("filter=nosuch(key)"), 422, 3517, "BAD_FILTER").sse(),
        get("patches of nothing", watch("delta=true&from=latest"), 422, 3503, "BAD_PARAMETER")
            .with("parameter", "delta"),
        get("a version of another epoch", watch("resourceVersion=77aa.3"), 409, 3302, "EPOCH_CHANGED")
            .after(r#"{"data":1}"#),
        get("the same over SSE", watch("resourceVersion=77aa.3&onGone=close"), 409, 3302, "EPOCH_CHANGED")
            .sse()
            .after(r#"{"data":1}"#),
    ]
}

/// Publishing.
fn writes() -> Vec<Row> {
    let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
    let batch = |count| vec![r#"{"data":1}"#; count].join(",");
    vec![
        post("no body", CHAT, "", 400, 3500, "MALFORMED"),
        post("a body that is no JSON", CHAT, "text=hi", 400, 3500, "MALFORMED"),
        post("a body that is a list", CHAT, "[1]", 400, 3500, "MALFORMED"),
        post("half a body", CHAT, r#"{"data":{"#, 400, 3500, "MALFORMED"),
        post("two bodies", CHAT, r#"{"data":1}{"data":2}"#, 400, 3500, "MALFORMED"),
        post("a body 10,000 levels deep", CHAT, deep(10_000), 400, 3500, "MALFORMED"),
        post("data 10,000 levels deep", CHAT, format!(r#"{{"data":{}}}"#, deep(10_000)), 400, 3500, "MALFORMED"),
        post("half a character", CHAT, r#"{"data":"\ud800"}"#, 400, 3500, "MALFORMED"),
        post("data twice", CHAT, r#"{"data":1,"data":2}"#, 400, 3500, "MALFORMED"),
        post("nothing to publish", CHAT, "{}", 422, 3503, "BAD_PARAMETER").with("parameter", "data"),
        post("both kinds of data", CHAT, r#"{"data":1,"dataBase64":"AA=="}"#, 422, 3503, "BAD_PARAMETER"),
        post("what is no base64", CHAT, r#"{"dataBase64":"%"}"#, 422, 3503, "BAD_PARAMETER"),
        post("a misspelt member", CHAT, r#"{"dta":1}"#, 422, 3502, "UNKNOWN_PARAMETER").with("nearest", "data"),
        post("another topic in the body", CHAT, r#"{"topic":"chat:b","data":1}"#, 422, 3503, "BAD_PARAMETER"),
        post("a parameter in the query", "/v1/topics/chat:a?key=k", r#"{"data":1}"#, 422, 3502, "UNKNOWN_PARAMETER")
            .closes(),
        post("a batch of 1,001", CHAT, format!(r#"{{"publications":[{}]}}"#, batch(1_001)), 422, 3503, "BAD_PARAMETER"),
        post("an empty batch", CHAT, r#"{"publications":[]}"#, 422, 3503, "BAD_PARAMETER"),
        post("a bad topic", "/v1/topics/a%20b", r#"{"data":1}"#, 400, 3504, "BAD_TOPIC").closes(),
        post("a topic of the node's own", "/v1/topics/_node", r#"{"data":1}"#, 403, 3508, "FORBIDDEN").closes(),
        post("a key in a stream", CHAT, r#"{"data":1,"key":"k"}"#, 422, 3520, "WRONG_KIND"),
        post("no key in a state topic", BOARD, r#"{"data":1}"#, 422, 3520, "WRONG_KIND"),
        post("a deletion of no key", BOARD, r#"{"delete":true}"#, 422, 3503, "BAD_PARAMETER").with("parameter", "key"),
        post(
            "ifVersion of what is not there",
            BOARD,
            r#"{"data":1,"key":"k","ifVersion":"1.1"}"#,
            412,
            3514,
            "VERSION_CONFLICT",
        )
        .with("current", "0.0"),
        post(
            "a sequence that skips",
            CHAT,
            r#"{"data":1,"producer":{"id":"p","sequence":9}}"#,
            409,
            3515,
            "OUT_OF_SEQUENCE",
        )
        .after(r#"{"data":1,"producer":{"id":"p","sequence":5}}"#),
        post("another body under a key", CHAT, r#"{"data":2,"idempotencyKey":"k"}"#, 422, 3516, "IDEMPOTENCY_MISMATCH")
            .after(r#"{"data":1,"idempotencyKey":"k"}"#),
        post("another key in the header", CHAT, r#"{"data":1,"idempotencyKey":"k"}"#, 422, 3503, "BAD_PARAMETER")
            .header("Idempotency-Key", "l"),
        post("an empty key in the header", CHAT, r#"{"data":1}"#, 422, 3503, "BAD_PARAMETER")
            .header("Idempotency-Key", ""),
        post("two keys in headers", CHAT, r#"{"data":1}"#, 422, 3503, "BAD_PARAMETER")
            .header("Idempotency-Key", "a")
            .header("Idempotency-Key", "b"),
        post("a key of 256 bytes in the header", CHAT, r#"{"data":1}"#, 422, 3503, "BAD_PARAMETER")
            .header("Idempotency-Key", "k".repeat(256)),
        post(
            "more than a publication may have",
            SMALL,
            format!(r#"{{"data":"{}"}}"#, "x".repeat(70)),
            413,
            3506,
            "PUBLICATION_TOO_LARGE",
        ),
        post("a compressed body", CHAT, "x", 415, 3530, "UNSUPPORTED_MEDIA_TYPE")
            .header("Content-Encoding", "gzip")
            .closes(),
        row("DELETE", "a key of a stream", "/v1/topics/chat:a?key=k", 422, 3520, "WRONG_KIND"),
        row("DELETE", "a misspelt parameter", "/v1/topics/board:a?kee=k", 422, 3502, "UNKNOWN_PARAMETER")
            .with("nearest", "key"),
    ]
}

async fn check(address: SocketAddr, row: Row) {
    let mut http = Http::connect(address).await;
    if let Some(before) = row.before {
        let answer = http.ask("POST", CHAT, &[], before).await;
        assert_eq!(answer.status, 200, "{}: what comes before: {}", row.what, answer.text());
    }
    let headers: Vec<_> = row.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = http.ask(row.method, &row.target, &headers, &row.body).await;
    if row.method == "HEAD" {
        // There is no body to look into.
        assert_eq!(answer.status, row.status, "{}", row.what);
        return assert_lives(row.what, &mut http).await;
    }
    assert_problem(row.what, &answer, row.status, row.number, row.name);
    if let Some((member, value)) = row.member {
        assert_eq!(answer.json()[member], value, "{}: {}", row.what, answer.text());
    }
    if row.status == 405 {
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{}: {answer:?}", row.what);
    }
    if row.closes {
        assert_eq!(answer.header("connection"), Some("close"), "{}: {answer:?}", row.what);
        http.closed().await;
    } else {
        assert_lives(row.what, &mut http).await;
    }
}

/// H7.
#[track_caller]
pub(super) fn assert_problem(what: &str, answer: &Answer, status: u16, number: u16, name: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    // H8.
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{what}: {problem}");
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: `{member}` of {problem}");
    }
    assert_error(what, &problem, number, name);
}

pub(super) async fn assert_lives(what: &str, http: &mut Http) {
    let answer = http.ask("GET", "/healthz", &[], "").await;
    assert_eq!(answer.status, 200, "{what}: the next request: {answer:?}");
}

async fn run_all(rows: Vec<Row>) {
    let node = node();
    run(rows.into_iter().map(|row| (row.what, check(node.address(), row)))).await;
}

/// H7, H9.
#[tokio::test]
async fn what_is_not_served_is_a_problem_and_the_connection_lives_on() {
    run_all(routes()).await;
}

/// W2, V6, V8, H1, H6.
#[tokio::test]
async fn a_bad_read_is_a_problem_and_the_connection_lives_on() {
    run_all(reads()).await;
}

/// W2 to W4, W11, V8, H2, H3.
#[tokio::test]
async fn a_bad_watch_is_a_problem_and_the_connection_lives_on() {
    run_all(watches()).await;
}

/// P1, P3, P4, P6 to P9, P12, H4, H5, L4, L5.
#[tokio::test]
async fn a_bad_publication_is_a_problem_and_the_connection_lives_on() {
    run_all(writes()).await;
}

/// V5, H7: what has to wait is told for how long.
#[tokio::test]
async fn a_version_of_the_future_is_told_when_to_come_back() {
    let node = node();
    let mut http = Http::connect(node.address()).await;
    let published = http.ask("POST", CHAT, &[], r#"{"data":1}"#).await.json();
    let current = published["resourceVersion"].as_str().expect("a version is a string");
    let (epoch, _) = current.split_once('.').expect("EPOCH.OFFSET");
    let answer = http.ask("GET", &watch(&format!("resourceVersion={epoch}.99")), &[], "").await;
    assert_problem("the future", &answer, 503, 3401, "VERSION_AHEAD");
    assert_eq!(answer.json()["current"], current);
    let seconds = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{answer:?}");
    assert_lives("the future", &mut http).await;
}
