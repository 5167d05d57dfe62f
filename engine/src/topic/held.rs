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
}

impl Held {
    /// For a lens that has a pace; `None` for others. What it holds is told to `bytes`.
    pub(super) fn new(lens: Option<&Arc<Lens>>, bytes: HeldBytes, is_state: bool) -> Option<Self> {
        let pace = lens?.pace();
        let is_bounded = !is_state && pace.rate.is_some();
        (!pace.is_unbounded()).then(|| Self { pending: Pending::default(), bytes, is_state, is_bounded })
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

    /// Whether the log is to be read on. A `stream` with a ceiling is told all of it, and until then the log holds it.
    pub(super) fn has_room(&self) -> bool {
        !self.is_bounded || self.pending.is_empty()
    }

    /// Whether so much is held back that it goes before its time.
    pub(super) fn is_full(&self) -> bool {
        !self.is_bounded && (self.pending.is_full() || self.bytes.is_exceeded())
    }

    /// The oldest, at most so many.
    pub(super) fn send(&mut self, most: usize, glass: &mut Glass) -> Sent {
        let mut sent = self.pending.take(most);
        self.bytes.set(self.pending.bytes());
        if self.is_state {
            sent.events = sent.events.iter().filter_map(|event| glass.show_one(event)).collect();
        }
        sent
    }
}
