//! Between the consensus library's messages and ours. What comes from another node is checked here: the library takes
//! its messages for granted, and a strange one must be an error and not a panic.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};

use super::codec::{
    Malformed, entry_from_log, entry_to_log, log_id_from_bytes, log_id_to_bytes, vote_from_bytes, vote_to_bytes,
};
use super::consensus::{Consensus, LogId, Vote};
use super::wire::{Append, Ballot, Outcome, Transfer, Voted, outcome};
use crate::log::LogEntry;

pub(super) fn append_to_wire(request: &AppendEntriesRequest<Consensus>) -> Append {
    Append {
        vote: vote_to_bytes(&request.vote),
        previous: id_to_wire(request.prev_log_id.as_ref()),
        entries: request.entries.iter().map(|entry| entry_to_log(entry).bytes).collect(),
        committed: id_to_wire(request.leader_commit.as_ref()),
    }
}

pub(super) fn append_from_wire(append: Append) -> Result<AppendEntriesRequest<Consensus>, Malformed> {
    let prev_log_id = id_from_wire(append.previous)?;
    let first = prev_log_id.as_ref().map_or(0, |id| id.index.saturating_add(1));
    let entries =
        append.entries.into_iter().zip(first..).map(|(bytes, index)| entry_from_log(LogEntry { index, bytes }));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let ids = prev_log_id.iter().chain(entries.iter().map(|entry| &entry.log_id));
    if !ids.clone().zip(ids.skip(1)).all(|(before, after)| before.leader_id <= after.leader_id) {
        return Err(Malformed::Field { field: "entries" });
    }
    let leader_commit = id_from_wire(append.committed)?;
    Ok(AppendEntriesRequest { vote: leaders_vote(append.vote)?, prev_log_id, entries, leader_commit })
}

/// Only who leads appends, sends snapshots and hands over.
pub(super) fn leaders_vote(vote: Bytes) -> Result<Vote, Malformed> {
    let vote = vote_from_bytes(vote)?;
    if vote.committed { Ok(vote) } else { Err(Malformed::Field { field: "vote" }) }
}

pub(super) fn appended_to_wire(response: &AppendEntriesResponse<Consensus>) -> Outcome {
    let (kind, id) = match response {
        AppendEntriesResponse::Success => (outcome::DONE, None),
        AppendEntriesResponse::PartialSuccess(upto) => (outcome::PARTLY, id_to_wire(upto.as_ref())),
        AppendEntriesResponse::Conflict => (outcome::CONFLICT, None),
        AppendEntriesResponse::HigherVote(vote) => (outcome::VOTE, Some(vote_to_bytes(vote))),
    };
    Outcome { kind, id }
}

/// `has_previous`: what follows nothing cannot conflict.
pub(super) fn appended_from_wire(
    appended: Outcome,
    has_previous: bool,
) -> Result<AppendEntriesResponse<Consensus>, Malformed> {
    match appended.kind {
        outcome::DONE => Ok(AppendEntriesResponse::Success),
        outcome::PARTLY => Ok(AppendEntriesResponse::PartialSuccess(id_from_wire(appended.id)?)),
        outcome::CONFLICT if has_previous => Ok(AppendEntriesResponse::Conflict),
        outcome::VOTE => Ok(AppendEntriesResponse::HigherVote(vote_from_bytes(appended.id.unwrap_or_default())?)),
        _ => Err(Malformed::Field { field: "outcome" }),
    }
}

pub(super) fn ballot_to_wire(request: &VoteRequest<Consensus>) -> Ballot {
    Ballot {
        vote: vote_to_bytes(&request.vote),
        last: id_to_wire(request.last_log_id.as_ref()),
        is_transfer: request.leadership_transfer,
    }
}

pub(super) fn ballot_from_wire(ballot: Ballot) -> Result<VoteRequest<Consensus>, Malformed> {
    let mut request = VoteRequest::new(vote_from_bytes(ballot.vote)?, id_from_wire(ballot.last)?);
    request.leadership_transfer = ballot.is_transfer;
    Ok(request)
}

pub(super) fn voted_to_wire(response: &VoteResponse<Consensus>) -> Voted {
    Voted {
        vote: vote_to_bytes(&response.vote),
        is_granted: response.vote_granted,
        last: id_to_wire(response.last_log_id.as_ref()),
    }
}

pub(super) fn voted_from_wire(voted: Voted) -> Result<VoteResponse<Consensus>, Malformed> {
    Ok(VoteResponse::new(vote_from_bytes(voted.vote)?, id_from_wire(voted.last)?, voted.is_granted))
}

pub(super) fn transfer_to_wire(request: &TransferLeaderRequest<Consensus>) -> Transfer {
    Transfer {
        from: vote_to_bytes(request.from_leader()),
        to: *request.to_node_id(),
        last: id_to_wire(request.last_log_id()),
    }
}

pub(super) fn transfer_from_wire(transfer: Transfer) -> Result<TransferLeaderRequest<Consensus>, Malformed> {
    Ok(TransferLeaderRequest::new(leaders_vote(transfer.from)?, transfer.to, id_from_wire(transfer.last)?))
}

pub(super) fn transferred_to_wire(response: &TransferLeaderResponse<Consensus>) -> Outcome {
    let (kind, id) = match response {
        Ok(()) => (outcome::DONE, None),
        Err(TransferLeaderError::VoteChanged { actual, .. }) => (outcome::VOTE, Some(vote_to_bytes(actual))),
        Err(TransferLeaderError::LogNotFlushed { actual, .. }) => (outcome::BEHIND, id_to_wire(actual.as_ref())),
    };
    Outcome { kind, id }
}

pub(super) fn transferred_from_wire(
    transferred: Outcome,
    request: &TransferLeaderRequest<Consensus>,
) -> Result<TransferLeaderResponse<Consensus>, Malformed> {
    match transferred.kind {
        outcome::DONE => Ok(Ok(())),
        outcome::VOTE => {
            let actual = vote_from_bytes(transferred.id.unwrap_or_default())?;
            Ok(Err(TransferLeaderError::VoteChanged { expected: *request.from_leader(), actual }))
        }
        outcome::BEHIND => {
            let (expected, actual) = (request.last_log_id().cloned(), id_from_wire(transferred.id)?);
            Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual }))
        }
        _ => Err(Malformed::Field { field: "outcome" }),
    }
}

fn id_to_wire(id: Option<&LogId>) -> Option<Bytes> {
    id.map(log_id_to_bytes)
}

fn id_from_wire(id: Option<Bytes>) -> Result<Option<LogId>, Malformed> {
    id.map(log_id_from_bytes).transpose()
}

#[cfg(test)]
mod tests;
