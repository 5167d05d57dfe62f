//! What one reader of the log has read and holds back until its pace lets it tell it (rule W15 of the protocol's `SPEC.md`).
//! Who shares a view with others has it held back by the view.

use std::sync::Arc;

use fanfare_protocol::Event;

use super::glass::Glass;
use crate::view::{HeldBytes, Lens, Pending, Sent};

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pending: Pending,
    bytes: HeldBytes,
    is_state: bool,
    /// It is a `stream` with a ceiling.
    is_bounded: bool,
    /// Events wait for each other, and not only for the ceiling.
    is_batched: bool,
}

impl Held {
    /// For a lens that has a pace; `None` for others. What it holds is told to `bytes`.
    pub(super) fn new(lens: Option<&Arc<Lens>>, bytes: HeldBytes, is_state: bool) -> Option<Self> {
        let pace = lens?.pace();
        let (is_bounded, is_batched) = (!is_state && pace.rate.is_some(), pace.holds_back(is_state));
        (!pace.is_unbounded()).then(|| Self { pending: Pending::default(), bytes, is_state, is_bounded, is_batched })
    }

    /// Takes what follows in the log; gives whether any of it is to be told.
    pub(super) fn take(&mut self, events: &[Arc<Event>], glass: &mut Glass) -> bool {
        let mut has_news = false;
        for event in events {
            if self.is_state {
                let is_shown = glass.would_show(event);
                self.pending.replace(event, is_shown);
                has_news |= is_shown;
            } else if let Some(shown) = glass.show_one(event) {
                self.pending.hold(shown);
                has_news = true;
            }
        }
        self.bytes.set(self.pending.bytes());
        has_news
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether the log is to be read on. A `stream` with a ceiling is told all of it, and what is not heard for a batch the log
    /// holds until then.
    pub(super) fn has_room(&self) -> bool {
        !self.is_bounded || self.is_empty() || (self.is_batched && !self.has_enough())
    }

    /// Whether so much is held back that it goes before its time.
    pub(super) fn is_full(&self) -> bool {
        !self.is_bounded && self.has_enough()
    }

    /// Whether so much is held back that no more should be.
    pub(super) fn has_enough(&self) -> bool {
        self.pending.is_full() || self.bytes.is_exceeded()
    }

    /// Whether it goes no faster than its ceiling, whatever happens: the log holds the rest.
    pub(super) fn is_bounded(&self) -> bool {
        self.is_bounded
    }

    /// How many events wait.
    pub(super) fn count(&self) -> usize {
        self.pending.count()
    }

    /// The oldest, at most so many, and no more than so many bytes, or one event.
    pub(super) fn send(&mut self, most: usize, bytes_max: usize, glass: &mut Glass) -> Sent {
        let mut sent = self.pending.take(most, bytes_max);
        self.bytes.set(self.pending.bytes());
        if self.is_state {
            sent.events = sent.events.iter().filter_map(|event| glass.show_one(event)).collect();
        }
        sent
    }
}
