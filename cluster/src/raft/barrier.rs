//! Reads that need a majority's word that this node still leads: all that wait together share one round.

use std::sync::Arc;
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use tokio::time::Instant;

use super::consensus::Consensus;
use super::group::Group;
use crate::shard::{Unavailable, answer_all};

/// How often a majority is asked again while there is none: 5 ms, a fraction of an election.
const POLL: Duration = Duration::from_millis(5);

/// Answers everyone who waits for the group now.
pub(super) fn ask(group: &Arc<Group>, patience: Duration) {
    let waiting = group.take_barriers();
    if waiting.is_empty() {
        return;
    }
    let group = Arc::clone(group);
    tokio::spawn(async move {
        let answer = read_index(&group, Instant::now() + patience).await;
        answer_all(waiting.into_iter().map(|ticket| (ticket, answer)));
    });
}

async fn read_index(group: &Group, until: Instant) -> Result<u64, Unavailable> {
    loop {
        let raft = group.raft().ok_or(group.no_leader())?;
        let asked = tokio::time::timeout_at(until, raft.ensure_linearizable(ReadPolicy::ReadIndex)).await;
        let why = match asked {
            Ok(Ok(_)) => return Ok(group.applied()),
            Ok(Err(refused)) => refused,
            Err(_) => return Err(group.no_leader()),
        };
        if !is_passing(&why, group.node) || Instant::now() >= until {
            return Err(match why {
                RaftError::Fatal(_) => group.failed().unwrap_or(Unavailable::ShuttingDown),
                RaftError::APIError(_) => group.no_leader(),
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Nobody else leads that one could turn to: right after an election that passes in milliseconds.
fn is_passing(why: &RaftError<Consensus, LinearizableReadError<Consensus>>, node: u64) -> bool {
    match why {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(to)) => to.leader_id.is_none_or(|id| id == node),
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => true,
        RaftError::Fatal(_) => false,
    }
}
