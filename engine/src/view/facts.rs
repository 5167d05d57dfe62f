//! What filters ask about one event: read at most once for all of them, and only when one asks.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

use fanfare_protocol::{ContentType, Event};

use super::filter::{CanonicalValue, Path};
use super::json::{Json, find};

/// Paths that are looked for one by one, before all of `data` is read: that takes three times as long as a look for one path of
/// it, and makes each further one ten times shorter.
const LOOK_COUNT_MAX: u32 = 4;

/// One event, as filters see it. Made once per event, and handed to each of them.
#[derive(Debug)]
pub struct Facts<'e> {
    event: &'e Event,
    /// The JSON of `data`; absent for a delete, and for bytes, which are opaque.
    json: Option<&'e [u8]>,
    /// All of it, once an expression or enough equalities have asked for it.
    data: OnceCell<Json<'e>>,
    look_count: Cell<u32>,
}

impl<'e> Facts<'e> {
    /// Of an event. Reads nothing yet.
    #[must_use]
    pub fn of(event: &'e Event) -> Self {
        let is_json = event.content_type() == ContentType::Json;
        Self { event, json: event.data.as_deref().filter(|_| is_json), data: OnceCell::new(), look_count: Cell::new(0) }
    }

    /// The value there, as a key of an index; `None` when there is none, or it is an array or an object. `filter.index()` names
    /// a path and a value, and the filter can only match where this gives that value.
    #[must_use]
    pub fn canonical(&self, path: &Path) -> Option<CanonicalValue> {
        match path {
            Path::Key => self.key().map(|key| CanonicalValue::Text(key.into())),
            Path::Attribute(name) => {
                self.attributes().get(&**name).map(|value| CanonicalValue::Text(value.as_str().into()))
            }
            Path::Data(steps) => self.datum(steps, CanonicalValue::of).flatten(),
        }
    }

    /// Asks about one value of `data`; `None` when it is not there.
    pub(super) fn datum<A>(&self, steps: &[Box<str>], ask: impl FnOnce(&Json<'_>) -> A) -> Option<A> {
        let json = self.json?;
        self.look_count.set(self.look_count.get().saturating_add(1));
        if self.data.get().is_some() || self.look_count.get() > LOOK_COUNT_MAX {
            return self.data().at(steps).map(ask);
        }
        Json::read(find(json, steps)?).as_ref().map(ask)
    }

    /// All of `data`; null when there is none.
    pub(super) fn data(&self) -> &Json<'e> {
        self.data.get_or_init(|| self.json.and_then(Json::read).unwrap_or(Json::Null))
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.event.key.as_deref()
    }

    pub(super) fn attributes(&self) -> &BTreeMap<String, String> {
        &self.event.attributes
    }

    pub(super) fn publisher(&self) -> Option<&str> {
        self.event.publisher.as_deref()
    }

    /// Milliseconds since 1970.
    pub(super) fn time(&self) -> Option<i64> {
        self.event.time
    }
}
