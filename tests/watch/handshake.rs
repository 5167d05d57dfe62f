//! Views that a URL asks for.

use serde_json::{Value, json};

use crate::client::{keyed, node, publish};
use crate::harness::{Node, Socket};

/// H10.
#[tokio::test]
async fn a_websocket_is_told_what_its_url_asks_for() {
    let node = node();
    publish(&node, "s:a", keyed("a", json!({ "n": 1, "m": 2 }))).await;
    let (head, mut socket) = Socket::handshake(node.address(), "/v1/ws?topic=s:a&topic=s:b&fields=n", "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // What is told first, under the id 0, which is left out.
    let subscribed = socket.hear().await;
    assert_eq!(
        (&subscribed["type"], subscribed["payload"]["views"].as_array().map(Vec::len)),
        (&json!("SUBSCRIBED"), Some(2))
    );
    let view = subscribed["payload"]["views"][0]["view"].clone();
    loop {
        let batch = socket.events().await;
        if batch["view"] == view {
            assert_eq!(batch["events"][0]["data"], json!({ "n": 1 }));
            break;
        }
    }
    let connected = socket.ask("CONNECT", 1, json!({})).await;
    assert_eq!(connected["type"], "CONNECTED", "it may still be said: {connected}");
}

/// W5: what a URL asks for is open before CONNECT, and asking for compression then does not make it another view.
#[tokio::test]
async fn a_view_of_the_url_is_not_opened_again_once_compression_was_granted() {
    let node = node();
    let (_, mut socket) = Socket::handshake(node.address(), "/v1/ws?topic=t:a&topic=t:b&where.data.n=1", "").await;
    let subscribed = socket.hear().await;
    let connected = socket.ask("CONNECT", 1, json!({ "features": { "compression": ["deflate-raw"] } })).await;
    assert_eq!(connected["payload"]["features"]["compression"], json!(["deflate-raw"]), "{connected}");
    let equal = json!({ "topic": "t:a", "where.data.n": "1", "from": "latest" });
    let again = socket.ask("SUBSCRIBE", 2, equal.clone()).await;
    assert_eq!(again["payload"]["name"], "ALREADY_SUBSCRIBED", "{again}");
    let other = socket.ask("SUBSCRIBE", 3, json!({ "topic": "t:a" })).await;
    assert_eq!(other["type"], "SUBSCRIBED", "{other}");
    let update = json!({ "view": other["payload"]["view"], "where.data.n": "1" });
    let same = socket.ask("UPDATE_VIEW", 4, update).await;
    assert_eq!(same["payload"]["name"], "ALREADY_SUBSCRIBED", "{same}");
    // It is open no longer, so there is nothing that it would be told twice.
    let first = subscribed["payload"]["views"][0]["view"].clone();
    assert_eq!(socket.ask("UNSUBSCRIBE", 5, json!({ "view": first })).await["type"], "UNSUBSCRIBED");
    assert_eq!(socket.ask("SUBSCRIBE", 6, equal).await["type"], "SUBSCRIBED");
}

/// Why a session is not opened.
async fn refused(node: &Node, path: &str) -> Value {
    let (client, url) = (reqwest::Client::new(), node.url(path));
    let request = if path.starts_with("/v1/ws") {
        let upgrade = client.get(url).header("connection", "upgrade").header("upgrade", "websocket");
        upgrade.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    } else {
        client.post(url)
    };
    let answer = request.send().await.expect("the node answers");
    answer.json().await.expect("errors are JSON")
}

/// H10: what is wrong refuses the handshake, so that nobody has to look for an error inside of what was opened.
#[tokio::test]
async fn a_url_that_names_a_topic_twice_opens_no_session() {
    let node = node();
    for path in ["/v1/ws", "/v1/sse"] {
        let problem = refused(&node, &format!("{path}?topic=t:a&topic=t:b&topic=t:a")).await;
        assert_eq!((&problem["status"], &problem["parameter"]), (&json!(422), &json!("topic")), "{path}: {problem}");
        assert_eq!(problem["message"], "`topic`: `t:a` is named twice", "{path}");
    }
}

/// W3: who wrote `selector` looks for it in vain in an error that names `filter`.
#[tokio::test]
async fn a_bad_selector_is_named_as_it_was_given() {
    let node = node();
    for name in ["selector", "filter"] {
        let asked = format!("{name}=data.n+%3E");
        for path in ["/v1/ws?topic=t:a", "/v1/sse?topic=t:a"] {
            let problem = refused(&node, &format!("{path}&{asked}")).await;
            assert_eq!(problem["parameter"], name, "{path}: {problem}");
        }
        for path in ["/v1/topics/t:a?watch=true", "/v1/watch?topic=t:a"] {
            let answer = reqwest::get(node.url(&format!("{path}&{asked}"))).await.expect("the node answers");
            let problem: Value = answer.json().await.expect("errors are JSON");
            assert_eq!((&problem["name"], &problem["parameter"]), (&json!("BAD_FILTER"), &json!(name)), "{path}");
            let message = problem["message"].as_str().expect("a message");
            assert!(message.starts_with(&format!("`{name}`: ")), "{path}: {message}");
        }
    }
}

/// W2, H10.
#[tokio::test]
async fn a_url_that_misspells_topic_is_told_the_nearest_name() {
    let node = node();
    for path in ["/v1/ws", "/v1/sse"] {
        let problem = refused(&node, &format!("{path}?tpoic=t:a")).await;
        assert_eq!((&problem["name"], &problem["nearest"]), (&json!("UNKNOWN_PARAMETER"), &json!("topic")), "{path}");
    }
}

#[tokio::test]
async fn a_handshake_that_asks_for_what_cannot_be_is_refused() {
    let node = node();
    for (query, status) in [
        ("topic=no%20spaces", 400),
        ("fields=n", 422),
        ("topic=t:a&filter=data.n+%3E", 422),
        ("topic=t:a&form=latest", 422),
        ("topic=t:a&filter=true&selector=true", 422),
        ("ticket=t", 501),
        ("topic=t:a&ticket=t", 501),
        ("topic=t:a&topic=t:b&topic=t:a", 422),
        ("topic=t:a&limit=1001", 422),
    ] {
        let (head, _) = Socket::handshake(node.address(), &format!("/v1/ws?{query}"), "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{query}: {head}");
    }
}
