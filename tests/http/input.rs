//! Bad input: each gets its code, and the next request is answered.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{get, head_and_body, publish, raw, send};
use crate::harness::{Node, PATIENCE};

const TOPIC: &str = "/v1/topics/chat:a";

#[tokio::test]
async fn bad_requests_get_their_code() {
    let node = Node::start();
    let head = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let epoch = head.split_once('.').unwrap().0;
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(65), "]".repeat(65));
    let long = "x".repeat(256);
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(300_000));
    let many = json!({ "publications": vec![json!({ "data": 0 }); 1_001] }).to_string();
    let get = |path: &str, status: u16, code: &'static str| (Method::GET, path.to_owned(), String::new(), status, code);
    let post =
        |body: &str, status: u16, code: &'static str| (Method::POST, TOPIC.to_owned(), body.to_owned(), status, code);
    let cases = [
        get("/v1/topics/a%20b", 400, "BAD_TOPIC"),
        get("/v1/topics/a%2Fb", 400, "BAD_TOPIC"),
        get("/v1/topics/%2541", 400, "BAD_TOPIC"),
        get("/v1/topics/%C3%A4", 400, "BAD_TOPIC"),
        get("/v1/topics/%FF", 400, "BAD_TOPIC"),
        get("/v1/topics/a%00", 400, "BAD_TOPIC"),
        get(&format!("/v1/topics/{long}"), 400, "BAD_TOPIC"),
        get("/v1/topics/_sys", 403, "FORBIDDEN"),
        get("/v1/topics/", 404, "NOT_FOUND"),
        get("/v1/topics/a/b", 404, "NOT_FOUND"),
        get("/v2/topics/a", 404, "NOT_FOUND"),
        get("/none", 404, "NOT_FOUND"),
        get("/v1/ws", 400, "MALFORMED"),
        get("/v1/topics/chat:a?limt=1", 422, "UNKNOWN_PARAMETER"),
        get("/v1/topics/chat:a?limit=0", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=-1", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=1.5", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=1001", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=99999999999999999999", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=1&limit=2", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?limit=%", 400, "MALFORMED"),
        get("/v1/topics/chat:a?limit=%zz", 400, "MALFORMED"),
        get("/v1/topics/chat:a?x=%FF", 400, "MALFORMED"),
        get("/v1/topics/chat:a?continue=nonsense", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?consistency=eventual", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?as=text", 501, "NOT_SUPPORTED"),
        get("/v1/topics/chat:a?watch=maybe", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?resourceVersion=1.1", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&resourceVersion=1042", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&resourceVersion=A.1", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&resourceVersion=1.-1", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&resourceVersion=1.99999999999999999999", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&resourceVersion=1.1&sinceRevision=1.2", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&from=yesterday", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&onGone=retry", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&timeout=-1s", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&timeout=2h", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&limit=1001", 422, "BAD_PARAMETER"),
        get("/v1/watch?topic=chat:a&limit=1001", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&topic=chat:b", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&fitler=x", 422, "UNKNOWN_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&filter=data.n+%3E", 422, "BAD_FILTER"),
        get("/v1/topics/chat:a?watch=true&delta=true&from=latest", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a?watch=true&presence=true", 501, "NOT_SUPPORTED"),
        get("/v1/topics/chat:a?watch=true&ticket=t", 501, "NOT_SUPPORTED"),
        get("/v1/watch?topic=chat:a&ticket=t", 501, "NOT_SUPPORTED"),
        get("/v1/topics/chat:a/history?after=x", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a/history?reverse=1", 422, "BAD_PARAMETER"),
        get("/v1/topics/chat:a/history?aftr=1.1", 422, "UNKNOWN_PARAMETER"),
        get("/v1/topics/chat:a/history?after=7.1", 409, "EPOCH_CHANGED"),
        get(&format!("/v1/topics/chat:a/history?after={epoch}.9"), 503, "VERSION_AHEAD"),
        get("/v1/topics?prefix=a%20b", 422, "BAD_PARAMETER"),
        get("/v1/topics?prefix=_", 422, "BAD_PARAMETER"),
        get("/v1/topics?continue=AQ", 422, "BAD_PARAMETER"),
        get("/v1/topics?pre=a", 422, "UNKNOWN_PARAMETER"),
        get("/v1/topics/chat:a/presence", 501, "NOT_SUPPORTED"),
        get("/v1/watch?topic=a&topic=a", 422, "BAD_PARAMETER"),
        get("/v1/watch", 422, "BAD_PARAMETER"),
        get("/v1/yjs/doc:a", 501, "NOT_SUPPORTED"),
        get("/v1/openapi.json", 501, "NOT_SUPPORTED"),
        get("/v1/admin/nodes", 501, "NOT_SUPPORTED"),
        post("", 400, "MALFORMED"),
        post("hello", 400, "MALFORMED"),
        post("[]", 400, "MALFORMED"),
        post("{\"data\":1}x", 400, "MALFORMED"),
        post("{\"data\":tru}", 400, "MALFORMED"),
        post("{\"data\":\"\\ud800\"}", 400, "MALFORMED"),
        post(&deep, 400, "MALFORMED"),
        post("{}", 422, "BAD_PARAMETER"),
        post("{\"publications\":[]}", 422, "BAD_PARAMETER"),
        post("{\"dta\":1}", 422, "UNKNOWN_PARAMETER"),
        post("{\"data\":1,\"topic\":\"chat:b\"}", 422, "BAD_PARAMETER"),
        post("{\"dataBase64\":\"!\"}", 422, "BAD_PARAMETER"),
        post("{\"data\":1,\"ttl\":-1}", 422, "BAD_PARAMETER"),
        post("{\"data\":1,\"ifVersion\":\"x\"}", 422, "BAD_PARAMETER"),
        post("{\"data\":1,\"ifVersion\":\"7.1\"}", 412, "VERSION_CONFLICT"),
        post("{\"data\":1,\"key\":\"a\"}", 422, "WRONG_KIND"),
        post("{\"data\":1,\"producer\":{\"id\":\"p\",\"sequence\":-1}}", 422, "BAD_PARAMETER"),
        post(&large, 413, "PUBLICATION_TOO_LARGE"),
        post(&many, 422, "BAD_PARAMETER"),
        (Method::POST, format!("{TOPIC}?key=a"), "{\"data\":1}".to_owned(), 422, "UNKNOWN_PARAMETER"),
        (Method::POST, "/v1/services/svc:a".to_owned(), "1".to_owned(), 501, "NOT_SUPPORTED"),
        (Method::POST, "/v1/tickets".to_owned(), String::new(), 501, "NOT_SUPPORTED"),
        (Method::POST, "/v1/sse?ticket=t".to_owned(), String::new(), 501, "NOT_SUPPORTED"),
        (Method::POST, "/v1/sse/1.0".to_owned(), String::new(), 404, "NO_SUCH_SESSION"),
        (Method::GET, "/v1/sse".to_owned(), String::new(), 405, "METHOD_NOT_ALLOWED"),
        (Method::PUT, TOPIC.to_owned(), String::new(), 405, "METHOD_NOT_ALLOWED"),
        (Method::OPTIONS, TOPIC.to_owned(), String::new(), 405, "METHOD_NOT_ALLOWED"),
        (Method::POST, "/v1/topics".to_owned(), String::new(), 405, "METHOD_NOT_ALLOWED"),
        (Method::DELETE, "/healthz".to_owned(), String::new(), 405, "METHOD_NOT_ALLOWED"),
        (Method::DELETE, "/v1/topics/chat:none".to_owned(), String::new(), 404, "NOT_FOUND"),
        (Method::DELETE, format!("{TOPIC}?key=a"), String::new(), 422, "WRONG_KIND"),
        (Method::DELETE, format!("{TOPIC}?ky=a"), String::new(), 422, "UNKNOWN_PARAMETER"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = send(&node, method.clone(), &path, &[], &body).await;
        let asked = format!("{method} {path} {}", &body[..body.len().min(60)]);
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{asked}: {answer:?}");
        if status == 405 {
            assert!(!answer.header("allow").is_empty(), "{asked}");
        }
        if code == "UNKNOWN_PARAMETER" && path != format!("{TOPIC}?key=a") {
            assert!(answer.json()["nearest"].is_string(), "{asked}: {answer:?}");
        }
    }
    let after = self::get(&node, TOPIC).await;
    assert_eq!((after.status, &after.json()["resourceVersion"]), (StatusCode::OK, &json!(head)));
}

#[tokio::test]
async fn bad_headers_get_their_code() {
    let node = Node::start();
    let long = "k".repeat(256);
    for (path, header, status, code) in [
        ("/v1/topics/chat:a?watch=true", ("last-event-id", "x"), 422, "BAD_PARAMETER"),
        (TOPIC, ("idempotency-key", ""), 422, "BAD_PARAMETER"),
        (TOPIC, ("idempotency-key", long.as_str()), 422, "BAD_PARAMETER"),
        (TOPIC, ("content-encoding", "gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let method = if path == TOPIC { Method::POST } else { Method::GET };
        let answer = send(&node, method, path, &[header], "{\"data\":1}").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{header:?}");
    }
}

/// L1 and L2: nothing is read on the word of a length, nor kept when it arrives all the same.
#[tokio::test]
async fn a_body_of_a_gigabyte_costs_no_more_than_a_frame() {
    let node = Node::start();
    let before = node.resident_bytes();
    for head in ["Content-Length: 1073741824", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(node.address()).await.unwrap();
        let request = format!("POST {TOPIC} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            let mut chunk = b"10000\r\n".to_vec();
            chunk.extend_from_slice(&[b' '; 0x10000]);
            chunk.extend_from_slice(b"\r\n");
            for _ in 0..1_600 {
                if writer.write_all(&chunk).await.is_err() {
                    return;
                }
            }
        };
        let reading = async {
            let mut answer = vec![0; 4_096];
            let read = tokio::io::AsyncReadExt::read(&mut reader, &mut answer).await.unwrap_or(0);
            String::from_utf8_lossy(&answer[..read]).into_owned()
        };
        let (answer, ()) = tokio::join!(reading, writing);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("FRAME_TOO_LARGE"), "{answer}");
    }
    let grown = node.resident_bytes().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
    assert_eq!(get(&node, TOPIC).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bytes_that_are_no_http_are_refused_and_harm_no_one() {
    let node = Node::start();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let answer = raw(node.address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{} got {answer}", String::from_utf8_lossy(request));
    }
    assert_eq!(get(&node, "/healthz").await.text, "ok\n");
}

/// A connection that was answered an error goes on when the request was read whole.
#[tokio::test]
async fn the_next_request_on_the_connection_is_answered() {
    let node = Node::start();
    let mut stream = TcpStream::connect(node.address()).await.unwrap();
    for (request, expected) in [
        ("GET /v1/topics/a%20b HTTP/1.1\r\nHost: localhost\r\n\r\n", "BAD_TOPIC"),
        ("POST /v1/topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "MALFORMED"),
        ("PUT /v1/topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n", "METHOD_NOT_ALLOWED"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "ok\n"),
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = head_and_body(&mut stream).await;
        assert!(answer.contains(expected), "{request} got {answer}");
    }
}

/// Whoever can reach a node could otherwise fill its log with errors that nobody can act on.
#[tokio::test]
async fn what_is_no_http_is_refused_without_an_error_in_the_log() {
    let mut node = Node::start();
    for request in ["GET /v1/topics/chat:a?watch=true&filter=data>1 HTTP/1.1\r\nhost: localhost\r\n\r\n", "?\r\n\r\n"] {
        let answer = raw(node.address(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
    }
    node.terminate();
    node.wait(PATIENCE);
    let told = node.told_until("stopping");
    assert!(!told.iter().any(|line| line.contains("ERROR")), "{told:#?}");
}

/// L7: whoever is refused by a setting is told it, and which bound it sets, at every door that takes a `limit`.
#[tokio::test]
async fn a_limit_beyond_a_page_is_told_the_bound_and_its_setting() {
    let node = Node::with(&[], "[limits]\npage_items_max = 50\n");
    publish(&node, "chat:a", json!({ "data": 0 })).await;
    for path in [
        "/v1/topics?",
        "/v1/topics/chat:a?",
        "/v1/topics/chat:a/history?",
        "/v1/topics/chat:a?watch=true&from=beginning&",
        "/v1/watch?topic=chat:a&",
    ] {
        let refused = get(&node, &format!("{path}limit=51")).await;
        let problem = refused.json();
        assert_eq!((refused.status.as_u16(), &problem["parameter"]), (422, &json!("limit")), "{path}");
        let message = "`limit`: expected a whole number from 1 to 50 (`limits.page_items_max`)";
        assert_eq!(problem["message"], message, "{path}");
        for asked in [format!("{path}limit=50"), path.trim_end_matches(['?', '&']).to_owned()] {
            assert_eq!(get(&node, &asked).await.status, StatusCode::OK, "{asked}");
        }
    }
}
