//! What a view with a pace holds back until it may send (rule W15 of the protocol's `SPEC.md`). Of a `state` topic the latest
//! of each key, which is what the fold holds anyway; of a `stream` everything, and then not for long.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fanfare_protocol::{Event, ResourceVersion};

use super::facts::Facts;
use super::frame::event_bytes;
use super::lens::{Change, Kept, Lens, Was};

/// Bytes of a `stream` that are held back at most; then they go before their time.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Pending {
    /// By offset.
    events: BTreeMap<u64, Held>,
    /// The offset that waits for a key of a `state` topic.
    keys: HashMap<String, u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    event: Arc<Event>,
    /// What was shown of the key when it began to wait. Of a `stream` the event is as it is shown.
    was: Option<Arc<Event>>,
    /// Something else of the key was to be shown meanwhile. Who took a snapshot then has that, and must be told also where
    /// all others need not.
    is_changed: bool,
    /// Something before it was told while it had to wait. Whoever joined then has read further than what was shown when it
    /// began to wait.
    is_left: bool,
}

/// What goes out.
#[derive(Debug)]
pub struct Sent {
    /// Ascending.
    pub events: Vec<Arc<Event>>,
    /// How many of what waited are told by it.
    pub count: usize,
    /// Up to where everything is told; `None`: up to what was heard last.
    pub through: Option<ResourceVersion>,
}

impl Pending {
    /// Nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many events wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// So much of a `stream` waits that it has to go.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.keys.is_empty() && self.bytes > HELD_BYTES_MAX
    }

    /// What it takes, in bytes, as if it shared nothing with the log.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a change of a key for one reader, who knows what it was shown: in place of what waits for it, and unless it is to
    /// be told nothing of the key now.
    pub fn replace(&mut self, event: &Arc<Event>, is_shown: bool) {
        let key = event.key.as_deref().unwrap_or_default();
        let before = self.keys.remove(key).and_then(|offset| self.events.remove(&offset));
        self.bytes -= before.as_ref().map_or(0, Held::bytes);
        if is_shown {
            self.keys.insert(key.to_owned(), offset(event));
            self.hold(Arc::clone(event));
        }
    }

    /// Takes an event of a `stream`, as it will be shown.
    pub fn hold(&mut self, event: Arc<Event>) {
        let held = Held { event, was: None, is_changed: false, is_left: false };
        self.bytes += held.bytes();
        self.events.insert(offset(&held.event), held);
    }

    /// Takes a change of a key, in place of what waits for it; gives whether there is anything to be told.
    pub fn conflate(&mut self, lens: &Lens, event: &Arc<Event>, was: Was<'_, '_>) -> bool {
        let key = event.key.as_deref().unwrap_or_default();
        let before = self.keys.get(key).and_then(|offset| self.events.remove(offset));
        self.bytes -= before.as_ref().map_or(0, Held::bytes);
        let is_left = before.as_ref().is_some_and(|before| before.is_left);
        let is_changed = before.is_some();
        let replaced = if let Was::Put(put, _) = was { Some(put) } else { None };
        let was = before.map_or_else(|| replaced.cloned(), |before| before.was);
        let held = Held { event: Arc::clone(event), was, is_changed, is_left };
        if held.show(lens).is_none() {
            return false;
        }
        self.keys.insert(key.to_owned(), offset(event));
        self.bytes += held.bytes();
        self.events.insert(offset(event), held);
        true
    }

    /// The oldest, at most so many.
    #[must_use]
    pub fn send(&mut self, lens: &Lens, is_state: bool, most: usize) -> Sent {
        self.pop(most, usize::MAX, |held| if is_state { held.show(lens) } else { Some(held.event) })
    }

    /// The oldest, at most so many, as they came. No more than so many bytes, or one event.
    #[must_use]
    pub fn take(&mut self, most: usize, bytes_max: usize) -> Sent {
        self.pop(most, bytes_max, |held| Some(held.event))
    }

    fn pop(&mut self, most: usize, bytes_max: usize, show: impl Fn(Held) -> Option<Arc<Event>>) -> Sent {
        let mut sent = Sent { events: Vec::new(), count: 0, through: None };
        let mut room = bytes_max;
        while sent.count < most
            && let Some(entry) = self.events.first_entry()
        {
            let bytes = entry.get().bytes();
            if bytes > room && sent.count > 0 {
                break;
            }
            room = room.saturating_sub(bytes);
            let held = entry.remove();
            sent.count += 1;
            self.bytes -= bytes;
            sent.through = held.event.resource_version;
            if let Some(key) = &held.event.key {
                self.keys.remove(key);
            }
            sent.events.extend(show(held));
        }
        if self.events.is_empty() {
            sent.through = None;
        }
        self.events.values_mut().for_each(|held| held.is_left = true);
        sent
    }
}

