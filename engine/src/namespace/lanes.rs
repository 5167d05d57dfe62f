//! The shards of a node, as far as namespaces need them: two lanes, one for each durability.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Proposal, ShardId, StateFault};
use fanfare_protocol::TopicName;
use futures_util::future::BoxFuture;

use crate::log::{Durability, Policies};

/// Names of topics, on their way from a disk.
pub type Listing<'a> = BoxFuture<'a, Result<Vec<TopicName>, StateFault>>;

/// See the module.
pub trait Lanes: Send + Sync {
    /// These policies hold from now on for whoever chooses a lane or refuses at the door.
    fn follow(&self, policies: &Arc<Policies>);

    /// Shards that serve and whose policies are older than a version.
    fn outdated(&self, lane: Durability, version: u64) -> Vec<ShardId>;

    /// The shard of a topic, the same in both lanes.
    fn shard_of(&self, topic: &TopicName) -> ShardId;

    /// See [`fanfare_cluster::Shards::propose`].
    fn propose(&self, lane: Durability, shard: ShardId, command: Bytes) -> Proposal;

    /// Topics whose names begin with `prefix` and come after `after`, in the order of their bytes, at most `limit`, of
    /// both lanes. Internal ones (`_…`) only where the prefix asks for them.
    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> Listing<'a>;
}
