//! What clients of every session transport wait for, whatever they hear it by.

use std::future::Future;

use serde_json::Value;

/// A client of a session.
pub trait Hears: Send {
    /// The next envelope in JSON.
    fn next(&mut self) -> impl Future<Output = Value> + Send;
}

/// The next envelope with this id; others are skipped.
pub async fn answer(client: &mut impl Hears, id: u64) -> Value {
    loop {
        let envelope = client.next().await;
        if envelope["id"] == id {
            return envelope;
        }
    }
}

/// The next event batch; other envelopes are skipped.
pub async fn events(client: &mut impl Hears) -> Value {
    loop {
        let mut envelope = client.next().await;
        if envelope["type"] == "EVENT" {
            return envelope["payload"].take();
        }
    }
}
