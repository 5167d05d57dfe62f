//! Bodies that are too large or no text, and requests that break HTTP itself.

use super::http::{CHAT, assert_lives, assert_problem};
use super::node;
use crate::harness::Http;

/// L1, L2: judged by what it announces, or as soon as it has passed the limit.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let node = node();
    let head = |header: &str| format!("POST {CHAT} HTTP/1.1\r\nHost: {}\r\n{header}\r\n\r\n", node.address());
    let announced = head("Content-Length: 1048577").into_bytes();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let chunked = [head("Transfer-Encoding: chunked").into_bytes(), chunk.repeat(17)].concat();
    for (what, bytes) in [("announced", announced), ("in chunks", chunked)] {
        let mut http = Http::connect(node.address()).await;
        // Whatever was not read when the answer came, nobody reads.
        let _ = http.send_bytes(&bytes).await;
        let answer = http.answer().await;
        assert_problem(what, &answer, 413, 3505, "FRAME_TOO_LARGE");
        http.closed().await;
    }
    // A body of exactly the limit is read.
    let mut http = Http::connect(node.address()).await;
    let body = r#"{"data":1}"#;
    let answer = http.ask("POST", CHAT, &[], &(" ".repeat(1_048_576 - body.len()) + body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_lives("a whole mebibyte", &mut http).await;
}

/// H7: what breaks HTTP itself is refused by a status alone and ends the connection: where the next request begins cannot be
/// known. A body that breaks off is that of a request that was understood, and gets its problem.
#[tokio::test]
async fn broken_http_is_refused_and_closes() {
    let node = node();
    let post =
        |headers: &str, body: &str| format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}");
    for (what, request) in [
        ("no request line", "GARBAGE\r\n\r\n".to_owned()),
        ("no host", format!("GET {CHAT} HTTP/1.1\r\n\r\n")),
        ("a hundred headers", format!("GET {CHAT} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(100))),
        ("bytes of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned()),
        ("a header without a colon", format!("GET {CHAT} HTTP/1.1\r\nHost: localhost\r\nnothing\r\n\r\n")),
        (
            "a header of a megabyte",
            format!("GET {CHAT} HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)),
        ),
        ("a length that is no number", post("Content-Length: ten", "")),
        ("a negative length", post("Content-Length: -1", "")),
        ("two lengths", post("Content-Length: 10\r\nContent-Length: 11", r#"{"data":1}"#)),
        ("a length beside chunks", post("Content-Length: 10\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        ("a chunk without a length", post("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n")),
    ] {
        let mut http = Http::connect(node.address()).await;
        let _ = http.send_bytes(request.as_bytes()).await;
        let answer = http.head().await;
        match what {
            "a header of a megabyte" | "a hundred headers" => assert_eq!(answer.status, 431, "{what}"),
            _ => assert_eq!(answer.status, 400, "{what}"),
        }
        let is_bare = answer.header("content-length") == Some("0") && answer.header("content-type").is_none();
        assert_eq!(is_bare, what != "a chunk without a length", "{what}: {answer:?}");
        http.closed().await;
    }
    assert_eq!(Http::once(node.address(), "GET", "/healthz", &[], "").await.status, 200);
}

/// A body that is no UTF-8 cannot be told from JSON by its first byte.
#[tokio::test]
async fn a_body_that_is_no_utf_8_is_malformed() {
    let node = node();
    for body in [&b"{\"data\":\"\xC3\x28\"}"[..], b"\xFF\xFE{\x00}\x00", b"\xEF\xBB\xBF{\"data\":1}"] {
        let mut http = Http::connect(node.address()).await;
        let head = format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        http.send_bytes(&[head.as_bytes(), body].concat()).await.expect("the node reads");
        let answer = http.answer().await;
        assert_problem("no UTF-8", &answer, 400, 3500, "MALFORMED");
        assert_lives("no UTF-8", &mut http).await;
    }
}
