//! Groups as a whole, over a real log and a state machine that stores what it does.

mod alone;
mod breakable_log;
mod faults;
mod ledger;
mod replicas;
mod restart;
mod restored;
mod snapshots;
mod store_suite;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::clock::ManualClock;
use crate::log::{GroupId, LogEngine, MemoryLog};
use crate::shard::{BatcherLimits, Promise, ShardCount, ShardId, Shards, Unavailable};
use ledger::Disk;

/// Longer than anything takes that does not hang.
const HANGS: Duration = Duration::from_secs(20);

const SHARDS: u32 = 4;

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn shard(number: u32) -> ShardId {
    ShardId::new(number, shard_count()).unwrap()
}

fn shard_count() -> ShardCount {
    ShardCount::new(SHARDS).unwrap()
}

/// Resolves, or fails the test.
async fn soon<T>(promise: Promise<T>) -> Result<T, Unavailable> {
    tokio::time::timeout(HANGS, promise).await.expect("it is answered")
}

/// A node by itself: what survives it, and what it is made of.
struct Alone {
    log: Arc<dyn LogEngine>,
    disk: Disk,
    clock: Arc<ManualClock>,
    backlog: Backlog,
    settings: RaftSettings,
}

impl Alone {
    fn new() -> Self {
        Self {
            log: Arc::new(MemoryLog::new()),
            disk: Disk::default(),
            clock: Arc::new(ManualClock::new(1_763_715_600_000)),
            backlog: Backlog::default(),
            settings: RaftSettings::alone(shard_count()),
        }
    }

    fn with_limits(limits: BatcherLimits) -> Self {
        let mut alone = Self::new();
        alone.settings.batcher = limits;
        alone
    }

    fn begin(&self) -> RaftShards {
        let parts = RaftParts {
            log: Arc::clone(&self.log),
            clock: self.clock.clone(),
            backlog: self.backlog.clone(),
            peers: None,
        };
        RaftShards::start(&self.settings, parts, &mut |group| self.disk.machine(group)).unwrap()
    }

    async fn start(&self) -> RaftShards {
        let shards = self.begin();
        soon(shards.ready()).await.unwrap();
        shards
    }
}

async fn propose(shards: &RaftShards, to: u32, command: &str) -> Result<Bytes, Unavailable> {
    soon(shards.propose(shard(to), text(command))).await
}
