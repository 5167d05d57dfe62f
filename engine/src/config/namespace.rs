//! The list `[[namespace]]`: what is declared about topics by the part of their name before the first `:`.

use serde::{Deserialize, Serialize};

use super::idempotency::Idempotency;
use super::spelling;
use crate::log::{Durability, Kind, Policy};

/// One namespace. A topic of a namespace that is not declared takes the policy of `default`, which may be declared too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// The part of a topic's name before the first `:`. Must be given, once.
    pub name: String,
    /// What a topic is: `stream` (the last publications), `state` (the latest value of each key) or `document`
    /// (publishes are answered `NOT_SUPPORTED` by this version). Can never be changed once the namespace is declared.
    #[serde(with = "spelling::kind")]
    pub kind: Kind,
    /// `replicated`: acknowledged once it is on the disks of a majority, which for a node alone is its own, or
    /// `ephemeral`: held in the memory of one node and gone with its process. To change it ends the topics of the
    /// namespace: they begin new epochs, empty.
    #[serde(with = "spelling::durability")]
    pub durability: Durability,
    /// Publications that a topic retains: 1,000, what someone who was away for a while catches up. Older ones are
    /// forgotten; a cursor before them is answered `GONE`.
    pub history_count: u64,
    /// Bytes that a topic retains, 256 for each publication included: 4 MiB, some fifteen of the largest publications.
    /// Older ones are forgotten.
    pub history_bytes: u64,
    /// Age of what a topic retains: 24 hours, a night and a morning. Older ones are forgotten.
    pub history_age_ms: u64,
    /// Data, key and attributes of one publication: 256 KiB, a quarter of `limits.frame_bytes_max`. Larger ones get
    /// `PUBLICATION_TOO_LARGE`.
    pub publication_bytes_max: u64,
    /// Topics of the namespace: 1,000,000. Further ones get `TOO_MANY_TOPICS`.
    pub topics_max: u64,
    /// Bytes of all topics of the namespace, what they retain and their keys: 16 GiB, four thousand topics at the brim
    /// of `history_bytes`, so that one namespace does not take a whole disk; smaller disks are guarded by
    /// `storage.free_bytes_min`. An `ephemeral` namespace takes them from memory: give it what the machine can spare.
    /// What would pass it gets `QUOTA_EXCEEDED`.
    pub bytes_max: u64,
    /// Keys of a `state` topic: 100,000, so that its snapshot stays one that a browser can take. Further ones are
    /// refused.
    pub keys_max: u64,
    /// Bytes of all keys of a `state` topic, which retention does not touch: 64 MiB. What does not fit is refused.
    pub fold_bytes_max: u64,
}

impl Namespace {
    /// A namespace with the defaults of a policy.
    #[must_use]
    pub fn new(name: &str, kind: Kind) -> Self {
        Self::of_policy(&Policy::new(name, kind))
    }

    /// What would declare this policy, but for its idempotency.
    #[must_use]
    pub fn of_policy(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            kind: policy.kind,
            durability: policy.durability,
            history_count: policy.history_count,
            history_bytes: policy.history_bytes,
            history_age_ms: policy.history_age_ms,
            publication_bytes_max: policy.publication_bytes_max,
            topics_max: policy.topics_max,
            bytes_max: policy.bytes_max,
            keys_max: policy.keys_max,
            fold_bytes_max: policy.fold_bytes_max,
        }
    }

    /// What a node without a file declares, for its demos.
    #[must_use]
    pub fn demos() -> Vec<Self> {
        /// Values that the next second replaces: whoever was away longer than some minutes takes a snapshot.
        const SHORT_AGE_MS: u64 = 10 * 60 * 1_000;
        /// They are in memory: a quarter of what a small machine has.
        const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
        let fleeting = |name| Self {
            durability: Durability::Ephemeral,
            history_age_ms: SHORT_AGE_MS,
            bytes_max: MEMORY_BYTES,
            ..Self::new(name, Kind::State)
        };
        vec![
            Self::new("chat", Kind::Stream),
            // A key a person, gone within seconds; a line of text at most.
            Self { history_count: 100, publication_bytes_max: 1_024, keys_max: 1_000, ..fleeting("typing") },
            // A key a symbol, thousands of updates a second: enough of them to resume after ten seconds.
            Self {
                history_count: 40_000,
                history_bytes: 32 * 1024 * 1024,
                publication_bytes_max: 16 * 1024,
                keys_max: 10_000,
                ..fleeting("ticks")
            },
            Self { history_count: 10_000, publication_bytes_max: 16 * 1024, ..fleeting("fleet") },
            Self::new("doc", Kind::Document),
        ]
    }

    /// What the log keeps to.
    #[must_use]
    pub fn policy(&self, idempotency: Idempotency) -> Policy {
        Policy {
            name: self.name.clone(),
            kind: self.kind,
            durability: self.durability,
            moving_to: None,
            history_count: self.history_count,
            history_bytes: self.history_bytes,
            history_age_ms: self.history_age_ms,
            publication_bytes_max: self.publication_bytes_max,
            topics_max: self.topics_max,
            bytes_max: self.bytes_max,
            keys_max: self.keys_max,
            fold_bytes_max: self.fold_bytes_max,
            idempotency: idempotency.policy(),
        }
    }
}
