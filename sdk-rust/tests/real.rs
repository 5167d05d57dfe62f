//! The client against the real node: over lines that break in the middle of a frame, over restarts of the node, and
//! with readers that do not read. Needs the binary: `cargo build` first, or `FANFARE_BIN`.

#[path = "real/beginning_anew.rs"]
mod beginning_anew;
#[path = "real/breaking.rs"]
mod breaking;
#[path = "real/node.rs"]
mod node;
#[path = "real/offers.rs"]
mod offers;
#[path = "real/proxy.rs"]
mod proxy;
#[path = "real/restarts.rs"]
mod restarts;
#[path = "real/slowness.rs"]
mod slowness;
#[path = "real/views.rs"]
mod views;

use std::future::Future;
use std::time::Duration;

use fanfare_client::{Client, ClientBuilder, Event, EventKind, Watch};
use node::Node;

/// Longer than anything here takes on a busy machine; whoever waits for it in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reconnects fast, because these tests break connections by the dozen.
fn client(url: &str) -> ClientBuilder {
    Client::builder(url).reconnect_delay(Duration::from_millis(10), Duration::from_millis(200))
}

/// The outcome, unless patience ends before.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Does something to a node that takes its time, away from the threads of the client.
async fn aside(mut node: Node, action: impl FnOnce(&mut Node) + Send + 'static) -> Node {
    let done = tokio::task::spawn_blocking(move || {
        action(&mut node);
        node
    });
    done.await.expect("the node does what it is told")
}

/// The next event of a watch that goes on.
async fn next(watch: &mut Watch) -> Event {
    within("an event", watch.next()).await.expect("the watch goes on").expect("no error")
}

/// The next event of a kind, which has to come next but for puts.
async fn next_of(kind: EventKind, watch: &mut Watch) -> Event {
    loop {
        let event = next(watch).await;
        if event.kind() == kind {
            return event;
        }
        assert_eq!(event.kind(), EventKind::Put, "{event:?} came instead of {kind:?}");
    }
}
