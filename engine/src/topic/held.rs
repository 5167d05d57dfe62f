//! What one reader of the log has read and holds back until its pace lets it tell it (rule W15 of the protocol's `SPEC.md`).
//! Who shares a view with others has it held back by the view.

use std::sync::Arc;

use fanfare_protocol::Event;

use crate::view::{Change, Facts, HeldBytes, Kept, Lens, Pending, Sent, Was};

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    lens: Arc<Lens>,
    kept: Kept,
    pending: Pending,
    bytes: HeldBytes,
    is_state: bool,
}

impl Held {
    /// For a lens that has a pace; `None` for others. What it holds is told to `bytes`.
    pub(super) fn new(lens: Option<&Arc<Lens>>, bytes: HeldBytes, is_state: bool) -> Option<Self> {
        let lens = Arc::clone(lens.filter(|lens| !lens.pace().is_unbounded())?);
        Some(Self { lens, kept: Kept::default(), pending: Pending::default(), bytes, is_state })
    }

    /// Takes what follows in the log; gives whether any of it is to be told.
    pub(super) fn take(&mut self, events: &[Arc<Event>]) -> bool {
        let mut has_news = false;
        for event in events {
            if self.is_state {
                has_news |= self.pending.conflate(&self.lens, event, Was::Unknown);
            } else {
                let change = Change { event, facts: &Facts::of(event), was: Was::Beside };
                if let Some(shown) = self.lens.show(change, &mut self.kept) {
                    self.pending.hold(shown);
                    has_news = true;
                }
            }
        }
        self.bytes.set(self.pending.bytes());
        has_news
    }

    /// A snapshot is told, which nothing that was shown before goes on in.
    pub(super) fn forget(&mut self) {
        self.kept = Kept::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether the log is to be read on. A `stream` with a ceiling is told all of it, and until then the log holds it.
    pub(super) fn has_room(&self) -> bool {
        self.is_state || self.lens.pace().rate.is_none() || self.pending.is_empty()
    }

    /// Whether so much is held back that it goes before its time.
    pub(super) fn is_full(&self) -> bool {
        let is_bounded = !self.is_state && self.lens.pace().rate.is_some();
        !is_bounded && (self.pending.is_full() || self.bytes.is_exceeded())
    }

    /// The oldest, at most so many.
    pub(super) fn send(&mut self, most: usize) -> Sent {
        let sent = self.pending.send(&self.lens, self.is_state, most);
        self.bytes.set(self.pending.bytes());
        sent
    }
}
