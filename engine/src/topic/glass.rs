//! What one reader of the log sees through the lens of its view.

use std::collections::HashSet;
use std::sync::Arc;

use fanfare_protocol::Event;

use crate::view::{Change, Facts, Kept, Lens, Was};

/// See the module.
#[derive(Debug)]
pub struct Glass {
    lens: Option<Arc<Lens>>,
    kept: Kept,
    is_state: bool,
    /// Of each key only the last change of a page is shown.
    conflates: bool,
}

impl Glass {
    /// For one who reads the events of a topic. One that could not keep up with a `state` topic is shown only what still
    /// counts.
    #[must_use]
    pub fn new(lens: Option<Arc<Lens>>, is_state: bool, is_lagging: bool) -> Self {
        let is_paced = lens.as_ref().is_some_and(|lens| !lens.pace().is_unbounded());
        Self { lens, kept: Kept::default(), is_state, conflates: is_state && (is_lagging || is_paced) }
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
        let Some(lens) = &self.lens else { return last.into_iter().rev().cloned().collect() };
        let mut shown = Vec::with_capacity(last.len());
        for event in last.into_iter().rev() {
            let (facts, was) = (Facts::of(event), if self.is_state { Was::Unknown } else { Was::Beside });
            shown.extend(lens.show(Change { event, facts: &facts, was }, &mut self.kept));
        }
        shown
    }

    /// What is shown of a snapshot, which nothing that was shown before goes on in.
    #[must_use]
    pub fn items(&mut self, items: Vec<Arc<Event>>) -> Vec<Arc<Event>> {
        self.kept = Kept::default();
        match &self.lens {
            Some(lens) => items.iter().filter_map(|item| lens.show_item(item)).collect(),
            None => items,
        }
    }
}
