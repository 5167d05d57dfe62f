//! A watcher that was there from the beginning and stays through every restart: an SDK watch on a line of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fanfare_client::{Client, Event, EventKind, ResourceVersion, Start};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ledger::Seen;

/// What it got so far, and how its line broke, if it did.
type Got = Arc<Mutex<(Vec<Seen>, Option<String>)>>;

/// See the module. Ends when it is dropped.
pub struct Watcher {
    got: Got,
    /// The offset that it has reached; `u64::MAX` when its line broke.
    reached: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Watcher {
    pub fn open(client: &Client, topic: &str) -> Self {
        let mut watch = client.topic(topic).watch().from(Start::Beginning).open();
        let (got, (progress, reached)) = (Got::default(), watch::channel(0));
        let shared = Arc::clone(&got);
        let task = tokio::spawn(async move {
            while let Some(next) = watch.next().await {
                let (step, offset) = match next {
                    Ok(event) => taken(&event),
                    Err(error) => (Err(error.to_string()), u64::MAX),
                };
                let mut got = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match step {
                    Ok(Some(seen)) => got.0.push(seen),
                    Ok(None) => {}
                    Err(what) => got.1 = Some(what),
                }
                drop(got);
                progress.send_modify(|reached| *reached = offset.max(*reached));
            }
        });
        Self { got, reached, task }
    }

    /// Waits until it has got this far, as long as the patience lasts, and gives all that it got.
    pub async fn through(&self, head: ResourceVersion, patience: Duration) -> (Vec<Seen>, Option<String>) {
        let mut reached = self.reached.clone();
        // Who does not get there shows it by what it got.
        let _ = tokio::time::timeout(patience, reached.wait_for(|offset| *offset >= head.offset)).await;
        self.got()
    }

    pub fn got(&self) -> (Vec<Seen>, Option<String>) {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn taken(event: &Event) -> (Result<Option<Seen>, String>, u64) {
    let (version, data) = (event.version(), event.json::<String>().unwrap_or_default());
    let data = match event.kind() {
        EventKind::Put => Some(data.as_str()),
        EventKind::Delete => None,
        EventKind::SnapshotEnd => return (Ok(None), version.offset),
        other => return (Err(format!("{other:?}: {:?}", event.error())), u64::MAX),
    };
    let attributes = event.attributes();
    (Ok(Some(Seen::new(version, attributes, event.key(), data))), version.offset)
}
