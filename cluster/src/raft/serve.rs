//! Answers what other nodes ask of a group of this one.

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{Fatal, RaftError};

use super::codec::{Malformed, vote_to_bytes};
use super::consensus::{Consensus, Raft, Vote};
use super::group::Group;
use super::snapshot::{Snapshot, SnapshotData, meta_of};
use super::translate::{
    append_from_wire, appended_to_wire, ballot_from_wire, leaders_vote, transfer_from_wire, transferred_to_wire,
    voted_to_wire,
};
use super::wire::{Finished, Offer, PeerReply, PeerRequest, Piece, Reply, Request, Standing, Unable};
use crate::shard::{SnapshotId, StateFault};

/// Why there is no reply but [`Unable`].
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the group does not run")]
    NotRunning,
    #[error("the request cannot be read: {0}")]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    State(#[from] StateFault),
    #[error(transparent)]
    Raft(#[from] RaftError<Consensus>),
    #[error(transparent)]
    Fatal(#[from] Fatal<Consensus>),
}

/// The reply to a request of another replica of the group.
pub(super) async fn serve(group: &Group, request: PeerRequest) -> PeerReply {
    let reply = match group.raft().filter(|_| group.failed().is_none()) {
        Some(raft) => reply(group, raft, request.0).await,
        None => Err(Refused::NotRunning),
    };
    PeerReply(reply.unwrap_or_else(|refused| {
        tracing::warn!(group = %group.id, %refused, "a request of another node was refused");
        Reply::Unable(Unable {})
    }))
}

async fn reply(group: &Group, raft: &Raft, request: Request) -> Result<Reply, Refused> {
    Ok(match request {
        Request::Append(append) => {
            Reply::Appended(appended_to_wire(&raft.append_entries(append_from_wire(append)?).await?))
        }
        Request::Vote(ballot) => Reply::Voted(voted_to_wire(&raft.vote(ballot_from_wire(ballot)?).await?)),
        Request::PreVote(ballot) => Reply::Voted(voted_to_wire(&raft.pre_vote(ballot_from_wire(ballot)?).await?)),
        Request::Transfer(transfer) => {
            let request = transfer_from_wire(transfer)?;
            Reply::Transferred(transferred_to_wire(&raft.handle_transfer_leader(request).await?))
        }
        Request::Offer(offer) => Reply::Standing(offered(group, raft, offer).await?),
        Request::Piece(piece) => Reply::Standing(taken(group, piece).await?),
        Request::Finish(offer) => Reply::Finished(finished(group, raft, offer).await?),
    })
}

async fn offered(group: &Group, raft: &Raft, offer: Offer) -> Result<Standing, Refused> {
    let vote = leaders_vote(offer.vote)?;
    let id = SnapshotId::from(offer.snapshot);
    // What cannot be installed is not taken in either.
    if meta_of(&id.position)?.last_log_id.is_none() {
        return Err(Malformed::Field { field: "snapshot" }.into());
    }
    let own = vote_of(raft);
    if own > vote {
        return Ok(Standing { vote: Some(vote_to_bytes(&own)), has_all: false, place: None });
    }
    if has(group, &id) {
        return Ok(Standing { vote: None, has_all: true, place: None });
    }
    let snapshots = group.snapshots().ok_or(Refused::NotRunning)?;
    let place = group.intake.offer(id, snapshots).await?;
    Ok(Standing { vote: None, has_all: false, place: Some(place) })
}

async fn taken(group: &Group, piece: Piece) -> Result<Standing, Refused> {
    let (id, after, chunk) = piece.open();
    let place = group.intake.take(&id, &after, chunk).await?;
    Ok(Standing { vote: None, has_all: false, place })
}

async fn finished(group: &Group, raft: &Raft, offer: Offer) -> Result<Finished, Refused> {
    let vote = leaders_vote(offer.vote)?;
    let id = SnapshotId::from(offer.snapshot);
    let Some(staged) = group.intake.finish(&id).await? else {
        return Ok(Finished { vote: has(group, &id).then(|| vote_to_bytes(&vote)) });
    };
    let snapshot = Snapshot { meta: meta_of(&staged.position)?, snapshot: SnapshotData::Staged(staged) };
    let installed = raft.install_full_snapshot(vote, snapshot).await?;
    Ok(Finished { vote: Some(vote_to_bytes(&installed.vote)) })
}

/// Whether the state has come as far by itself, or the snapshot was installed and the word of it lost.
fn has(group: &Group, id: &SnapshotId) -> bool {
    group.applied() >= id.position.index && group.applied() > 0
}

fn vote_of(raft: &Raft) -> Vote {
    raft.metrics().borrow_watched().vote
}
