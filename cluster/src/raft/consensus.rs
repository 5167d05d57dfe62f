//! The types that the consensus library is used with, and short names for those it builds of them.

use openraft::impls::leader_id_adv::LeaderId;
use openraft::impls::{BoxedErrorSource, InlineBatch, TokioRuntime};
use openraft::raft::responder::Responder;
use openraft::{EmptyNode, EntryPayload, OptionalSend, RaftTypeConfig, alias};

use bytes::Bytes;

use super::commands::Commands;
use super::state::State;

/// The type configuration. Nodes are numbers and nothing else: where to reach them is known to the cluster, not to each
/// of its groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Consensus;

impl RaftTypeConfig for Consensus {
    type D = Commands;
    type R = Vec<Bytes>;
    type NodeId = u64;
    type Node = EmptyNode;
    type Term = u64;
    type LeaderId = LeaderId<u64, u64>;
    type Vote = openraft::Vote<Self::LeaderId>;
    type Payload = EntryPayload<Self::D, u64, EmptyNode>;
    type Entry = openraft::Entry<LeaderId<u64, u64>, Self::Payload>;
    type AsyncRuntime = TokioRuntime;
    type Responder<T>
        = Respond<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

/// Hears how an entry ended, on the thread that applied it: no channel, and no task that waits at its end. Dropped
/// unheard when the group ends first.
pub(super) struct Respond<T>(pub(super) Box<dyn FnOnce(T) + Send>);

impl<T: OptionalSend + 'static> Responder<Consensus, T> for Respond<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

pub(super) type Raft = openraft::Raft<Consensus, State>;
pub(super) type RaftEntry = alias::EntryOf<Consensus>;
pub(super) type LogId = alias::LogIdOf<Consensus>;
pub(super) type Vote = alias::VoteOf<Consensus>;
pub(super) type Membership = openraft::Membership<u64, EmptyNode>;
pub(super) type StoredMembership = alias::StoredMembershipOf<Consensus>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<Consensus>;

/// A log id of its parts.
pub(super) fn log_id(term: u64, leader: u64, index: u64) -> LogId {
    LogId::new(LeaderId { term, node_id: leader }, index)
}
