//! A call on its way to the disk.

use bytes::Bytes;

use super::engine::{Appended, GroupId, Purged};
use super::fault::LogFault;
use super::groups::Freed;
use super::record::record_bytes;

/// What becomes one record, or nothing but a callback in its turn.
pub(super) struct Item {
    pub(super) group: GroupId,
    pub(super) turn: u64,
    pub(super) call: Call,
    /// Of the last record of a call.
    pub(super) done: Option<Appended>,
}

/// What is to be recorded.
pub(super) enum Call {
    Entry {
        index: u64,
        bytes: Bytes,
    },
    Vote(Bytes),
    Truncate {
        index: u64,
        freed: Freed,
    },
    Purge {
        purged: Purged,
        freed: Freed,
    },
    /// The call changes nothing; it is done when those before it are.
    Nothing,
    /// The call was refused; it is told so when those before it are done.
    Refused(LogFault),
}

impl Item {
    /// Bytes that it takes in a segment.
    pub(super) fn record_bytes(&self) -> usize {
        match &self.call {
            Call::Entry { bytes, .. } | Call::Vote(bytes) => record_bytes(bytes.len()),
            Call::Truncate { .. } => record_bytes(0),
            Call::Purge { purged, .. } => record_bytes(purged.id.len()),
            Call::Nothing | Call::Refused(_) => 0,
        }
    }

    /// Tells the caller how it ended.
    pub(super) fn done(mut self) {
        let refused = if let Call::Refused(fault) = &self.call { Err(fault.clone()) } else { Ok(()) };
        self.tell(refused);
    }

    /// Tells the caller that nothing will come of it.
    pub(super) fn fail(mut self, fault: &LogFault) {
        self.tell(Err(fault.clone()));
    }

    fn tell(&mut self, outcome: Result<(), LogFault>) {
        if let Some(done) = self.done.take() {
            done(outcome);
        }
    }
}

impl Drop for Item {
    /// Nobody waits for ever: not even if the writer ends by a defect, with calls in its hands.
    fn drop(&mut self) {
        self.tell(Err(LogFault::Closed));
    }
}
