//! The consensus library's way to other nodes: its messages become ours and go over [`Peers`]. Every call has its
//! deadline, and whoever does not answer is left alone for a moment.

use std::future::Future;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{EmptyNode, OptionalSend};

use super::codec::Malformed;
use super::consensus::{Consensus, Vote};
use super::group::Group;
use super::peers::Peers;
use super::snapshot::{Snapshot, SnapshotData};
use super::transfer;
use super::translate::{
    append_to_wire, appended_from_wire, ballot_to_wire, transfer_to_wire, transferred_from_wire, voted_from_wire,
};
use super::wire::{PeerReply, PeerRequest, Reply, Request};

/// Appends of one group to one node that may be under way: 8, several round trips' worth.
const APPENDS_IN_FLIGHT_MAX: usize = 8;

/// The ways of one group. A node by itself has none, and calls nobody.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) group: Arc<Group>,
    pub(super) peers: Option<Arc<dyn Peers>>,
}

/// The way of a group to one node.
pub(super) struct Way {
    ways: Ways,
    to: u64,
}

pub(super) type CallError = RPCError<Consensus>;

impl RaftNetworkFactory<Consensus> for Ways {
    type Network = Way;

    async fn new_client(&mut self, target: u64, _: &EmptyNode) -> Way {
        Way { ways: self.clone(), to: target }
    }
}

impl Way {
    pub(super) fn group(&self) -> &Group {
        &self.ways.group
    }

    pub(super) fn to(&self) -> u64 {
        self.to
    }

    pub(super) async fn call(&self, request: Request, option: &RPCOption) -> Result<Reply, CallError> {
        let unreachable = super::peers::Unreachable { node: self.to };
        let Some(peers) = &self.ways.peers else {
            return Err(RPCError::Unreachable(Unreachable::new(&unreachable)));
        };
        let deadline = option.hard_ttl();
        let call = peers.call(self.to, self.ways.group.id, PeerRequest(request), deadline);
        match tokio::time::timeout(deadline, call).await {
            // A group that does not run there is no better than a node that is not there.
            Err(_) | Ok(Ok(PeerReply(Reply::Unable(_)))) => Err(RPCError::Unreachable(Unreachable::new(&unreachable))),
            Ok(Err(fault)) => Err(RPCError::Unreachable(Unreachable::new(&fault))),
            Ok(Ok(PeerReply(reply))) => Ok(reply),
        }
    }

    async fn append(
        &self,
        request: AppendEntriesRequest<Consensus>,
        option: &RPCOption,
    ) -> Result<AppendEntriesResponse<Consensus>, CallError> {
        match self.call(Request::Append(append_to_wire(&request)), option).await? {
            Reply::Appended(appended) => read(appended_from_wire(appended, request.prev_log_id.is_some())),
            _ => Err(strange()),
        }
    }

    async fn ballot(&self, request: Request, option: &RPCOption) -> Result<VoteResponse<Consensus>, CallError> {
        match self.call(request, option).await? {
            Reply::Voted(voted) => read(voted_from_wire(voted)),
            _ => Err(strange()),
        }
    }
}

impl RaftNetworkV2<Consensus> for Way {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Consensus>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Consensus>, CallError> {
        self.append(request, &option).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Consensus>, CallError>>, CallError>>
    where
        S: Stream<Item = AppendEntriesRequest<Consensus>> + OptionalSend + Unpin + 'static,
    {
        let way = &*self;
        let replies = input.map(move |request| {
            let option = option.clone();
            let previous = request.prev_log_id;
            let last = request.entries.last().map(|entry| entry.log_id).or(previous);
            async move { Ok(way.append(request, &option).await?.into_stream_result(previous, last)) }
        });
        let replies: BoxStream<'s, _> = Box::pin(replies.buffered(APPENDS_IN_FLIGHT_MAX));
        Box::pin(std::future::ready(Ok(replies)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Consensus>,
        option: RPCOption,
    ) -> Result<VoteResponse<Consensus>, CallError> {
        self.ballot(Request::Vote(ballot_to_wire(&request)), &option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Consensus>,
        option: RPCOption,
    ) -> Result<VoteResponse<Consensus>, CallError> {
        self.ballot(Request::PreVote(ballot_to_wire(&request)), &option).await
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Consensus>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Consensus>, CallError> {
        match self.call(Request::Transfer(transfer_to_wire(&request)), &option).await? {
            Reply::Transferred(transferred) => read(transferred_from_wire(transferred, &request)),
            _ => Err(strange()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Consensus>, StreamingError<Consensus>> {
        let SnapshotData::View(view) = snapshot.snapshot else {
            return Err(StreamingError::Closed(ReplicationClosed::new("only a view can be sent")));
        };
        let mut held = self.ways.group.views.hold(view);
        let sent = tokio::select! {
            closed = cancel => return Err(StreamingError::Closed(closed)),
            sent = transfer::send(self, vote, &mut held, &option) => sent?,
        };
        // Whoever has a higher vote may be sent the view by somebody else.
        if sent <= vote {
            held.done();
        }
        Ok(SnapshotResponse::new(sent))
    }
}

/// A reply to another question, or none that can be read: not worth being asked again at once, and no reason to stop.
pub(super) fn strange() -> CallError {
    RPCError::Network(NetworkError::from_string("the reply is to another question"))
}

pub(super) fn read<T>(reply: Result<T, Malformed>) -> Result<T, CallError> {
    reply.map_err(|malformed| RPCError::Network(NetworkError::new(&malformed)))
}
