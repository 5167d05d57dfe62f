//! How groups reach their replicas on other nodes.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::wire::{PeerReply, PeerRequest};
use crate::log::GroupId;

/// A reply that is on its way.
pub type PeerCall = Pin<Box<dyn Future<Output = Result<PeerReply, Unreachable>> + Send>>;

/// No reply came, for whatever reason: the request may have been heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("node `{node}` cannot be reached")]
pub struct Unreachable {
    /// Who was called.
    pub node: u64,
}

/// The way to the other nodes, shared by all groups. On the other side the request goes to
/// [`RaftShards::serve`](super::RaftShards::serve).
///
/// Requests of one group to one node arrive in the order of the calls: appends are pipelined, and out of order they
/// would be refused and sent again.
pub trait Peers: Send + Sync {
    /// Sends a request to the same group on another node. The call ends by the deadline, with or without a reply;
    /// dropped before, its reply is of no use any more.
    fn call(&self, to: u64, group: GroupId, request: PeerRequest, deadline: Duration) -> PeerCall;
}
