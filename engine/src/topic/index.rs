//! Which views of a topic an event may be for. Views that ask for one value of one path are found by their value: ten
//! thousand of them cost one look-up per event and path, not ten thousand filters.

use std::collections::BTreeSet;

use super::changes::Changes;
use crate::hash::HashMap;
use crate::view::{CanonicalValue, Facts, Lens, Path};

/// See the module. Views are known by their numbers.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_value: HashMap<Path, HashMap<CanonicalValue, Vec<u32>>>,
    /// Those that look at every event by themselves.
    others: Vec<u32>,
}

impl Index {
    pub(super) fn add(&mut self, view: u32, lens: Option<&Lens>) {
        match lens.and_then(|lens| lens.filter().index()) {
            Some((path, value)) => {
                self.by_value.entry(path.clone()).or_default().entry(value.clone()).or_default().push(view);
            }
            None => self.others.push(view),
        }
    }

    pub(super) fn remove(&mut self, view: u32, lens: Option<&Lens>) {
        let Some((path, value)) = lens.and_then(|lens| lens.filter().index()) else {
            self.others.retain(|other| *other != view);
            return;
        };
        let Some(values) = self.by_value.get_mut(path) else { return };
        if let Some(views) = values.get_mut(value) {
            views.retain(|other| *other != view);
            if views.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.by_value.remove(path);
        }
    }

    /// The views that what was committed may be for, each once.
    pub(super) fn concerned(&self, changes: &Changes<'_>) -> Vec<u32> {
        let mut found = BTreeSet::new();
        for (path, values) in &self.by_value {
            let views = |facts: &Facts<'_>| facts.canonical(path).and_then(|value| values.get(&value));
            // A view has to know too that what it has shown is no longer what it asks for.
            found.extend(changes.facts().filter_map(views).flatten());
        }
        self.others.iter().copied().chain(found).collect()
    }
}
