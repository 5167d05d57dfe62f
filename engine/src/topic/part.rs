//! One of the topics that are read together: where it stands, and what of it was read but not told.

use std::sync::Arc;

use fanfare_protocol::{Error, Event, ResourceVersion, TopicName};

use super::catch_up::{Reader, Start};
use super::glass::Glass;
use super::held::Held;
use super::watch::Watching;
use crate::hub::{Hub, Slot, Terms};
use crate::log::{Gap, Page, ReadLimit};
use crate::node::Node;
use crate::view::{Lens, Pacer, Sent};

/// See the module.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) topic: TopicName,
    pub(super) terms: Terms,
    pub(super) glass: Glass,
    /// What it begins with, until that was told.
    pub(super) start: Option<Start>,
    /// Read up to here.
    pub(super) cursor: ResourceVersion,
    /// What waits for the pace, where there is one.
    pub(super) held: Option<Held>,
    /// Its own pace; none where it waits with the others.
    pub(super) pacer: Option<Pacer>,
    slot: Slot,
    /// What follows is not there any more, and what waits is told before that is.
    is_ending: bool,
    /// Its share of the answer under way is told: what comes now belongs to the next one.
    pub(super) is_answered: bool,
    /// Where the topic stood when it was last read to its end.
    seen: Option<ResourceVersion>,
}

/// What a topic has new.
pub(super) enum Read {
    /// Nothing, or there is no place for it.
    Nothing,
    /// What follows.
    Page(Vec<Arc<Event>>),
    /// What follows is not there any more.
    Gap(Gap),
}

impl Part {
    /// What was opened without bytes; `lens` is how it is to be seen.
    pub(super) fn new(watching: Watching, lens: Option<&Arc<Lens>>, node: &Node) -> Self {
        let Watching { version, reader: Reader { slot, key, terms, .. }, start, .. } = watching;
        let is_state = node.is_state(&key.topic);
        let held = Held::new(lens, node.hold(), is_state);
        let mut glass = Glass::new(lens.cloned(), is_state, false, Some(node.hold()));
        if let Start::After(version) = start {
            glass.begin_after(version);
        }
        Self {
            topic: key.topic,
            terms,
            glass,
            start: Some(start),
            cursor: version,
            held,
            pacer: None,
            slot,
            is_ending: false,
            is_answered: false,
            seen: None,
        }
    }

    /// Reads on, if there is anything to read and room for it.
    ///
    /// # Errors
    /// `STORAGE_FAULT`.
    pub(super) async fn read(&mut self, hub: &Hub, limit: ReadLimit) -> Result<Read, Error> {
        if !self.has_news(hub) {
            return Ok(Read::Nothing);
        }
        let (node, head) = (hub.node(), hub.head(self.slot));
        match node.fetch(node.log.read_after(&self.topic, self.cursor, limit)).await? {
            Ok(Page { events, through, more, .. }) => {
                (self.cursor, self.is_ending) = (through, false);
                if !more {
                    self.seen = head;
                }
                Ok(Read::Page(events))
            }
            // Nothing goes faster than its ceiling.
            Err(_) if self.waits() && self.held.as_ref().is_some_and(Held::is_bounded) => {
                self.is_ending = true;
                Ok(Read::Nothing)
            }
            Err(gap) => Ok(Read::Gap(gap)),
        }
    }

    /// Takes what has to wait for the pace; gives whether any of it is to be told.
    pub(super) fn take(&mut self, events: &[Arc<Event>]) -> bool {
        self.held.as_mut().is_some_and(|held| held.take(events, &mut self.glass))
    }

    /// The oldest of what waits, at most so many.
    pub(super) fn send(&mut self, most: usize) -> Option<Sent> {
        let sent = self.held.as_mut()?.send(most, usize::MAX, &mut self.glass);
        (sent.count > 0).then_some(sent)
    }

    /// It goes on behind a snapshot, and what follows that was not read.
    pub(super) fn go_on(&mut self, cursor: ResourceVersion) {
        (self.cursor, self.seen, self.is_ending) = (cursor, None, false);
    }

    /// Whether there may be something to read, and room for it.
    pub(super) fn has_news(&self, hub: &Hub) -> bool {
        let head = hub.head(self.slot);
        let has_room = self.held.as_ref().is_none_or(Held::has_room) && !(self.is_ending && self.waits());
        (self.seen.is_none() || self.seen != head) && has_room
    }

    /// Whether something waits for its pace.
    pub(super) fn waits(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty())
    }

    /// Resolves when the topic moves, or the subscription ends.
    pub(super) async fn moved(&self, hub: &Hub) {
        hub.moved(self.slot).await;
    }
}
