//! Refusals before there is a session.

use std::time::Duration;

use fanfare_client::{Class, Code, ErrorKind};

use crate::script::Server;

/// S1, H7: what the node says at the door is typed like everything else it says.
#[tokio::test]
async fn a_handshake_that_is_refused_is_told_with_the_code_of_the_problem() {
    let server = Server::start().await;
    let problem = r#"{"type":"about:blank","title":"busy","status":503,"code":3404,"name":"TOO_MANY_CONNECTIONS","message":"full","class":"wait","retryAfterMs":250}"#;
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json";
    let response = format!("{head}\r\ncontent-length: {}\r\n\r\n{problem}", problem.len());
    let (connected, ()) = tokio::join!(server.client().connect(), server.refuse(&response));
    let error = connected.expect_err("there is no room");
    assert_eq!((error.code(), error.class()), (Some(Code::TooManyConnections), Class::Wait));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(250)));
}

#[tokio::test]
async fn something_that_is_no_node_is_unreachable() {
    let server = Server::start().await;
    let response = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let (connected, ()) = tokio::join!(server.client().connect(), server.refuse(response));
    let error = connected.expect_err("there is no node");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unreachable, true));
    assert!(error.to_string().contains("404"), "{error}");
}

#[tokio::test]
async fn an_address_that_cannot_be_is_refused_before_anything_is_tried() {
    let error = fanfare_client::Client::builder("node:8000").connect().await.expect_err("no scheme");
    assert_eq!((error.kind(), error.class()), (ErrorKind::Input, Class::Terminal));
}
