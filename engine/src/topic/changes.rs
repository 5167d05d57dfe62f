//! What an entry did to a topic, as the views of the topic look at it.

use std::cell::OnceCell;

use crate::log::Committed;
use crate::view::{Change, Facts, Was};

/// What was committed, and what filters ask of it, once for all views.
pub(super) struct Changes<'a> {
    pub(super) committed: &'a Committed,
    /// Of each event and of the put that it replaces, once a view wants to know.
    facts: OnceCell<Vec<(Facts<'a>, Option<Facts<'a>>)>>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(committed: &'a Committed) -> Self {
        Self { committed, facts: OnceCell::new() }
    }

    fn of_events(&self) -> &[(Facts<'a>, Option<Facts<'a>>)] {
        let Committed { events, replaced, .. } = self.committed;
        self.facts.get_or_init(|| {
            let replaced = replaced.iter().map(Option::as_ref).chain(std::iter::repeat(None));
            events.iter().zip(replaced).map(|(event, put)| (Facts::of(event), put.map(|put| Facts::of(put)))).collect()
        })
    }

    /// Of all that came and all that went.
    pub(super) fn facts(&self) -> impl Iterator<Item = &Facts<'a>> {
        self.of_events().iter().flat_map(|(event, replaced)| std::iter::once(event).chain(replaced))
    }

    /// Whether views have to be told that the topic begins or ends, whatever they show.
    pub(super) fn is_turn(&self) -> bool {
        self.committed.created || self.committed.deleted
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Change<'_, 'a>> {
        let Committed { events, replaced, .. } = self.committed;
        events.iter().zip(self.of_events()).enumerate().map(|(at, (event, (facts, of_replaced)))| {
            let was = match (replaced.get(at), of_replaced) {
                (None, _) => Was::Beside,
                (Some(Some(put)), Some(facts)) => Was::Put(put, facts),
                (Some(_), _) => Was::Nothing,
            };
            Change { event, facts, was }
        })
    }
}
