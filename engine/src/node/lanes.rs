//! The two lanes of a node's shards, as namespaces see them.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{EphemeralShards, Proposal, ShardCount, ShardId, Shards};
use fanfare_protocol::TopicName;

use crate::log::{Durability, Policies, SharedLog};
use crate::namespace::{Lanes, Listing};
use crate::telemetry::Telemetry;

/// Where commands go.
pub(super) struct ShardLanes {
    pub(super) log: Arc<SharedLog>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) replicated: Arc<dyn Shards>,
    pub(super) ephemeral: EphemeralShards,
}

impl ShardLanes {
    pub(super) fn of(&self, lane: Durability) -> &dyn Shards {
        match lane {
            Durability::Replicated => self.replicated.as_ref(),
            Durability::Ephemeral => &self.ephemeral,
        }
    }

    pub(super) fn shutdown(&self) {
        self.ephemeral.shutdown();
    }

    pub(super) fn shard_count(&self) -> ShardCount {
        self.replicated.shard_count()
    }
}

impl Lanes for ShardLanes {
    fn follow(&self, policies: &Arc<Policies>) {
        self.telemetry.follow(policies.declared().map(|policy| policy.name.as_str()));
        self.log.follow(Arc::clone(policies));
    }

    fn outdated(&self, lane: Durability, version: u64) -> Vec<ShardId> {
        let is_older = |shard: &ShardId| self.log.policies_version(lane, *shard).is_some_and(|has| has < version);
        self.shard_count().ids().filter(is_older).collect()
    }

    fn shard_of(&self, topic: &TopicName) -> ShardId {
        self.log.shard_of(topic)
    }

    fn propose(&self, lane: Durability, shard: ShardId, command: Bytes) -> Proposal {
        self.of(lane).propose(shard, command)
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> Listing<'a> {
        let reading = self.log.list(prefix, after, limit);
        Box::pin(async move {
            let listed = tokio::task::spawn_blocking(|| reading.wait()).await;
            // A read that ended in a panic has said so; no list is better than half of one.
            let listed = listed.unwrap_or_else(|panicked| Err(fanfare_cluster::StateFault(Box::new(panicked))))?;
            Ok(listed.into_iter().map(|listed| listed.topic).collect())
        })
    }
}
