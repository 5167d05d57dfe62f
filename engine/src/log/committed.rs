//! What an entry did to a topic, for those who distribute it.

use std::sync::Arc;

use fanfare_protocol::TopicName;
use fanfare_protocol::{Event, ResourceVersion};

/// The events of one topic and one entry. A topic that is deleted and created again within an entry has one for each
/// of its lives, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Of the entry, in its shard.
    pub index: u64,
    /// Which topic.
    pub topic: TopicName,
    /// It did not exist before: a watcher who stands at `0.0` goes on here, from `EPOCH.0`.
    pub created: bool,
    /// Where its head stood before.
    pub after: ResourceVersion,
    /// Where its head stands now, or stood when it was deleted.
    pub through: ResourceVersion,
    /// Exactly the versions in (`after`, `through`], ascending.
    pub events: Vec<Arc<Event>>,
    /// Of a `state` topic the put that each of them takes the place of, for those who must know what a view has shown
    /// before; of others nothing.
    pub replaced: Vec<Option<Arc<Event>>>,
    /// It has ended: no cursor of this epoch can be continued beyond `through`.
    pub deleted: bool,
}

impl Committed {
    /// The end of a topic that this entry did nothing else to.
    pub(super) fn ended(index: u64, topic: TopicName, end: ResourceVersion) -> Self {
        let (events, replaced) = (Vec::new(), Vec::new());
        Self { index, topic, created: false, after: end, through: end, events, replaced, deleted: true }
    }
}

/// What a command has appended to a topic.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub(super) events: Vec<Arc<Event>>,
    /// See [`Committed::replaced`].
    pub(super) replaced: Vec<Option<Arc<Event>>>,
}

impl Fresh {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.replaced.is_empty()
    }
}
