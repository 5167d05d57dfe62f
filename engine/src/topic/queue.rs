//! What one subscriber with a pace has waiting: how much of it may go, and when (rules W15 and W18 of the protocol's `SPEC.md`).
//! Pure: every moment comes in, as the time since some beginning that is always the same.

use std::sync::Arc;
use std::time::Duration;

use fanfare_protocol::{Event, ResourceVersion};

use super::glass::Glass;
use super::held::Held;
use crate::log::Page;
use crate::view::{FRAME_BYTES, HeldBytes, Lens, Pacer};

/// Events of a frame at most.
const FRAME_EVENTS: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    held: Held,
    pacer: Pacer,
    /// Read up to here.
    read: ResourceVersion,
    /// Told up to here.
    told: ResourceVersion,
    /// What is left to tell of the batch under way, in events.
    batch: usize,
    /// There was more to read than there was room for.
    has_more: bool,
    /// What comes next is not there any more: what waits is told before that is.
    is_ending: bool,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Some of what waits may go.
    Send,
    /// Nothing waits.
    Nothing,
    /// Nothing may go before this time has passed.
    After(Duration),
}

/// The events of a frame, which covers exactly the versions in (`after`, `through`].
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) after: ResourceVersion,
    pub(super) through: ResourceVersion,
    pub(super) events: Vec<Arc<Event>>,
}

impl Queue {
    /// Of a reader behind `cursor`; `None` for a lens without a pace. What it holds is told to `bytes`.
    pub(super) fn new(
        lens: Option<&Arc<Lens>>,
        bytes: HeldBytes,
        is_state: bool,
        cursor: ResourceVersion,
    ) -> Option<Self> {
        let pacer = Pacer::new(*lens?.pace());
        let held = Held::new(lens, bytes, is_state)?;
        Some(Self { held, pacer, read: cursor, told: cursor, batch: 0, has_more: false, is_ending: false })
    }

    /// It goes on behind a snapshot.
    pub(super) fn go_on(&mut self, cursor: ResourceVersion) {
        (self.read, self.told) = (cursor, cursor);
    }

    /// From where the log is to be read on.
    pub(super) fn read(&self) -> ResourceVersion {
        self.read
    }

    /// Behind what the subscriber was told.
    pub(super) fn told(&self) -> ResourceVersion {
        self.told
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the log is to be read on.
    pub(super) fn has_room(&self) -> bool {
        self.held.is_empty() || !(self.is_ending || self.held.has_enough())
    }

    /// Takes what follows in the log.
    pub(super) fn take(&mut self, page: &Page, glass: &mut Glass, now: Duration) {
        if self.told.epoch != page.after.epoch {
            self.told = page.after;
        }
        (self.read, self.has_more) = (page.through, page.more);
        let has_news = self.held.take(&page.events, glass);
        if self.held.is_empty() {
            self.pacer.forget();
        } else if has_news {
            self.pacer.heard(now);
        }
        self.settle();
    }

    /// What follows in the log cannot be had.
    pub(super) fn end(&mut self) {
        (self.is_ending, self.has_more) = (true, false);
        self.settle();
    }

    /// What may be done now.
    pub(super) fn turn(&mut self, now: Duration) -> Turn {
        if self.held.is_empty() {
            return Turn::Nothing;
        }
        if self.batch == 0 {
            let is_early = self.held.is_full() || (self.is_ending && !self.held.is_bounded());
            let due = if is_early { None } else { self.pacer.due(now) };
            if let Some(due) = due.filter(|due| *due > now) {
                return Turn::After(due - now);
            }
            self.batch = match (is_early, self.held.is_bounded()) {
                (true, _) => self.held.count(),
                // What there was no room for is part of the batch.
                (false, true) => self.pacer.most(now),
                (false, false) => self.pacer.most(now).min(self.held.count()),
            };
        }
        Turn::Send
    }

    /// The oldest, at most so many events, as far as [`Self::turn`] allowed it.
    pub(super) fn send(&mut self, most: usize, glass: &mut Glass, now: Duration) -> Batch {
        let sent = self.held.send(most.min(self.batch).min(FRAME_EVENTS), FRAME_BYTES, glass);
        let after = std::mem::replace(&mut self.told, sent.through.unwrap_or(self.read));
        self.pacer.sent(now, sent.count, !self.held.is_empty());
        self.batch -= sent.count;
        self.settle();
        Batch { after, through: self.told, events: sent.events }
    }

    /// Nothing waits: what was read and not told is not to be told. Gives what that covers.
    pub(super) fn quiet(&mut self) -> Batch {
        let after = std::mem::replace(&mut self.told, self.read);
        Batch { after, through: self.read, events: Vec::new() }
    }

    fn settle(&mut self) {
        if self.held.is_empty() {
            self.is_ending = false;
            if !self.has_more {
                self.batch = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
