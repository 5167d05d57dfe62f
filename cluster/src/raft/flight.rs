//! An entry on its way, seen from those who wait for its answers.

use std::sync::Arc;

use bytes::Bytes;
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;

use super::consensus::{Consensus, Respond};
use super::group::Group;
use crate::shard::{Batch, Ticket, Unavailable, answer_all};

/// Holds the tickets of an entry. However the entry ends, each is answered once: applied, refused, or dropped with the
/// group that it was proposed to.
pub(super) struct Flight {
    group: Arc<Group>,
    tickets: Vec<Ticket<Bytes>>,
    commands: Arc<Vec<Bytes>>,
    has_landed: bool,
}

impl Flight {
    pub(super) fn new(group: Arc<Group>, tickets: Vec<Ticket<Bytes>>, commands: Arc<Vec<Bytes>>) -> Self {
        Self { group, tickets, commands, has_landed: false }
    }

    /// Hands it to the consensus library.
    pub(super) fn responder(self) -> Respond<ClientWriteResult<Consensus>> {
        Respond(Box::new(|result| self.land(result)))
    }

    fn land(mut self, result: ClientWriteResult<Consensus>) {
        self.has_landed = true;
        let tickets = std::mem::take(&mut self.tickets);
        match result {
            // As many answers as commands: the state machine's adaptor has counted them.
            Ok(response) => {
                answer_all(tickets.into_iter().zip(response.data.into_iter().map(Ok)));
                self.group.landed(true);
            }
            Err(ClientWriteError::ForwardToLeader(to)) if to.leader_id.is_none_or(|id| id == self.group.node) => {
                self.wait_for_leader(tickets);
            }
            Err(ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_)) => {
                self.refuse(tickets, self.group.no_leader());
            }
            Err(ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_)) => {
                self.refuse(tickets, Unavailable::Stopped);
            }
        }
    }

    fn wait_for_leader(&mut self, tickets: Vec<Ticket<Bytes>>) {
        let commands = Arc::unwrap_or_clone(std::mem::take(&mut self.commands));
        if let Err((why, tickets)) = self.group.wait_for_leader(Batch { commands, tickets }) {
            self.refuse(tickets, why);
        }
    }

    fn refuse(&self, tickets: Vec<Ticket<Bytes>>, why: Unavailable) {
        answer_all(tickets.into_iter().map(|ticket| (ticket, Err(why))));
        self.group.landed(false);
    }
}

impl Drop for Flight {
    /// Unheard: the group has ended, and if nobody knows why, that is a defect.
    fn drop(&mut self) {
        if self.has_landed {
            return;
        }
        if self.group.inbox.is_closed() {
            self.group.close(Unavailable::ShuttingDown);
        } else {
            self.group.fail(Unavailable::Stopped, "its core has ended");
        }
        let why = self.group.failed().unwrap_or(Unavailable::ShuttingDown);
        let tickets = std::mem::take(&mut self.tickets);
        self.refuse(tickets, why);
    }
}
