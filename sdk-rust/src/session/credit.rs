//! Credit of an open view: how many events the node may still send, and when to grant more (W18). Counts as the node does:
//! what was published, not bookmarks and the ends of snapshots.

use fanfare_protocol::{EventBatch, EventType};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credit {
    /// The smallest that a reader asked for.
    max: u64,
    /// What the node may still send.
    left: u64,
}

impl Credit {
    /// Of a view that is opened for readers with this room.
    pub(super) fn new(max: u64, room: u64) -> Self {
        Self { max, left: room }
    }

    pub(super) fn left(self) -> u64 {
        self.left
    }

    /// Events came. A snapshot is sent whole, so they may be more than were left.
    pub(super) fn spend(&mut self, batch: &EventBatch) {
        let is_counted = |kind: EventType| matches!(kind, EventType::Put | EventType::Delete | EventType::Patch);
        let count = batch.events.iter().filter(|event| is_counted(event.r#type())).count();
        self.left = self.left.saturating_sub(count as u64);
    }

    /// What to grant to readers who have room for so many; half of the credit at least, so that a grant costs little.
    pub(super) fn grant(&mut self, room: u64) -> Option<u64> {
        let events = room.saturating_sub(self.left);
        let is_worth_it = events >= self.max.div_ceil(2).max(1);
        is_worth_it.then(|| {
            self.left += events;
            events
        })
    }
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::Event;

    use super::*;

    fn batch(kinds: &[EventType]) -> EventBatch {
        let event = |kind: &EventType| Event { r#type: (*kind).into(), ..Default::default() };
        EventBatch { events: kinds.iter().map(event).collect(), ..Default::default() }
    }

    /// W18.
    #[test]
    fn what_is_on_its_way_and_what_waits_never_exceed_the_credit() {
        let mut credit = Credit::new(4, 4);
        assert_eq!(credit.grant(4), None);
        credit.spend(&batch(&[EventType::Put, EventType::Bookmark, EventType::Delete, EventType::SnapshotEnd]));
        assert_eq!((credit.left(), credit.grant(2)), (2, None), "both are unread");
        assert_eq!(credit.grant(3), None, "one is not worth a message");
        assert_eq!((credit.grant(4), credit.left()), (Some(2), 4));
        credit.spend(&batch(&[EventType::Put; 9]));
        assert_eq!((credit.left(), credit.grant(4)), (0, Some(4)));
    }
}
