//! What a view with a pace holds back until it may send (rule W15 of the protocol's `SPEC.md`). Of a `state` topic the latest
//! of each key, which is what the fold holds anyway; of a `stream` everything, and then not for long.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fanfare_protocol::{Event, ResourceVersion};

use super::facts::Facts;
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

    /// So much waits that it has to go.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes > HELD_BYTES_MAX
    }

    /// Takes an event of a `stream`, as it will be shown.
    pub fn hold(&mut self, event: Arc<Event>) {
        self.bytes += event.data.as_ref().map_or(0, bytes::Bytes::len) + size_of::<Event>();
        self.events.insert(offset(&event), Held { event, was: None, is_changed: false });
    }

    /// Takes a change of a key, in place of what waits for it; gives whether there is anything to be told.
    pub fn conflate(&mut self, lens: &Lens, event: &Arc<Event>, replaced: Option<&Arc<Event>>) -> bool {
        let key = event.key.as_deref().unwrap_or_default();
        let before = self.keys.get(key).and_then(|offset| self.events.remove(offset));
        let is_changed = before.is_some();
        let was = before.map_or_else(|| replaced.cloned(), |before| before.was);
        let held = Held { event: Arc::clone(event), was, is_changed };
        if held.show(lens).is_none() {
            return false;
        }
        self.keys.insert(key.to_owned(), offset(event));
        self.events.insert(offset(event), held);
        true
    }

    /// The oldest, at most so many.
    #[must_use]
    pub fn send(&mut self, lens: &Lens, is_state: bool, most: usize) -> Sent {
        let mut sent = Sent { events: Vec::new(), count: 0, through: None };
        while sent.count < most
            && let Some((_, held)) = self.events.pop_first()
        {
            sent.count += 1;
            sent.through = held.event.resource_version;
            if is_state {
                self.keys.remove(held.event.key.as_deref().unwrap_or_default());
                sent.events.extend(held.show(lens));
            } else {
                sent.events.push(held.event);
            }
        }
        if self.events.is_empty() {
            (self.bytes, sent.through) = (0, None);
        }
        sent
    }
}

impl Held {
    fn show(&self, lens: &Lens) -> Option<Arc<Event>> {
        let facts = Facts::of(&self.event);
        let before = self.was.as_ref().map(|was| (was, Facts::of(was)));
        let was = before.as_ref().map_or(Was::Nothing, |(was, facts)| Was::Put(was, facts));
        let change = Change { event: &self.event, facts: &facts, was };
        let mut kept = Kept::default();
        let shown = lens.show(change, &mut kept);
        if shown.is_some() || !self.is_changed {
            return shown;
        }
        lens.show(Change { was: Was::Unknown, ..change }, &mut kept)
    }
}

fn offset(event: &Event) -> u64 {
    event.resource_version.map_or(0, |version| version.offset)
}
