//! The log: what a topic is. The pure state machine of a shard, from commands to versions, folds and history.
//!
//! A publication is encoded into a [`command`], committed by the cluster, applied by [`shard`] and kept by [`topic`],
//! whose parts are the [`history`] (what can be resumed), the [`fold`] (what a `state` topic stands for) and the
//! [`idempotency`] (what makes a repetition harmless). [`judge`] decides before anything changes; [`read`] is what
//! watchers see; [`shared`] is the handle for the threads that read and the one that applies.
//!
//! **No clock, no chance, no actor, no socket, no encoding of views.** Time and epochs come in with the entry. Decisions
//! that are written nowhere else:
//!
//! * To delete a key that does not exist is a publication like any other: it gets a version and its event is delivered,
//!   as with a NATS bucket, and `DELETE` may be repeated as with etcd or Redis. Who wants to know uses `ifVersion`.
//!   Only where the topic itself does not exist is a publish of nothing but deletes refused (`NOT_FOUND`).
//! * What is refused for good under a producer's sequence is the result of that sequence: it is stored and repeated,
//!   and the next sequence is accepted. What may be tried again (`IDEMPOTENCY_FULL`) leaves the sequence open.
//! * The versions that an expiring key's delete takes stay, even when the command that brought the time is refused.

mod answer;
mod command;
mod committed;
mod digest;
mod expiry;
mod fold;
mod gap;
mod history;
mod idempotency;
mod judge;
mod lane;
mod line;
mod listing;
mod machine;
mod memory;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod namespace_policy;
mod policy;
mod read;
mod refusal;
pub mod rows;
mod shard;
mod shared;
mod slot;
mod stored;
mod stored_read;
mod topic;
mod weight;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use command::{DeleteTopic, Expire, Publish, SetPolicies};
pub use committed::Committed;
pub use gap::Gap;
pub use namespace_policy::NamespacePolicy;
pub use policy::{Durability, IdempotencyPolicy, Kind, Policies, Policy};
pub use read::{Listed, Page, ReadLimit, Reading, Snapshot, StoredRead};
pub use refusal::MOVING_RETRY_MS;
pub use shared::{CommittedSink, SharedLog};
pub use stored::{ShardStorage, Stored};
