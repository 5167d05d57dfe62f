//! WebSocket handshakes that are refused: an HTTP answer with a problem, and no WebSocket.

use super::{assert_error, node, run};
use crate::harness::{Http, Node, Socket};

const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
const CONNECTION: (&str, &str) = ("Connection", "Upgrade");
const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("Sec-WebSocket-Version", "13");

/// A row: method, target, headers; status and code.
type Row = (&'static str, &'static str, &'static str, Vec<(&'static str, &'static str)>, u16, u16, &'static str);

fn with(header: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    vec![UPGRADE, CONNECTION, KEY, VERSION, header]
}

fn rows() -> Vec<Row> {
    let whole = || vec![UPGRADE, CONNECTION, KEY, VERSION];
    let unknown = with(("Sec-WebSocket-Protocol", "chat, superchat"));
    let old = vec![UPGRADE, CONNECTION, KEY, ("Sec-WebSocket-Version", "8")];
    vec![
        ("no handshake at all", "GET", "/v1/ws", vec![], 400, 3500, "MALFORMED"),
        ("no `Connection: Upgrade`", "GET", "/v1/ws", vec![UPGRADE, KEY, VERSION], 400, 3500, "MALFORMED"),
        ("no key", "GET", "/v1/ws", vec![UPGRADE, CONNECTION, VERSION], 400, 3500, "MALFORMED"),
        ("no version", "GET", "/v1/ws", vec![UPGRADE, CONNECTION, KEY], 400, 3500, "MALFORMED"),
        ("a version of 2010", "GET", "/v1/ws", old, 400, 3500, "MALFORMED"),
        ("POST", "POST", "/v1/ws", whole(), 400, 3500, "MALFORMED"),
        ("another upgrade", "GET", "/v1/ws", vec![("Upgrade", "irc"), CONNECTION], 400, 3500, "MALFORMED"),
        ("an unknown path", "GET", "/v1/wss", whole(), 404, 3509, "NOT_FOUND"),
        ("a topic's path", "GET", "/v1/topics/chat:a", whole(), 404, 3509, "NOT_FOUND"),
        ("a path that is not built", "GET", "/v1/yjs/doc:a", whole(), 501, 3519, "NOT_SUPPORTED"),
        ("parameters without a topic", "GET", "/v1/ws?fields=n", whole(), 422, 3503, "BAD_PARAMETER"),
        ("a filter that is none", "GET", "/v1/ws?topic=chat:a&filter=data.n+%3E", whole(), 422, 3517, "BAD_FILTER"),
        (
            "a foreign origin",
            "GET",
            "/v1/ws",
            with(("Origin", "https://evil.example")),
            403,
            3526,
            "ORIGIN_NOT_ALLOWED",
        ),
        ("an origin of no page", "GET", "/v1/ws", with(("Origin", "null")), 403, 3526, "ORIGIN_NOT_ALLOWED"),
        ("a name that was bent here", "GET", "/v1/ws", with(("Host", "evil.example")), 403, 3526, "ORIGIN_NOT_ALLOWED"),
        ("unknown subprotocols", "GET", "/v1/ws", unknown, 406, 3531, "NOT_ACCEPTABLE"),
    ]
}

/// E6, S10; threat 1.
#[tokio::test]
async fn a_bad_handshake_is_refused_with_a_problem() {
    let node = node();
    let rows = rows().into_iter().map(|(what, method, target, headers, status, number, name)| {
        let address = node.address();
        let check = async move {
            let answer = Http::once(address, method, target, &headers, "").await;
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
            let problem = answer.json();
            assert_eq!(problem["status"], status, "{what}");
            assert_error(what, &problem, number, name);
        };
        (what, check)
    });
    run(rows).await;
}

/// RFC 6455, 4.4: a client of another version is told which one is spoken.
#[tokio::test]
async fn another_version_of_websocket_is_told_the_one_that_is_spoken() {
    let node = node();
    let headers = [UPGRADE, CONNECTION, KEY, ("Sec-WebSocket-Version", "8")];
    let answer = Http::once(node.address(), "GET", "/v1/ws", &headers, "").await;
    assert_eq!(answer.header("sec-websocket-version"), Some("13"), "{answer:?}");
}

/// E6: the first known subprotocol of those offered is taken and echoed.
#[tokio::test]
async fn of_several_subprotocols_the_first_known_one_is_taken() {
    let node = node();
    for (offered, echoed) in [
        ("", None),
        ("Sec-WebSocket-Protocol: fanfare.v1.json\r\n", Some("fanfare.v1.json")),
        ("Sec-WebSocket-Protocol: chat, fanfare.v1.protobuf, fanfare.v1.json\r\n", Some("fanfare.v1.protobuf")),
        ("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: fanfare.v1.json\r\n", Some("fanfare.v1.json")),
    ] {
        let (head, _) = Socket::handshake(node.address(), "/v1/ws", offered).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{offered}: {head}");
        let head = head.to_ascii_lowercase();
        let echo = head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
        assert_eq!(echo, echoed, "{offered}");
        // RFC 6455, 1.3: the answer to its sample key.
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    }
}

/// L7.
#[tokio::test]
async fn one_connection_more_than_may_be_open_is_told_to_wait() {
    let node = Node::with(&[], "[limits]\nconnections_max = 2\n");
    let first = Socket::json(node.address()).await;
    let second = Socket::json(node.address()).await;
    let mut third = Http::connect(node.address()).await;
    let headers = [UPGRADE, CONNECTION, KEY, VERSION];
    let answer = third.ask("GET", "/v1/ws", &headers, "").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_error("full", &answer.json(), 3404, "TOO_MANY_CONNECTIONS");
    let seconds: u64 = answer.header("retry-after").expect("a slot").parse().expect("whole seconds");
    assert!((1..=6).contains(&seconds), "{seconds}");
    drop((first, second));
}
