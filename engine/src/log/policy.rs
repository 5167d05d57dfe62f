//! What a namespace says about its topics: their kind and every bound of theirs.

use crate::hash::HashMap;
use std::sync::Arc;

/// A key of a `state` topic: 1,024 bytes, so that a URL or a path can be one.
pub const KEY_BYTES_MAX: usize = 1_024;

/// How a topic sums up its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// The snapshot is the last publications.
    #[default]
    Stream,
    /// The snapshot is the latest value of every live key.
    State,
    /// The snapshot is the merged document. Known to the format; publishes are refused until it is built.
    Document,
}

impl Kind {
    /// Its name in configuration and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::State => "state",
            Self::Document => "document",
        }
    }
}

/// What becomes of a publication that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// It is on the disks of a majority.
    #[default]
    Replicated,
    /// It is in the memory of one node, and gone with it.
    Ephemeral,
}

impl Durability {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Replicated, Self::Ephemeral];

    /// Its name in configuration and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replicated => "replicated",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// The policy of one namespace, for each of its topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The namespace; `default` also covers every namespace that is not declared.
    pub name: String,
    /// `stream`. Fixed for the life of the namespace.
    pub kind: Kind,
    /// `replicated`. A change ends the epochs of its topics.
    pub durability: Durability,
    /// The durability that it is about to have, while its topics are ended under the one it has. No publication is
    /// taken meanwhile.
    pub moving_to: Option<Durability>,
    /// Publications retained: 1,000, what a reader who was away for a while catches up. Older ones are forgotten.
    pub history_count: u64,
    /// Bytes retained, keys and attributes and 256 bytes an event included: 4 MiB, sixteen of the largest
    /// publications. Older ones are forgotten.
    pub history_bytes: u64,
    /// Age retained, in shard time: 24 h, a night and a morning. Older ones are forgotten at the topic's next
    /// command, and in quiet topics within a sixteenth of the age (see `History::next_deadline`).
    pub history_age_ms: u64,
    /// Data, key and attributes of a publication: 256 KiB, a quarter of a frame. Larger ones are refused.
    pub publication_bytes_max: u64,
    /// Topics of the namespace **in one shard**: 1,000,000. The bound over all shards is the door's to keep
    /// (`SharedLog::topic_count`): a shard cannot see the others. Further topics are refused.
    pub topics_max: u64,
    /// Bytes of all topics of the namespace, histories and folds: 16 GiB. The door's to keep, as the census of all shards
    /// knows it. What would pass it is refused.
    pub bytes_max: u64,
    /// Live keys of a `state` topic: 100,000, so that a snapshot stays one that a browser can take. Further keys
    /// are refused.
    pub keys_max: u64,
    /// Bytes of the live keys of a `state` topic, counted as `history_bytes`: 64 MiB, because a fold is not subject
    /// to retention. What does not fit is refused.
    pub fold_bytes_max: u64,
    /// What is remembered so that a repeated publish is harmless.
    pub idempotency: IdempotencyPolicy,
}

/// What a topic remembers so that a repeated publish is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyPolicy {
    /// How long a key is kept, and a silent producer: 2 min, longer than any retry with backoff.
    pub window_ms: u64,
    /// Keys of a topic, of all principals: 100,000, some 15 MiB; 800 keyed publishes a second for the whole window.
    /// Further ones are refused, nothing is forgotten early.
    pub entries_max: usize,
    /// Live producers of a topic: 10,000, as many connections that publish to one topic. Further ones are refused.
    pub producers_max: usize,
    /// Results kept of each live producer: 256, four times what an SDK has in flight; 40 bytes each.
    pub producer_results_max: usize,
}

impl Default for IdempotencyPolicy {
    fn default() -> Self {
        Self { window_ms: 120_000, entries_max: 100_000, producers_max: 10_000, producer_results_max: 256 }
    }
}

impl Policy {
    /// The defaults, under this name and with this kind.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            durability: Durability::Replicated,
            moving_to: None,
            history_count: 1_000,
            history_bytes: 4 * 1024 * 1024,
            history_age_ms: 24 * 60 * 60 * 1_000,
            publication_bytes_max: 256 * 1024,
            topics_max: 1_000_000,
            bytes_max: 16 * 1024 * 1024 * 1024,
            keys_max: 100_000,
            fold_bytes_max: 64 * 1024 * 1024,
            idempotency: IdempotencyPolicy::default(),
        }
    }
}

/// All namespaces that are declared.
#[derive(Debug, Clone)]
pub struct Policies {
    default: Arc<Policy>,
    declared: HashMap<String, Arc<Policy>>,
}

impl Policies {
    /// The name of the policy that covers what is not declared.
    pub const DEFAULT: &'static str = "default";

    /// The last one wins where a name is declared twice; without `default` its defaults hold, as a `stream`.
    #[must_use]
    pub fn new(declared: impl IntoIterator<Item = Policy>) -> Self {
        let mut policies = Self::default();
        for policy in declared {
            let policy = Arc::new(policy);
            if policy.name == Self::DEFAULT {
                policies.default = Arc::clone(&policy);
            }
            policies.declared.insert(policy.name.clone(), policy);
        }
        policies
    }

    /// Those that are declared, in no particular order.
    pub fn declared(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.declared.values()
    }

    /// The policy of a namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> &Arc<Policy> {
        self.declared.get(namespace).unwrap_or(&self.default)
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self { default: Arc::new(Policy::new(Self::DEFAULT, Kind::Stream)), declared: HashMap::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_not_declared_takes_the_default() {
        let policies = Policies::new([Policy::new("fleet", Kind::State)]);
        assert_eq!(policies.of("fleet").kind, Kind::State);
        assert_eq!(policies.of("chat").name, "default");
        let policies = Policies::new([Policy { history_count: 5, ..Policy::new("default", Kind::State) }]);
        assert_eq!((policies.of("chat").kind, policies.of("default").history_count), (Kind::State, 5));
    }
}
