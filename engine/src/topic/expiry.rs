//! What is due in quiet topics is made to happen: the leader of a shard proposes it, so that replicas agree on when.
//!
//! Any command of a topic expires first what is due in it; this task is for topics that nobody writes to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fanfare_cluster::{ShardCount, ShardId};
use tokio::sync::Notify;

use crate::log::{Durability, Expire};
use crate::node::Node;

/// Topics of one shard that are expired in one go; the rest follow at once.
const TOPICS_MAX: usize = 256;

/// Deadlines closer together than this are served together.
const GRAIN: Duration = Duration::from_millis(20);

/// The task looks whether its node still exists at least this often.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Wakes when a commit has brought an earlier deadline than the one that is waited for.
#[derive(Debug)]
pub struct Expiry {
    /// Of each shard the deadline that was last seen, in its own time; `u64::MAX` for none.
    replicated_ms: Box<[AtomicU64]>,
    ephemeral_ms: Box<[AtomicU64]>,
    shards: ShardCount,
    nudged: Notify,
}

impl Expiry {
    /// Nothing is due yet.
    #[must_use]
    pub fn new(shards: ShardCount) -> Self {
        let none = || shards.ids().map(|_| AtomicU64::new(u64::MAX)).collect();
        Self { replicated_ms: none(), ephemeral_ms: none(), shards, nudged: Notify::new() }
    }

    /// Something was committed in a shard; called on the thread that applies.
    pub fn changed(&self, durability: Durability, shard: ShardId, deadline_ms: Option<u64>) {
        let awaited_ms = self.awaited_ms(durability, shard).map_or(0, |ms| ms.load(Ordering::Relaxed));
        if deadline_ms.is_some_and(|ms| ms < awaited_ms) {
            self.nudged.notify_one();
        }
    }

    /// Proposes what is due until the node is gone.
    pub(crate) async fn run(self: Arc<Self>, node: Weak<Node>) {
        loop {
            let Some(node) = node.upgrade() else { return };
            let expiry = Arc::clone(&self);
            // Topics that are not in memory are looked up on the disk.
            let proposed = tokio::task::spawn_blocking(move || expiry.propose_due(&node)).await;
            let wait = proposed.unwrap_or(WAIT_MAX);
            // A nudge only shortens the wait; that it came is all there is to know.
            let _ = tokio::time::timeout(wait.clamp(GRAIN, WAIT_MAX), self.nudged.notified()).await;
        }
    }

    /// Proposes what is due in every shard; how long until the next deadline.
    fn propose_due(&self, node: &Node) -> Duration {
        let mut wait_ms = u64::MAX;
        for durability in [Durability::Replicated, Durability::Ephemeral] {
            for shard in self.shards.ids() {
                let next_ms = node.log.next_deadline(durability, shard).unwrap_or(u64::MAX);
                if let Some(awaited_ms) = self.awaited_ms(durability, shard) {
                    awaited_ms.store(next_ms, Ordering::Relaxed);
                }
                if next_ms == u64::MAX {
                    continue;
                }
                let now_ms = node.shard_ms(durability, shard);
                wait_ms = wait_ms.min(next_ms.saturating_sub(now_ms));
                if next_ms <= now_ms {
                    propose(node, durability, shard, now_ms);
                }
            }
        }
        Duration::from_millis(wait_ms)
    }

    fn awaited_ms(&self, durability: Durability, shard: ShardId) -> Option<&AtomicU64> {
        match durability {
            Durability::Replicated => self.replicated_ms.get(shard.index()),
            Durability::Ephemeral => self.ephemeral_ms.get(shard.index()),
        }
    }
}

fn propose(node: &Node, durability: Durability, shard: ShardId, now_ms: u64) {
    let due = match node.log.due(durability, shard, now_ms, TOPICS_MAX) {
        Ok(due) => due,
        Err(fault) => {
            tracing::error!(%shard, %fault, "what is due in the shard cannot be read");
            return;
        }
    };
    for topic in due {
        let expire = Expire { topic: topic.as_str().to_owned() };
        // Its answer says nothing new: a shard that could not take it is asked again at the next turn.
        drop(node.propose_in(durability, &topic, expire.into_command()));
    }
}
