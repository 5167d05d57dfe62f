//! What one reader of the log has been shown of a topic: of a `stream` the last, of a `state` topic each key (rules W3, W14 and
//! W16 of the protocol's `SPEC.md`). Who shares a view with others is told by the log what was there before.

use std::collections::HashMap;
use std::sync::Arc;

use fanfare_protocol::{Event, EventType};

use super::budget::HeldBytes;
use super::facts::Facts;
use super::frame::event_bytes;
use super::lens::{Change, Kept, Lens, Was};

/// See the module. What it has no room for it does not know, and then the reader is told more than it need be.
#[derive(Debug)]
pub struct Memory {
    kept: Kept,
    /// Nothing of a `stream`, and none where nothing may be remembered, or nothing depends on it.
    keys: Option<Keys>,
    is_state: bool,
}

/// The keys of a `state` topic.
#[derive(Debug)]
struct Keys {
    told: HashMap<Box<str>, Told>,
    /// The reader holds nothing of any other key.
    is_complete: bool,
    held: HeldBytes,
    bytes: usize,
}

/// What was last told of a key.
#[derive(Debug)]
enum Told {
    /// That it is not, or not any more.
    Nothing,
    /// This, as it was shown, where the lens compares with it.
    Item(Option<Arc<Event>>),
}

impl Memory {
    /// For a reader that was shown nothing yet. What it remembers of a `state` topic is told to `held`; without one that is
    /// nothing.
    #[must_use]
    pub fn new(lens: Option<&Lens>, is_state: bool, held: Option<HeldBytes>) -> Self {
        let asks = is_state && lens.is_some_and(Lens::asks_before);
        let keys = |held| Keys { told: HashMap::new(), is_complete: false, held, bytes: 0 };
        Self { kept: Kept::default(), keys: held.filter(|_| asks).map(keys), is_state }
    }

    /// What is shown of the next change; `None`: nothing. The reader has it from now on.
    pub fn show(&mut self, lens: &Lens, event: &Arc<Event>) -> Option<Arc<Event>> {
        if !self.is_state {
            return lens.show(Change { event, facts: &Facts::of(event), was: Was::Beside }, &mut self.kept);
        }
        let shown = self.look(lens, event)?;
        if let (Some(keys), Some(key)) = (&mut self.keys, event.key.as_deref()) {
            let told = match shown.r#type() {
                EventType::Put => Told::Item(Some(Arc::clone(&shown))),
                EventType::Patch => Told::Item(Some(lens.item(event))),
                _ => Told::Nothing,
            };
            keys.set(key, told.kept_for(lens));
        }
        Some(shown)
    }

    /// Whether anything would be shown of a change of a `state` topic, if it were told now.
    #[must_use]
    pub fn would_show(&self, lens: &Lens, event: &Arc<Event>) -> bool {
        self.look(lens, event).is_some()
    }

    /// The reader has nothing, and is told what is shown of a snapshot: all that there is of a `state` topic.
    #[must_use]
    pub fn begin(&mut self, lens: &Lens, items: &[Arc<Event>]) -> Vec<Arc<Event>> {
        self.clear(true);
        let shown: Vec<_> = items.iter().filter_map(|item| lens.show_item(item)).collect();
        if let Some(keys) = &mut self.keys {
            for item in &shown {
                let key = item.key.as_deref().unwrap_or_default();
                keys.set(key, Told::Item(Some(Arc::clone(item))).kept_for(lens));
            }
        }
        shown
    }

    /// Forgets everything. `is_nothing`: because the reader has nothing of it.
    pub fn clear(&mut self, is_nothing: bool) {
        self.kept = Kept::default();
        if let Some(keys) = &mut self.keys {
            (keys.told, keys.bytes, keys.is_complete) = (HashMap::new(), 0, is_nothing);
            keys.held.set(0);
        }
    }

    fn look(&self, lens: &Lens, event: &Arc<Event>) -> Option<Arc<Event>> {
        lens.show(Change { event, facts: &Facts::of(event), was: self.was(event) }, &mut Kept::default())
    }

    fn was(&self, event: &Event) -> Was<'_, '_> {
        let Some(keys) = &self.keys else { return Was::Unknown };
        match keys.told.get(event.key.as_deref().unwrap_or_default()) {
            Some(Told::Item(item)) => Was::Shown(item.as_ref()),
            Some(Told::Nothing) => Was::Nothing,
            None if keys.is_complete => Was::Nothing,
            None => Was::Unknown,
        }
    }
}

impl Keys {
    fn set(&mut self, key: &str, told: Told) {
        let goes_without_saying = self.is_complete && matches!(told, Told::Nothing);
        let before = self.told.get(key).map_or(0, |before| before.bytes(key));
        let bytes = self.bytes - before + told.bytes(key);
        if !goes_without_saying && self.held.may_remember(bytes) {
            match self.told.get_mut(key) {
                Some(before) => *before = told,
                None => drop(self.told.insert(key.into(), told)),
            }
            self.bytes = bytes;
        } else {
            self.told.remove(key);
            self.bytes -= before;
            self.is_complete &= goes_without_saying;
        }
        self.held.set(self.bytes);
    }
}

impl Told {
    /// As much as a lens asks for later.
    fn kept_for(self, lens: &Lens) -> Self {
        match self {
            Self::Item(item) => Self::Item(item.filter(|_| lens.compares())),
            Self::Nothing => Self::Nothing,
        }
    }

    /// What it takes, as if it shared nothing with the log.
    fn bytes(&self, key: &str) -> usize {
        let item = if let Self::Item(Some(item)) = self { event_bytes(item) } else { 0 };
        size_of::<(Box<str>, Self)>() + key.len() + item
    }
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{ResourceVersion, Watch};

