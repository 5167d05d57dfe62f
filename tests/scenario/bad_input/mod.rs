//! Bad input over every door, as tables. A row says what is sent and which code comes back, and after each row whose
//! connection may live on, a valid request on the same connection is answered.
//!
//! What can be wrong with the frames of raw TCP is in `raw_tcp`.

mod broken_http;
mod frames;
mod handshakes;
mod http;
mod json;
mod protobuf;

use std::future::Future;

use serde_json::Value;

use crate::harness::Node;

/// Limits that rows can reach, a namespace of each kind, and one for small publications.
const CONFIGURATION: &str = r#"
[limits]
subscriptions_max = 8
requests_in_flight_max = 16

[delivery]
version_wait_ms = 50

[[namespace]]
name = "board"
kind = "state"

[[namespace]]
name = "small"
publication_bytes_max = 64
"#;

fn node() -> Node {
    Node::with(&[], CONFIGURATION)
}

/// The number, name and class of an error, as JSON has them.
#[track_caller]
fn assert_error(what: &str, error: &Value, number: u16, name: &str) {
    assert_eq!(error["code"], number, "{what}: {error}");
    assert_eq!(error["name"], name, "{what}: {error}");
    assert_eq!(error["class"], class(number), "{what}: {error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!((1..=512).contains(&message.len()), "{what}: a sentence of at most 512 bytes: {error}");
}

/// X3: the number alone tells the class.
fn class(number: u16) -> &'static str {
    match number {
        3000..=3099 => "retry",
        3300..=3399 => "resync",
        3400..=3499 => "wait",
        _ => "terminal",
    }
}

/// Runs all rows, and tells every one that fails.
async fn run<C: Future<Output = ()> + Send + 'static>(rows: impl IntoIterator<Item = (&'static str, C)>) {
    let (mut count, mut failed) = (0, Vec::new());
    for (what, check) in rows {
        count += 1;
        if tokio::spawn(check).await.is_err() {
            failed.push(what);
        }
    }
    println!("{count} rows");
    assert!(failed.is_empty(), "{} of {count} rows fail, see above: {failed:#?}", failed.len());
}
