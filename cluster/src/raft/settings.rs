//! What the groups of a node are started with, and what it means to the consensus library.

use openraft::{Config, SnapshotPolicy};

use crate::shard::{BatcherLimits, ShardCount};

/// How the groups of this node work.
#[derive(Debug, Clone)]
pub struct RaftSettings {
    /// This node, in the eyes of its groups. Never reused for another data directory.
    pub node: u64,
    /// How many shards the cluster has; the meta group comes on top.
    pub shard_count: ShardCount,
    /// Who votes in a group that holds nothing yet; this node is one of them. `None`: such a group waits until another
    /// node takes this one in. A node by itself is the one voter of its groups, whatever is said here.
    pub founders: Option<Vec<u64>>,
    /// How much may wait for a group, and how much of it becomes one entry.
    pub batcher: BatcherLimits,
    /// Entries of one group that may be on their way at once: 4, so that a busy shard is not held to one per sync or
    /// round trip; more would only make them smaller.
    pub entries_in_flight_max: usize,
    /// How often a leader that has nothing to say shows that it lives: 1 s, a safety net below the cluster's own failure
    /// detector. Elections begin after three to four times that.
    pub heartbeat_interval_ms: u64,
    /// How long a command waits for a group without a leader before it is told so: 2 s.
    pub leader_wait_max_ms: u64,
    /// How long a view that a node was receiving is kept for it to come back: 60 s, a restart.
    pub view_kept_ms: u64,
}

impl RaftSettings {
    /// A node by itself: every group has it as its one voter.
    #[must_use]
    pub fn alone(shard_count: ShardCount) -> Self {
        Self {
            node: 1,
            shard_count,
            founders: None,
            batcher: BatcherLimits::default(),
            entries_in_flight_max: 4,
            heartbeat_interval_ms: 1_000,
            leader_wait_max_ms: 2_000,
            view_kept_ms: 60_000,
        }
    }
}

/// Entries that one message between nodes carries at most; its bytes are bounded too, so this bounds small ones.
const APPEND_ENTRIES_MAX: u64 = 256;

/// The library's configuration. Its channels carry at most the entries in flight and what the group itself has to say;
/// they are sized so that none of the library's tasks ever waits for another in normal work.
pub(super) fn config(settings: &RaftSettings, is_alone: bool) -> Config {
    let heartbeat_interval = settings.heartbeat_interval_ms.max(1);
    Config {
        cluster_name: "fanfare".to_owned(),
        heartbeat_interval,
        election_timeout_min: heartbeat_interval * 3,
        election_timeout_max: heartbeat_interval * 4,
        // A node by itself has nobody to hear from: no timer runs, and idling costs nothing.
        enable_tick: !is_alone,
        enable_pre_vote: Some(true),
        // The leader of a crashed term does not know what was committed, so it always asks for a new term.
        enable_leader_restore: Some(false),
        max_payload_entries: APPEND_ENTRIES_MAX,
        // When to let go of the log is known to the log.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        install_snapshot_timeout: 10_000,
        api_channel_size: Some(256),
        notification_channel_size: Some(256),
        state_machine_channel_size: Some(64),
        ..Config::default()
    }
}
