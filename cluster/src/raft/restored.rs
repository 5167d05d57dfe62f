//! Groups whose state came from a backup: what their log has to say so that nobody takes them for new ones.
//!
//! A group that has neither entries nor a vote is founded anew, and a replica that joins later would be fed from its first
//! entry on, which knows nothing of the restored state. So a restored group stands behind an entry that is gone: its
//! state is at index 1 of term 1, the log is purged up to there, and the vote is that of the node which led that term.
//! Whoever joins is sent a snapshot. The one member is the node itself, whatever the group's members were before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use openraft::EmptyNode;

use super::codec::{log_id_to_bytes, members_to_bytes, vote_to_bytes};
use super::consensus::{LogId, Membership, StoredMembership, Vote, log_id};
use crate::log::{Appended, GroupId, LogEngine, LogFault, Purged};
use crate::shard::Position;

/// The one term of a restored group before its first start.
const TERM: u64 = 1;

/// The entry that its state stands at: not 0, which may be mistaken for none.
const INDEX: u64 = 1;

/// Where the restored state of a group stands that has this node as its one member.
///
/// # Panics
/// Never: one voter that is a member makes a membership.
#[must_use]
pub fn restored_position(node: u64, shard_ms: u64) -> Position {
    let nodes = BTreeMap::from([(node, EmptyNode {})]);
    let members = Membership::new(vec![BTreeSet::from([node])], nodes).expect("its one voter is a member");
    let members = StoredMembership::new(Some(last(node)), members);
    Position { index: INDEX, term: TERM, leader: node, shard_ms, membership: members_to_bytes(&members) }
}

/// Writes what the log has to say of restored groups, into a log that holds nothing of them. Durable once the log was
/// closed. Blocks.
///
/// # Errors
/// When it cannot be written.
pub fn write_restored(
    log: &dyn LogEngine,
    groups: impl IntoIterator<Item = GroupId>,
    node: u64,
) -> Result<(), LogFault> {
    let (told, outcomes) = mpsc::channel();
    let done = || -> Appended {
        let told = told.clone();
        Box::new(move |outcome| {
            // Nobody listens any more when an earlier one has failed.
            let _ = told.send(outcome);
        })
    };
    for group in groups {
        log.save_vote(group, vote_to_bytes(&Vote::new_committed(TERM, node)), done());
        log.purge(group, Purged { index: INDEX, id: log_id_to_bytes(&last(node)) }, done());
    }
    drop(told);
    outcomes.iter().collect()
}

fn last(node: u64) -> LogId {
    log_id(TERM, node, INDEX)
}