impl Held {
    fn bytes(&self) -> usize {
        size_of::<Self>() + event_bytes(&self.event) + self.was.as_deref().map_or(0, event_bytes)
    }

    fn show(&self, lens: &Lens) -> Option<Arc<Event>> {
        let facts = Facts::of(&self.event);
        let before = self.was.as_ref().map(|was| (was, Facts::of(was)));
        let was = before.as_ref().map_or(Was::Nothing, |(was, facts)| Was::Put(was, facts));
        let change = Change { event: &self.event, facts: &facts, was };
        let mut kept = Kept::default();
        let shown = if self.is_left { None } else { lens.show(change, &mut kept) };
        if shown.is_some() || !(self.is_changed || self.is_left) {
            return shown;
        }
        lens.show(Change { was: Was::Unknown, ..change }, &mut kept)
    }
}

fn offset(event: &Event) -> u64 {
    event.resource_version.map_or(0, |version| version.offset)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fanfare_protocol::{EventType, Watch};

    use super::*;

    fn put(offset: u64, key: &str, data: &str) -> Arc<Event> {
        Arc::new(Event {
            r#type: EventType::Put.into(),
            resource_version: Some(ResourceVersion::new(7, offset)),
            key: Some(key.to_owned()),
            data: Some(Bytes::copy_from_slice(data.as_bytes())),
            ..Event::default()
        })
    }

    fn conflate(pending: &mut Pending, lens: &Lens, event: &Arc<Event>, replaced: Option<&Arc<Event>>) -> bool {
        let facts = replaced.map(|put| Facts::of(put));
        let was = replaced.zip(facts.as_ref()).map_or(Was::Nothing, |(put, facts)| Was::Put(put, facts));
        pending.conflate(lens, event, was)
    }

    fn kinds(sent: &Sent) -> Vec<(u64, EventType)> {
        sent.events.iter().map(|event| (offset(event), event.r#type())).collect()
    }

    /// Who joins behind what was sent first has seen the value in between, and a patch would be against another one.
    #[test]
    fn what_had_to_wait_longer_is_told_whole() {
        let watch = Watch { topic: "s:a".to_owned(), delta: true, ..Watch::default() };
        let lens = Lens::new(&watch).unwrap().unwrap();
        let long = "x".repeat(100);
        let value = |n: u32| format!("{{\"n\":{n},\"text\":\"{long}\"}}");
        let (a, b) = (put(1, "a", &value(0)), put(2, "b", &value(0)));
        let mut pending = Pending::default();
        assert!(conflate(&mut pending, &lens, &put(3, "b", &value(1)), Some(&b)));
        assert!(conflate(&mut pending, &lens, &put(4, "a", &value(1)), Some(&a)));
        let sent = pending.send(&lens, true, 1);
        assert_eq!((kinds(&sent), sent.through), (vec![(3, EventType::Patch)], Some(ResourceVersion::new(7, 3))));
        assert!(conflate(&mut pending, &lens, &put(5, "a", &value(2)), Some(&put(4, "a", &value(1)))));
        let sent = pending.send(&lens, true, 1);
        assert_eq!((kinds(&sent), sent.through), (vec![(5, EventType::Put)], None));
        // What begins to wait now begins with what all have.
        assert!(conflate(&mut pending, &lens, &put(6, "a", &value(3)), Some(&put(5, "a", &value(2)))));
        assert_eq!(kinds(&pending.send(&lens, true, 1)), [(6, EventType::Patch)]);
    }

    #[test]
    fn what_waits_is_counted_until_it_goes() {
        let watch = Watch { topic: "s:a".to_owned(), interval_ms: Some(1), ..Watch::default() };
        let lens = Lens::new(&watch).unwrap().unwrap();
        let mut pending = Pending::default();
        assert!(
            conflate(&mut pending, &lens, &put(1, "a", "1"), None)
                && conflate(&mut pending, &lens, &put(2, "b", "1"), None)
        );
        let both = pending.bytes();
        assert!(both > 2 * event_bytes(&put(1, "a", "1")));
        assert!(conflate(&mut pending, &lens, &put(3, "a", "2"), Some(&put(1, "a", "1"))));
        assert_eq!(pending.bytes(), both, "one for a key, whatever it replaces");
        assert_eq!(kinds(&pending.send(&lens, true, 1)), [(2, EventType::Put)]);
        assert!((1..both).contains(&pending.bytes()));
        assert_eq!(kinds(&pending.send(&lens, true, usize::MAX)), [(3, EventType::Put)]);
        assert_eq!(pending.bytes(), 0);
        pending.hold(put(4, "", "1"));
        assert!(pending.bytes() > 0);
        assert_eq!(kinds(&pending.send(&lens, false, usize::MAX)), [(4, EventType::Put)]);
        assert_eq!(pending.bytes(), 0);
    }

    #[test]
    fn what_came_and_went_is_told_to_those_who_came_in_between() {
        let watch = Watch { topic: "s:a".to_owned(), interval_ms: Some(1), ..Watch::default() };
        let lens = Lens::new(&watch).unwrap().unwrap();
        let delete = Event { r#type: EventType::Delete.into(), data: None, ..Event::clone(&put(2, "a", "")) };
        let mut pending = Pending::default();
        assert!(conflate(&mut pending, &lens, &put(1, "a", "1"), None));
        assert!(conflate(&mut pending, &lens, &Arc::new(delete), Some(&put(1, "a", "1"))));
        assert_eq!(kinds(&pending.send(&lens, true, usize::MAX)), [(2, EventType::Delete)]);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_page_of_what_waits_is_no_larger_than_it_may_be() {
        let mut pending = Pending::default();
        (1..=3).for_each(|n| pending.hold(put(n, "", "12345")));
        let bytes = pending.bytes();
        assert_eq!(kinds(&pending.take(usize::MAX, 1)), [(1, EventType::Put)], "one at least");
        let sent = pending.take(usize::MAX, bytes / 3);
        assert_eq!((kinds(&sent), sent.through), (vec![(2, EventType::Put)], Some(ResourceVersion::new(7, 2))));
        assert_eq!((pending.count(), pending.bytes()), (1, bytes / 3));
    }

    #[test]
    fn one_reader_has_the_last_of_a_key_or_nothing_of_it() {
        let mut pending = Pending::default();
        pending.replace(&put(1, "a", "1"), true);
        pending.replace(&put(2, "b", "1"), true);
        pending.replace(&put(3, "a", "2"), true);
        pending.replace(&put(4, "b", "2"), false);
        let one = pending.bytes();
        assert_eq!(kinds(&pending.take(usize::MAX, usize::MAX)), [(3, EventType::Put)]);
        assert!(one > 0 && pending.is_empty() && pending.bytes() == 0);
        pending.replace(&put(5, "a", "1"), false);
        assert!(pending.is_empty());
    }
}
