//! Tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_client::{ClientBuilder, Code, ConnectionState, ErrorKind};
use serde_json::json;

use crate::script::{Server, within};

/// Tokens `t-1`, `t-2`, …
fn with_tokens(builder: ClientBuilder) -> ClientBuilder {
    let count = Arc::new(AtomicU32::new(0));
    builder.token_provider(move || {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        async move { Ok::<_, std::io::Error>(format!("t-{number}")) }
    })
}

/// X3: class `refresh`.
#[tokio::test]
async fn each_connection_shows_a_fresh_token_and_an_expired_one_costs_a_reconnect() {
    let server = Server::start().await;
    let client = with_tokens(server.client()).connect_later().expect("a client");
    let (visitor, connect) = server.welcome().await;
    assert_eq!((&connect["token"], &connect["features"]), (&json!("t-1"), &json!({})));
    visitor.close(Code::TokenExpired.number(), "TOKEN_EXPIRED").await;
    let (_visitor, connect) = server.welcome().await;
    assert_eq!(connect["token"], "t-2");
    within("the client", client.state().wait_for(|state| matches!(state, ConnectionState::Connected { .. })))
        .await
        .expect("the client lives");
}

/// S3.
#[tokio::test]
async fn a_token_is_replaced_on_the_living_connection_before_it_expires() {
    let server = Server::start().await;
    let _client = with_tokens(server.client()).connect_later().expect("a client");
    let mut visitor = server.accept().await;
    let connect = visitor.hear("CONNECT").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    visitor.answer(&connect, "CONNECTED", &json!({"connectionId": "c", "nodeId": "n", "expiresAt": now + 500})).await;
    let refresh = visitor.hear("REFRESH").await;
    assert_eq!(refresh["payload"]["token"], "t-2");
    visitor.answer(&refresh, "REFRESHED", &json!({"expiresAt": now + 900})).await;
    let again = visitor.hear("REFRESH").await;
    assert_eq!(again["payload"]["token"], "t-3");
    // A node that cannot do it is left and met again with the token.
    let error = json!({"code": 3519, "name": "NOT_SUPPORTED", "message": "no", "class": "terminal"});
    visitor.answer(&again, "ERROR", &error).await;
    let (_visitor, connect) = server.welcome().await;
    assert_eq!(connect["token"], "t-4");
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_token_is_asked_again_with_a_fresh_one() {
    let server = Server::start().await;
    let client = with_tokens(server.client()).connect_later().expect("a client");
    let (mut visitor, _) = server.welcome().await;
    let sent = client.topic("chat:a").publish(1).send();
    let publish = visitor.hear("PUBLISH").await;
    let error = json!({"code": 3200, "name": "TOKEN_EXPIRED", "message": "expired", "class": "refresh"});
    visitor.answer(&publish, "ERROR", &error).await;
    let refresh = visitor.hear("REFRESH").await;
    visitor.answer(&refresh, "REFRESHED", &json!({})).await;
    let again = visitor.hear("PUBLISH").await;
    assert_eq!(again["payload"], publish["payload"], "the same sequence too");
    visitor.answer(&again, "PUBLISHED", &json!({"resourceVersion": "a.1"})).await;
    assert_eq!(within("a version", sent).await.expect("a version").to_string(), "a.1");
}

#[tokio::test]
async fn a_fixed_token_that_expires_ends_the_client_and_everything_with_it() {
    let server = Server::start().await;
    let client = server.client().token("only").connect_later().expect("a client");
    let mut watch = client.topic("chat:a").watch().open();
    let (visitor, connect) = server.welcome().await;
    assert_eq!(connect["token"], "only");
    let sent = client.topic("chat:a").publish(1).send();
    visitor.close(Code::TokenExpired.number(), "TOKEN_EXPIRED: it was short").await;
    let end = within("the end", watch.next()).await.expect("a last word").expect_err("an error");
    assert_eq!(end.code(), Some(Code::TokenExpired));
    assert_eq!(end.wire().map(|wire| wire.message.as_str()), Some("it was short"));
    assert_eq!(within("an answer", sent).await.expect_err("an error").code(), Some(Code::TokenExpired));
    let later = client.topic("chat:a").publish(2).send().await.expect_err("an error");
    assert_eq!(later.code(), Some(Code::TokenExpired));
}

#[tokio::test]
async fn a_provider_that_fails_is_told_by_the_first_try() {
    let server = Server::start().await;
    let builder = server.client().token_provider(|| async { Err::<String, _>("the vault is sealed") });
    let error = builder.connect().await.expect_err("no token");
    assert_eq!((error.kind(), error.to_string().contains("sealed")), (ErrorKind::Token, true));
}
