//! What one reader of the log sees through the lens of its view.

use std::collections::HashSet;
use std::sync::Arc;

use fanfare_protocol::{Event, ResourceVersion};

use crate::view::{HeldBytes, Lens, Memory};

/// See the module.
#[derive(Debug)]
pub struct Glass {
    lens: Option<Arc<Lens>>,
    memory: Memory,
    is_state: bool,
    /// Of each key only the last change of a page is shown.
    conflates: bool,
}

impl Glass {
    /// For one who reads the events of a topic. One that could not keep up with a `state` topic is shown only what still
    /// counts. Who reads it alone, and for long, remembers what it was shown: `held` counts that.
    #[must_use]
    pub fn new(lens: Option<Arc<Lens>>, is_state: bool, is_lagging: bool, held: Option<HeldBytes>) -> Self {
        let is_paced = lens.as_ref().is_some_and(|lens| !lens.pace().is_unbounded());
        let memory = Memory::new(lens.as_deref(), is_state, held);
        Self { lens, memory, is_state, conflates: is_state && (is_lagging || is_paced) }
    }

    /// Whether all who see through the same lens see the same of the same events, whatever they saw before.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.is_state || !self.lens.as_ref().is_some_and(|lens| lens.is_on_change())
    }

    /// Whether only what still counts is shown.
    #[must_use]
    pub fn conflates(&self) -> bool {
        self.conflates
    }

    /// What is shown of events that follow each other in the log.
    pub fn show(&mut self, events: &[Arc<Event>]) -> Vec<Arc<Event>> {
        let mut seen = HashSet::new();
        let mut last = Vec::with_capacity(events.len());
        for event in events.iter().rev() {
            if !self.conflates || seen.insert(event.key.as_deref()) {
                last.push(event);
            }
        }
        last.into_iter().rev().filter_map(|event| self.show_one(event)).collect()
    }

    /// What is shown of one of them.
    pub fn show_one(&mut self, event: &Arc<Event>) -> Option<Arc<Event>> {
        match &self.lens {
            Some(lens) => self.memory.show(lens, event),
            None => Some(Arc::clone(event)),
        }
    }

    /// Whether anything would be shown of a change of a `state` topic, if it were told next.
    #[must_use]
    pub fn would_show(&self, event: &Arc<Event>) -> bool {
        self.lens.as_ref().is_none_or(|lens| self.memory.would_show(lens, event))
    }

    /// What is shown of a snapshot, which nothing that was shown before goes on in.
    #[must_use]
    pub fn items(&mut self, items: Vec<Arc<Event>>) -> Vec<Arc<Event>> {
        match &self.lens {
            Some(lens) => self.memory.begin(lens, &items),
            None => items,
        }
    }

    /// It is shown what follows a cursor: what its client has of that is not known, but where that is nothing.
    pub fn begin_after(&mut self, cursor: ResourceVersion) {
        self.memory.clear(cursor.offset == 0);
    }
}
