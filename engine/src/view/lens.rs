//! What a view lets through of the events of its topic, and what of each: filter, kept fields, changes only, patches.
//! Rules W3, W14 and W16 of the protocol's `SPEC.md`. Pure; what it must know of before comes in.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanfare_protocol::{ContentType, Error, Event, EventType, Watch};
use xxhash_rust::xxh3::xxh3_64;

use super::facts::Facts;
use super::fields::Fields;
use super::filter::Filter;
use super::merge_patch::merge_patch;
use super::pace::Pace;

/// Everything in the parameters of a watch that changes what its view delivers. Views with equal ones are shared.
#[derive(Debug)]
pub struct Lens {
    filter: Filter,
    fields: Option<Fields>,
    on_change: bool,
    delta: bool,
    pace: Pace,
    /// Equal for equal ones.
    text: String,
}

/// An event, and what was there before it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a, 'e> {
    /// What is committed.
    pub event: &'a Arc<Event>,
    /// What filters ask of it.
    pub facts: &'a Facts<'e>,
    /// What it replaces.
    pub was: Was<'a, 'e>,
}

/// What an event takes the place of.
#[derive(Clone, Copy, Debug)]
pub enum Was<'a, 'e> {
    /// None: in a `stream` they stand side by side.
    Beside,
    /// Nothing: the key of a `state` topic is new.
    Nothing,
    /// This put of the key.
    Put(&'a Arc<Event>, &'a Facts<'e>),
    /// This item of the key was shown; which one, if the lens compares.
    Shown(Option<&'a Arc<Event>>),
    /// Whoever reads the history of a `state` topic from somewhere does not know.
    Unknown,
}

/// What a view of a `stream` has shown last.
#[derive(Debug, Default)]
pub struct Kept(Option<u64>);

/// Whether the view has shown what is replaced.
enum Before<'a> {
    Beside,
    Hidden,
    Shown(Option<Cow<'a, Arc<Event>>>),
    Unknown,
}

impl Lens {
    /// The lens of a watch; `None` when it shows everything as it is, as soon as it can.
    ///
    /// # Errors
    /// `BAD_FILTER`, `FILTER_TOO_COSTLY`, `BAD_PARAMETER`.
    pub fn new(watch: &Watch) -> Result<Option<Arc<Self>>, Error> {
        let filter = Filter::compile(watch.filter.as_deref(), &watch.r#where)?;
        let fields = if watch.fields.is_empty() { None } else { Some(Fields::new(&watch.fields)?) };
        let Watch { on_change, delta, interval_ms, debounce_ms, max_events_per_second, .. } = *watch;
        let time = |ms: Option<u64>| ms.filter(|ms| *ms > 0).map(Duration::from_millis);
        if max_events_per_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return Err(Error::bad_parameter("maxEventsPerSecond", "expected a number above 0"));
        }
        let pace = Pace { interval: time(interval_ms), debounce: time(debounce_ms), rate: max_events_per_second };
        let paths = fields.as_ref().map(Fields::paths);
        let text = format!("{:?} {paths:?} {on_change} {delta} {pace:?}", filter.canonical());
        let is_plain = filter.canonical().is_empty() && fields.is_none() && !on_change && !delta && pace.is_unbounded();
        Ok((!is_plain).then(|| Arc::new(Self { filter, fields, on_change, delta, pace, text })))
    }

    /// How fast it may send.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Whether it leaves out what is as it was.
    #[must_use]
    pub fn is_on_change(&self) -> bool {
        self.on_change
    }

    /// Whether it makes a difference which item was shown before.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.on_change || self.delta
    }

    /// Whether it makes a difference what was shown before.
    #[must_use]
    pub fn asks_before(&self) -> bool {
        self.compares() || !self.filter.canonical().is_empty()
    }

    /// What it looks at, for those who look for the views that an event is for.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether another one shows the same events, and the same of each: only how fast, or as patches, may differ.
    #[must_use]
    pub fn shows_as(&self, other: &Self) -> bool {
        self.filter.canonical() == other.filter.canonical() && self.fields == other.fields
    }

    /// Whether it shows everything, whole: only how fast, or as patches, may differ from no lens at all.
    #[must_use]
    pub fn shows_all(&self) -> bool {
        self.filter.canonical().is_empty() && self.fields.is_none()
    }

    /// What of a change is shown; `None`: nothing.
    #[must_use]
    pub fn show(&self, change: Change<'_, '_>, kept: &mut Kept) -> Option<Arc<Event>> {
        let Change { event, facts, was } = change;
        let before = match was {
            Was::Beside => Before::Beside,
            Was::Nothing => Before::Hidden,
            Was::Put(put, facts) if self.filter.matches(facts) => {
                Before::Shown(self.compares().then(|| Cow::Owned(self.item(put))))
            }
            Was::Put(..) => Before::Hidden,
            Was::Shown(item) => Before::Shown(item.map(Cow::Borrowed)),
            // What it was is not known, but that it had this key.
            Was::Unknown if !self.filter.takes_key(facts) => Before::Hidden,
            Was::Unknown => Before::Unknown,
        };
        let is_put = event.r#type() == EventType::Put;
        if !is_put || !self.filter.matches(facts) {
            return match before {
                Before::Beside | Before::Hidden => None,
                Before::Shown(_) | Before::Unknown => Some(delete(event)),
            };
        }
        let put = self.item(event);
        match before {
            Before::Shown(Some(old)) => {
                if self.on_change && is_same(&old, &put) {
                    return None;
                }
                if self.delta
                    && let Some(patch) = patch(&old, &put)
                {
                    return Some(patch);
                }
            }
            Before::Beside if self.on_change && kept.has(&put) => return None,
            Before::Beside | Before::Hidden | Before::Shown(None) | Before::Unknown => {}
        }
        Some(put)
    }

    /// An item of a snapshot, if it is shown.
    #[must_use]
    pub fn show_item(&self, item: &Arc<Event>) -> Option<Arc<Event>> {
        self.filter.matches(&Facts::of(item)).then(|| self.item(item))
    }

    /// What is shown of a put that is.
    pub(super) fn item(&self, event: &Arc<Event>) -> Arc<Event> {
        let (Some(fields), Some(data)) = (&self.fields, &event.data) else { return Arc::clone(event) };
        if event.content_type() != ContentType::Json {
            return Arc::clone(event);
        }
        Arc::new(Event { data: Some(fields.project(data)), ..Event::clone(event) })
    }
}

impl Kept {
    /// Whether the same was shown last; remembers it.
    fn has(&mut self, put: &Event) -> bool {
        let digest = xxh3_64(put.data.as_deref().unwrap_or_default());
        self.0.replace(digest) == Some(digest)
    }
}

fn is_same(old: &Event, new: &Event) -> bool {
    old.data == new.data && old.content_type == new.content_type && old.attributes == new.attributes
}

fn patch(old: &Event, new: &Arc<Event>) -> Option<Arc<Event>> {
    if old.content_type() != ContentType::Json || new.content_type() != ContentType::Json {
        return None;
    }
    let data: Bytes = merge_patch(old.data.as_deref()?, new.data.as_deref()?)?;
    Some(Arc::new(Event { r#type: EventType::Patch.into(), data: Some(data), ..Event::clone(new) }))
}

/// The key is not shown any more.
fn delete(event: &Arc<Event>) -> Arc<Event> {
    if event.r#type() == EventType::Delete {
        return Arc::clone(event);
    }
    Arc::new(Event {
        r#type: EventType::Delete.into(),
        data: None,
        content_type: 0,
        attributes: Default::default(),
        origin_time: None,
        ..Event::clone(event)
    })
}

impl PartialEq for Lens {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Lens {}

impl Hash for Lens {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
