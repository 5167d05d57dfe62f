//! One watch as a subscription sees it: its cursor, its terms, and how much of it waits unread.
//!
//! A reader that does not read costs its bound and nothing else: when what waits exceeds it, the follower is paused and
//! hears nothing; when the reader has taken half of it, it goes on from its cursor like after any other cut.

use std::collections::VecDeque;

use fanfare_protocol::{Code, EventBatch, EventType, Watched};

use super::cursor::{Cursor, Gap, Start};
use super::effect::{Delivery, Effect, WatchId};
use super::step::Step;
use super::values::Values;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventKind};

/// What a delivery takes in memory besides its events, roughly.
const DELIVERY_OVERHEAD_BYTES: usize = 128;

/// A snapshot that cannot be continued from within has to fit as a whole, or a slow reader would begin it for ever.
/// Sixteen times what else may wait: the bound of a topic's whole state is of that order.
const SNAPSHOT_FACTOR: usize = 16;

/// What a watch decides for itself, whatever its view.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    /// Where to begin.
    pub(crate) start: Start,
    /// Publications in the snapshot of a `stream`; the node's default is 100.
    pub(crate) limit: Option<u32>,
    /// End with the error instead of going on with a snapshot.
    pub(crate) ends_when_gone: bool,
    /// Leave out what this client published itself.
    pub(crate) skips_own: bool,
    /// Events that may be on their way or wait unread; at least 1.
    pub(crate) credit: Option<u64>,
}

/// Connections that this client had: what they published is its own.
pub(super) type OwnConnections = VecDeque<String>;

/// What a topic is, as its events tell: those of a `state` topic have keys, those of a `stream` have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    State,
    Stream,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    /// It was taken.
    Taken,
    /// It does not join: the view has to be opened anew.
    Gap,
    /// Nobody reads: not taken, and nothing will be until the reader catches up.
    Paused,
    /// The watch is over.
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) watch: WatchId,
    pub(super) cursor: Cursor,
    /// Of the subscription, when it was last opened for this follower; 0: it waits to be served.
    pub(super) turn: u64,
    pub(super) terms: Terms,
    bytes_max: usize,
    unread_bytes: usize,
    unread_count: u64,
    is_paused: bool,
    kind: Option<Kind>,
    /// Of a view with `delta`.
    values: Option<Values>,
}

impl Follower {
    pub(super) fn new(watch: WatchId, terms: Terms, bytes_max: usize) -> Self {
        let cursor = Cursor::new(terms.start);
        let (unread_bytes, unread_count, is_paused) = (0, 0, false);
        let (kind, values) = (None, None);
        Self { watch, cursor, turn: 0, terms, bytes_max, unread_bytes, unread_count, is_paused, kind, values }
    }

