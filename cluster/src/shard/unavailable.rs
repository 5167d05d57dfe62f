//! Why a shard has no answer.

/// Try again, later or elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The command was not taken: as many wait already as may, or more was applied than the disk could keep up with.
    #[error("the shard has more to do than it can queue, retry in {retry_after_ms} ms")]
    Overloaded {
        /// When it is worth another try.
        retry_after_ms: u64,
    },
    /// The shard has no leader that a majority follows; what was proposed may yet take effect.
    #[error("the shard has no leader, retry in {retry_after_ms} ms")]
    NoLeader {
        /// When it is worth another try.
        retry_after_ms: u64,
    },
    /// The node is shutting down and takes nothing more.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The disk failed, or holds what cannot be read; what had been accepted may have taken effect.
    #[error("the shard's storage has failed")]
    StorageFault,
    /// The shard met a defect and serves no more until the node restarts; what it had accepted may have taken effect.
    #[error("the shard has stopped after a defect")]
    Stopped,
}
