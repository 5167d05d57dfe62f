//! What clients see of a node that ends and comes back on the same data directory, whether it was asked to or killed. What
//! a loss of power adds to that is the subject of `tests/crash`.

mod beginning_anew;
mod lasting;
mod publishing;
mod resuming;
mod state;
mod stopping;

use serde_json::Value;

use crate::harness::Socket;

/// The version in an answer to PUBLISH.
fn version(answer: &Value) -> String {
    answer["payload"]["resourceVersion"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// `EPOCH` and `OFFSET` of a version.
fn parts(version: &str) -> (&str, u64) {
    let (epoch, offset) = version.split_once('.').expect("EPOCH.OFFSET");
    (epoch, offset.parse().expect("an offset is decimal"))
}

/// The events of the next frames, until there are so many; each frame joins the one before (W8). Bookmarks, which come
/// when nothing else does, do not count.
async fn take(socket: &mut Socket, through: &mut Value, count: usize) -> Vec<Value> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let mut batch = socket.events().await;
        assert_eq!(batch["after"], *through, "a gap before {batch}");
        *through = batch["through"].take();
        let events = batch["events"].as_array().expect("events are a list");
        taken.extend(events.iter().filter(|event| event["type"] != "bookmark").cloned());
    }
    taken
}
