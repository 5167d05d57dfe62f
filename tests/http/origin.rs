//! Which pages may talk to a node (threats 1 and 15 of the design).

use reqwest::{Method, StatusCode};

use crate::client::{Answer, raw, send};
use crate::harness::Node;

const TOPIC: &str = "/v1/topics/chat:a";

async fn ask(node: &Node, method: Method, origin: &str) -> Answer {
    send(node, method, TOPIC, &[("origin", origin)], "{\"data\":1}").await
}

#[tokio::test]
async fn a_foreign_page_is_refused_on_every_method() {
    let node = Node::start();
    for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS, Method::PUT] {
        for origin in ["https://evil.example", "null"] {
            let answer = ask(&node, method.clone(), origin).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "ORIGIN_NOT_ALLOWED"),
                "{method} {origin}"
            );
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
}

#[tokio::test]
async fn a_page_of_this_machine_may_read_the_answer() {
    let node = Node::start();
    let origin = "http://localhost:5173";
    for answer in [ask(&node, Method::POST, origin).await, ask(&node, Method::GET, origin).await] {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-expose-headers"), "retry-after");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").contains("Origin"));
    }
    let refused = send(&node, Method::GET, "/v1/topics/a%20b", &[("origin", origin)], "").await;
    assert_eq!((refused.code().as_str(), refused.header("access-control-allow-origin")), ("BAD_TOPIC", origin));
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_pages() {
    let node = Node::with(&[], "[server]\nallowed_origins = [\"https://app.example.com\"]\n");
    let headers = [("origin", "https://app.example.com"), ("access-control-request-method", "POST")];
    let answer = send(&node, Method::OPTIONS, TOPIC, &headers, "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    for method in ["GET", "POST", "DELETE"] {
        assert!(answer.header("access-control-allow-methods").contains(method));
    }
    assert!(answer.header("access-control-allow-headers").contains("idempotency-key"));
    let headers = [("origin", "https://other.example.com"), ("access-control-request-method", "POST")];
    let answer = send(&node, Method::OPTIONS, TOPIC, &headers, "").await;
    assert_eq!(answer.code(), "ORIGIN_NOT_ALLOWED");
}

/// A page whose own name resolves to 127.0.0.1 is same-origin to its browser, and its reads name no origin.
#[tokio::test]
async fn a_rebound_name_is_refused() {
    let node = Node::start();
    for path in [TOPIC, "/demo/", "/healthz"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n");
        let answer = raw(node.address(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("ORIGIN_NOT_ALLOWED"), "{answer}");
    }
    let request = format!("GET {TOPIC} HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
    assert!(raw(node.address(), request.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}