    /// The view that it is shown has patches, or has none.
    pub(super) fn shown(&mut self, has_delta: bool) {
        match (has_delta, &self.values) {
            (true, None) => self.values = Some(Values::default()),
            (false, Some(_)) => self.values = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Whether it can take events.
    pub(super) fn is_active(&self) -> bool {
        !self.is_paused
    }

    /// The node opened a view for it.
    pub(super) fn opened(&mut self, watched: &Watched, step: &mut Step<'_>) {
        let before = self.cursor.through();
        self.cursor.opened(watched);
        self.forget_values();
        if self.cursor.through() != before {
            self.hand_over(Vec::new(), step);
        }
    }

    /// The node changed its view. `false`: that ends the watch.
    pub(super) fn updated(&mut self, watched: &Watched, step: &mut Step<'_>) -> bool {
        self.cursor.updated(watched);
        self.forget_values();
        self.deliver(vec![Event::view_changed(watched.resumed)], step)
    }

    /// It is to be shown another view, that others see already or that has to be opened for it alone. Without a node to
    /// ask, only what is certain is continued: a `stream`, and what differs in its pace alone.
    pub(super) fn moved(&mut self, shows_the_same: bool, step: &mut Step<'_>) {
        self.turn = 0;
        if self.cursor.is_before_all() {
            return self.keep_on(step);
        }
        self.cursor.cut();
        if !(shows_the_same || self.kind == Some(Kind::Stream)) || self.cursor.through().is_none() {
            self.cursor = Cursor::new(Start::Snapshot);
            self.forget_values();
        }
        let is_resumed = self.cursor.through().is_some();
        self.hand_over(vec![Event::view_changed(is_resumed)], step);
    }

    /// It is shown what it asked for, from where it is or would have begun.
    pub(super) fn keep_on(&mut self, step: &mut Step<'_>) {
        self.hand_over(vec![Event::view_changed(true)], step);
    }

    /// The view could not be changed, and is as it was.
    pub(super) fn not_updated(&mut self, error: &Error, step: &mut Step<'_>) {
        self.hand_over(vec![Event::failure(error.clone())], step);
    }

    /// Events that it has room for, if that was bounded.
    pub(super) fn room(&self) -> Option<u64> {
        self.terms.credit.map(|credit| credit.saturating_sub(self.unread_count))
    }

    /// The node cannot continue it. `false`: that ends the watch.
    pub(super) fn gone(&mut self, error: &Error, step: &mut Step<'_>) -> bool {
        let mut events = Vec::new();
        self.cursor.gone(error.clone(), &mut events);
        self.deliver(events, step)
    }

    /// Takes what is new of a batch.
    pub(super) fn take(&mut self, batch: &EventBatch, own: &OwnConnections, step: &mut Step<'_>) -> Taking {
        let is_in_snapshot = self.cursor.through().is_none();
        let bytes_max = if is_in_snapshot { self.bytes_max * SNAPSHOT_FACTOR } else { self.bytes_max };
        if self.unread_bytes >= bytes_max {
            if is_in_snapshot {
                step.push(Effect::EndWatch(self.watch, Some(Error::new(ErrorKind::Overflow))));
                return Taking::Over;
            }
            self.pause(step);
            return Taking::Paused;
        }
        let mut events = Vec::new();
        if self.cursor.take(batch, step.stats, &mut events) == Err(Gap) {
            return Taking::Gap;
        }
        self.learn_kind(batch);
        let is_known = self.make_whole(&mut events, step);
        if self.terms.skips_own {
            events.retain(|event| !is_own(event, own));
        }
        if !self.deliver(events, step) {
            return Taking::Over;
        }
        let values_bytes = self.values.as_ref().map_or(0, Values::bytes);
        if values_bytes > self.bytes_max * SNAPSHOT_FACTOR {
            step.push(Effect::EndWatch(self.watch, Some(Error::new(ErrorKind::Overflow))));
            return Taking::Over;
        }
        if is_known { Taking::Taken } else { Taking::Paused }
    }

    /// Makes patches the puts that they stand for. `false`: one has nothing to patch; it and what follows is cut off, and
    /// the watch has to begin with a snapshot.
    fn make_whole(&mut self, events: &mut Vec<Event>, step: &mut Step<'_>) -> bool {
        let unknown = match &mut self.values {
            Some(values) => events.iter_mut().position(|event| values.learn(event).is_err()),
            None => events.iter().position(|event| event.kind() == EventKind::Patch),
        };
        let Some(at) = unknown else { return true };
        events.truncate(at);
        step.stats.gaps_count += 1;
        self.cursor.restart(Code::Lagged.into());
        self.turn = 0;
        false
    }

    fn learn_kind(&mut self, batch: &EventBatch) {
        let is_published = |event: &&fanfare_protocol::Event| {
            matches!(event.r#type(), EventType::Put | EventType::Patch | EventType::Delete)
        };
        if let Some(event) = batch.events.iter().find(is_published) {
            self.kind = Some(if event.key.is_some() { Kind::State } else { Kind::Stream });
        }
    }

    /// A snapshot will say all of them.
    fn forget_values(&mut self) {
        if let Some(values) = self.values.as_mut().filter(|_| self.cursor.through().is_none()) {
            values.clear();
        }
    }

    /// The reader took so much.
    pub(super) fn taken(&mut self, bytes: usize, count: u64) {
        self.unread_bytes = self.unread_bytes.saturating_sub(bytes);
        self.unread_count = self.unread_count.saturating_sub(count);
        self.is_paused &= self.unread_bytes > self.bytes_max / 2;
    }

    fn pause(&mut self, step: &mut Step<'_>) {
        self.is_paused = true;
        self.turn = 0;
        step.stats.lags_count += 1;
    }

    /// Hands events over. `false`: a `Gone` among them ends the watch.
    fn deliver(&mut self, mut events: Vec<Event>, step: &mut Step<'_>) -> bool {
        let gone = events.iter().position(|event| event.kind() == EventKind::Gone);
        step.stats.gones_count += u64::from(gone.is_some());
        let end = gone.filter(|_| self.terms.ends_when_gone).map(|at| {
            let error = events[at].error().cloned();
            events.truncate(at);
            error.unwrap_or_else(|| fanfare_protocol::Code::Gone.into())
        });
        step.stats.events_count += events.len() as u64;
        self.hand_over(events, step);
        if end.is_some() {
            step.push(Effect::EndWatch(self.watch, end));
            return false;
        }
        true
    }

    fn hand_over(&mut self, events: Vec<Event>, step: &mut Step<'_>) {
        let weight_bytes = DELIVERY_OVERHEAD_BYTES + events.iter().map(Event::weight_bytes).sum::<usize>();
        self.unread_bytes += weight_bytes;
        self.unread_count += events.len() as u64;
        let cursor = self.cursor.through();
        step.push(Effect::Deliver(self.watch, Delivery { events, cursor, weight_bytes }));
    }
}

fn is_own(event: &Event, own: &OwnConnections) -> bool {
    event.connection_id().is_some_and(|id| own.iter().any(|own| own == id))
}

#[cfg(test)]
mod tests;