    use super::*;
    use crate::view::ViewBudget;

    fn put(offset: u64, key: &str, data: &str) -> Arc<Event> {
        Arc::new(Event {
            r#type: EventType::Put.into(),
            resource_version: Some(ResourceVersion::new(7, offset)),
            key: Some(key.to_owned()),
            data: Some(data.to_owned().into()),
            ..Event::default()
        })
    }

    fn lens(watch: Watch) -> Arc<Lens> {
        Lens::new(&Watch { topic: "s:a".to_owned(), ..watch }).unwrap().unwrap()
    }

    fn above_9() -> Arc<Lens> {
        lens(Watch { filter: Some("data > 9".to_owned()), ..Watch::default() })
    }

    fn kind(shown: Option<Arc<Event>>) -> Option<EventType> {
        shown.map(|event| event.r#type())
    }

    #[test]
    fn what_is_not_known_is_told_once() {
        let (lens, budget) = (above_9(), ViewBudget::new(0, 10_000));
        let mut memory = Memory::new(Some(&lens), true, Some(budget.hold()));
        let mut show = |n, data| kind(memory.show(&lens, &put(n, "a", data)));
        assert_eq!([show(1, "1"), show(2, "2")], [Some(EventType::Delete), None]);
        assert_eq!([show(3, "10"), show(4, "1"), show(5, "1")], [Some(EventType::Put), Some(EventType::Delete), None]);
    }

    #[test]
    fn behind_a_snapshot_everything_is_known() {
        let (lens, budget) = (above_9(), ViewBudget::new(0, 10_000));
        let mut memory = Memory::new(Some(&lens), true, Some(budget.hold()));
        assert_eq!(memory.begin(&lens, &[put(1, "a", "10"), put(2, "b", "1")]).len(), 1);
        let mut show = |n, key, data| kind(memory.show(&lens, &put(n, key, data)));
        assert_eq!([show(3, "b", "2"), show(4, "c", "2"), show(5, "a", "2")], [None, None, Some(EventType::Delete)]);
        assert_eq!(budget.held_bytes(), 0, "a key that is out of sight need not be remembered");
    }

    #[test]
    fn a_look_changes_nothing() {
        let (lens, budget) = (lens(Watch { on_change: true, ..Watch::default() }), ViewBudget::new(0, 10_000));
        let mut memory = Memory::new(Some(&lens), true, Some(budget.hold()));
        assert!(memory.would_show(&lens, &put(1, "a", "1")) && memory.would_show(&lens, &put(1, "a", "1")));
        assert!(memory.show(&lens, &put(1, "a", "1")).is_some());
        assert!(!memory.would_show(&lens, &put(2, "a", "1")) && memory.would_show(&lens, &put(2, "a", "2")));
    }

    #[test]
    fn a_patch_is_against_what_was_patched_before() {
        let lens = lens(Watch { delta: true, fields: vec!["n".to_owned(), "t".to_owned()], ..Watch::default() });
        let budget = ViewBudget::new(0, 10_000);
        let mut memory = Memory::new(Some(&lens), true, Some(budget.hold()));
        let value = |n: u32, m: u32| format!("{{\"n\":{n},\"m\":{m},\"t\":\"a text that is long enough\"}}");
        let mut show = |offset, n, m| {
            let shown = memory.show(&lens, &put(offset, "a", &value(n, m))).unwrap();
            (shown.r#type(), String::from_utf8(shown.data.clone().unwrap().to_vec()).unwrap())
        };
        assert_eq!(show(1, 1, 1).0, EventType::Put);
        assert_eq!(show(2, 2, 1), (EventType::Patch, "{\"n\":2}".to_owned()));
        assert_eq!(show(3, 2, 2), (EventType::Patch, "{}".to_owned()));
        assert_eq!(show(4, 1, 2), (EventType::Patch, "{\"n\":1}".to_owned()));
    }

    #[test]
    fn what_there_is_no_room_for_is_not_known() {
        let (lens, budget) = (lens(Watch { on_change: true, ..Watch::default() }), ViewBudget::new(0, 2_000));
        let mut memory = Memory::new(Some(&lens), true, Some(budget.hold()));
        let large = format!("\"{}\"", "x".repeat(1_000));
        let _ = memory.begin(&lens, &[put(1, "a", "1"), put(2, "b", &large)]);
        let held = budget.held_bytes();
        assert!((1..1_000).contains(&held));
        assert!(!memory.would_show(&lens, &put(3, "a", "1")) && memory.would_show(&lens, &put(3, "b", &large)));
        // What grows too large gives back what it had.
        assert!(memory.show(&lens, &put(4, "a", &large)).is_some());
        assert_eq!(budget.held_bytes(), 0);
        assert!(memory.show(&lens, &put(5, "a", "1")).is_some());
        assert_eq!(budget.held_bytes(), held);
        let mut other = budget.hold();
        other.set(2_000);
        assert!(memory.show(&lens, &put(6, "a", "2")).is_some());
        assert_eq!(budget.held_bytes(), 2_000, "others need it");
        other.set(0);
        assert!(memory.show(&lens, &put(7, "a", "2")).is_some());
        drop(memory);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn nothing_is_remembered_for_who_does_not_ask() {
        let plain = lens(Watch { interval_ms: Some(1), fields: vec!["n".to_owned()], ..Watch::default() });
        let budget = ViewBudget::new(0, 10_000);
        for (lens, is_state, held) in
            [(&plain, true, Some(budget.hold())), (&above_9(), true, None), (&above_9(), false, Some(budget.hold()))]
        {
            let mut memory = Memory::new(Some(lens), is_state, held);
            assert!(memory.show(lens, &put(1, "a", "10")).is_some());
            assert_eq!(budget.held_bytes(), 0);
        }
    }
}
