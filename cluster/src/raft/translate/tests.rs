use openraft::EntryPayload;

use super::super::consensus::{RaftEntry, log_id};
use super::super::wire::{PeerReply, PeerRequest, Reply, Request};
use super::*;

fn blank(term: u64, index: u64) -> RaftEntry {
    RaftEntry { log_id: log_id(term, 1, index), payload: EntryPayload::Blank }
}

fn append(previous: Option<LogId>, entries: Vec<RaftEntry>) -> AppendEntriesRequest<Consensus> {
    let leader_commit = previous;
    AppendEntriesRequest { vote: Vote::new_committed(2, 1), prev_log_id: previous, entries, leader_commit }
}

fn over_the_link(request: Request) -> Request {
    PeerRequest::decode(PeerRequest(request).encode()).unwrap().0
}

fn back_over_the_link(reply: Reply) -> Reply {
    PeerReply::decode(PeerReply(reply).encode()).unwrap().0
}

#[test]
fn an_append_arrives_as_it_was_sent() {
    for request in [
        append(None, vec![]),
        append(None, vec![blank(0, 0), blank(1, 1)]),
        append(Some(log_id(1, 1, 7)), vec![blank(1, 8), blank(2, 9)]),
    ] {
        let Request::Append(arrived) = over_the_link(Request::Append(append_to_wire(&request))) else {
            panic!("it is an append")
        };
        let arrived = append_from_wire(arrived).unwrap();
        assert_eq!(arrived.vote, request.vote);
        assert_eq!(arrived.prev_log_id, request.prev_log_id);
        assert_eq!(arrived.entries, request.entries);
        assert_eq!(arrived.leader_commit, request.leader_commit);
    }
}

/// The library asserts these; over a link they are somebody else's word.
#[test]
fn an_append_that_no_leader_sends_is_refused() {
    let mut uncommitted = append_to_wire(&append(None, vec![]));
    uncommitted.vote = vote_to_bytes(&Vote::new(2, 1));
    assert_eq!(append_from_wire(uncommitted).unwrap_err(), Malformed::Field { field: "vote" });
    let backwards = append_to_wire(&append(Some(log_id(3, 1, 7)), vec![blank(2, 8)]));
    assert_eq!(append_from_wire(backwards).unwrap_err(), Malformed::Field { field: "entries" });
    let mut strange = append_to_wire(&append(None, vec![blank(1, 0)]));
    strange.entries[0] = Bytes::from_static(&[1]);
    assert_eq!(append_from_wire(strange).unwrap_err(), Malformed::Short);
}

#[test]
fn the_outcome_of_an_append_arrives_as_it_was_sent() {
    for response in [
        AppendEntriesResponse::Success,
        AppendEntriesResponse::PartialSuccess(None),
        AppendEntriesResponse::PartialSuccess(Some(log_id(1, 2, 3))),
        AppendEntriesResponse::Conflict,
        AppendEntriesResponse::HigherVote(Vote::new(9, 3)),
    ] {
        let reply = back_over_the_link(Reply::Appended(appended_to_wire(&response)));
        let Reply::Appended(arrived) = reply else { panic!("it is an outcome") };
        assert_eq!(appended_from_wire(arrived, true).unwrap(), response);
    }
    let conflict = appended_to_wire(&AppendEntriesResponse::Conflict);
    assert!(appended_from_wire(conflict, false).is_err(), "what follows nothing cannot conflict");
    assert!(appended_from_wire(Outcome { kind: 0, id: None }, true).is_err());
    assert!(appended_from_wire(Outcome { kind: outcome::VOTE, id: None }, true).is_err());
}

#[test]
fn ballots_and_votes_arrive_as_they_were_sent() {
    let mut request = VoteRequest::new(Vote::new(4, 2), Some(log_id(3, 1, 9)));
    request.leadership_transfer = true;
    for sent in [Request::Vote(ballot_to_wire(&request)), Request::PreVote(ballot_to_wire(&request))] {
        let arrived = over_the_link(sent.clone());
        assert_eq!(arrived, sent);
        let (Request::Vote(ballot) | Request::PreVote(ballot)) = arrived else { panic!("it is a ballot") };
        assert_eq!(ballot_from_wire(ballot).unwrap(), request);
    }
    for response in [
        VoteResponse::new(Vote::new(4, 2), None, true),
        VoteResponse::new(Vote::new(5, 3), Some(log_id(1, 1, 1)), false),
    ] {
        let Reply::Voted(arrived) = back_over_the_link(Reply::Voted(voted_to_wire(&response))) else {
            panic!("it is a vote")
        };
        assert_eq!(voted_from_wire(arrived).unwrap(), response);
    }
}

#[test]
fn a_transfer_and_its_outcome_arrive_as_they_were_sent() {
    let request = TransferLeaderRequest::new(Vote::new_committed(4, 2), 3, Some(log_id(4, 2, 9)));
    let Request::Transfer(arrived) = over_the_link(Request::Transfer(transfer_to_wire(&request))) else {
        panic!("it is a transfer")
    };
    assert_eq!(transfer_from_wire(arrived).unwrap(), request);
    let (expected, actual) = (request.last_log_id().cloned(), Some(log_id(4, 2, 7)));
    for response in [
        Ok(()),
        Err(TransferLeaderError::VoteChanged { expected: *request.from_leader(), actual: Vote::new(9, 1) }),
        Err(TransferLeaderError::LogNotFlushed { expected, actual }),
        Err(TransferLeaderError::LogNotFlushed { expected, actual: None }),
    ] {
        let reply = back_over_the_link(Reply::Transferred(transferred_to_wire(&response)));
        let Reply::Transferred(arrived) = reply else { panic!("it is an outcome") };
        assert_eq!(transferred_from_wire(arrived, &request).unwrap(), response);
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    assert!(PeerRequest::decode(Bytes::from_static(&[0xff; 9])).is_err());
    assert!(PeerRequest::decode(Bytes::new()).is_err(), "a request of a later version looks like none");
    assert!(PeerReply::decode(Bytes::new()).is_err());
    assert!(!PeerRequest(Request::Append(append_to_wire(&append(None, vec![])))).is_bulk());
}
