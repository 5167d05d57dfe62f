//! A view on one worker: its ring and those of this worker's connections that follow it.

use std::rc::Rc;
use std::task::Waker;

use fanfare_protocol::ResourceVersion;
use slab::Slab;

use super::outlet::{Delivery, Outlet};
use super::pass::{Breath, Pass};
use super::ring::{Join, Position, Ring};
use super::terms::Terms;
use crate::view::ViewKey;

/// How a reader of the log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// It is live: the hub takes over.
    Live,
    /// It has to read the log up to this offset.
    ReadThrough(u64),
    /// It has everything the view has so far.
    Wait,
    /// The view is in another epoch than the reader.
    OtherEpoch,
}

#[derive(Debug)]
enum State {
    /// A task reads the log for it, and has told up to here, once it has begun.
    Away(Option<ResourceVersion>),
    /// That task waits until the view moves.
    Waiting(Box<Waiting>),
    /// Its cursor is in the ring.
    Live(Position),
    /// It has read further than the ring's head, in a view that leaves events out: what comes next decides whether it goes
    /// on there.
    Beyond(Position),
}

/// See [`State::Waiting`].
#[derive(Debug)]
struct Waiting {
    waker: Waker,
    cursor: Option<ResourceVersion>,
}

#[derive(Debug)]
struct Subscriber {
    state: State,
    terms: Terms,
    outlet: Rc<Outlet>,
}

/// A subscriber whose bytes were evicted before it took them.
#[derive(Debug)]
pub(super) struct Fallen {
    pub(super) key: usize,
    pub(super) outlet: Rc<Outlet>,
    pub(super) terms: Terms,
    pub(super) cursor: ResourceVersion,
    pub(super) view: u32,
    pub(super) view_key: ViewKey,
    /// It was too slow. Else what came next would have repeated something that it has, or the topic ended.
    pub(super) is_lagging: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct HubView {
    pub(super) key: ViewKey,
    pub(super) number: u32,
    pub(super) ring: Ring,
    epoch: u64,
    subscribers: Slab<Subscriber>,
    /// Since when it has had no subscriber, in seconds of the hub's clock.
    pub(super) empty_since_s: Option<u32>,
    pub(super) appended_s: u32,
    pub(super) moved: bool,
}

impl HubView {
    pub(super) fn new(key: ViewKey, number: u32, head: ResourceVersion, now_s: u32) -> Self {
        Self {
            key,
            number,
            ring: Ring::new(head.offset),
            epoch: head.epoch,
            subscribers: Slab::new(),
            empty_since_s: Some(now_s),
            appended_s: now_s,
            moved: false,
        }
    }

    pub(super) fn head(&self) -> ResourceVersion {
        ResourceVersion::new(self.epoch, self.ring.head().offset)
    }

    pub(super) fn add(&mut self, outlet: Rc<Outlet>, terms: Terms) -> usize {
        self.empty_since_s = None;
        // Of many topics, most have one subscriber here: the slab would make room for four.
        if self.subscribers.is_empty() {
            self.subscribers.reserve_exact(1);
        }
        self.subscribers.insert(Subscriber { state: State::Away(None), terms, outlet })
    }

    pub(super) fn remove(&mut self, key: usize, now_s: u32) {
        if let Some(Subscriber { state: State::Waiting(reader), .. }) = self.subscribers.try_remove(key) {
            // It finds its slot gone and ends.
            reader.waker.wake();
        }
        if self.subscribers.is_empty() {
            self.empty_since_s = Some(now_s);
            self.subscribers = Slab::new();
            self.ring.clear();
        }
    }

    /// Adds a frame. False when the topic began anew: everyone must read the log, which will tell them.
    pub(super) fn append(&mut self, frame: &[u8], first: u64, through: ResourceVersion) -> bool {
        let created = self.epoch == 0 && self.ring.head().offset == 0;
        if through.epoch != self.epoch && !created {
            self.epoch = through.epoch;
            self.ring.restart(through.offset);
            return false;
        }
        self.epoch = through.epoch;
        if self.subscribers.is_empty() {
            self.ring.skip(through.offset);
        } else {
            self.ring.append(frame, first, through.offset);
        }
        true
    }

    /// Delivers to the subscribers with keys from `from` on, as long as the breath lasts. Gives the key to go on with, `None`
    /// behind the last.
    pub(super) fn sweep(&mut self, from: usize, breath: &mut Breath, pass: &mut Pass) -> Option<usize> {
        let end = from + breath.take(self.subscribers.capacity().saturating_sub(from));
        for key in from..end {
            self.deliver(key, pass);
        }
        (end < self.subscribers.capacity()).then_some(end)
    }

    /// Delivers to one subscriber.
    pub(super) fn deliver(&mut self, key: usize, pass: &mut Pass) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        match &mut subscriber.state {
            State::Away(_) => {}
            State::Waiting(reader) => reader.waker.wake_by_ref(),
            State::Live(position) => {
                if let Delivery::Fell(offset) = subscriber.outlet.deliver(&self.ring, position, pass) {
                    pass.fallen.extend(self.fell(key, ResourceVersion::new(self.epoch, offset), true));
                }
            }
            State::Beyond(_) => {
                if self.settles(key, pass) {
                    self.deliver(key, pass);
                }
            }
        }
    }

    /// Whether one who is beyond the ring's head goes on with what has come.
    fn settles(&mut self, key: usize, pass: &mut Pass) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return false };
        let State::Beyond(position) = subscriber.state else { return false };
        if position.byte == self.ring.head().byte {
            return false;
        }
        if self.ring.continues(position) {
            subscriber.state = State::Live(position);
            return true;
        }
        pass.fallen.extend(self.fell(key, ResourceVersion::new(self.epoch, position.offset), false));
        false
    }

    /// Sends everyone to the log: the topic began anew after `last`, the last version of the old epoch.
    pub(super) fn expel(&mut self, last: ResourceVersion, pass: &mut Pass) {
        for key in 0..self.subscribers.capacity() {
            match self.subscribers.get(key).map(|s| &s.state) {
                None | Some(State::Away(_)) => {}
                Some(State::Waiting(reader)) => reader.waker.wake_by_ref(),
                Some(State::Live(position) | State::Beyond(position)) => {
                    let cursor = ResourceVersion::new(last.epoch, position.offset);
                    pass.fallen.extend(self.fell(key, cursor, false));
                }
            }
        }
    }

    fn fell(&mut self, key: usize, cursor: ResourceVersion, is_lagging: bool) -> Option<Fallen> {
        let subscriber = self.subscribers.get_mut(key)?;
        subscriber.state = State::Away(Some(cursor));
        Some(Fallen {
            key,
            outlet: Rc::clone(&subscriber.outlet),
            terms: subscriber.terms,
            cursor,
            view: self.number,
            view_key: self.key.clone(),
            is_lagging,
        })
    }

    /// Copies what a body may take next, moving its position: up to `bytes_max`, or one whole frame.
    pub(super) fn take(&mut self, key: usize, bytes_max: usize, pass: &mut Pass) -> Option<bytes::Bytes> {
        self.settles(key, pass);
        let subscriber = self.subscribers.get_mut(key)?;
        let State::Live(position) = &mut subscriber.state else { return None };
        let Some(bytes) = self.ring.readable(*position) else {
            let cursor = ResourceVersion::new(self.epoch, position.offset);
            pass.fallen.extend(self.fell(key, cursor, true));
            return None;
        };
        if bytes.is_empty() {
            return None;
        }
        let wanted = bytes.len().min(bytes_max);
        let advance = self.ring.advance(*position, wanted);
        let taken = bytes::Bytes::copy_from_slice(&bytes[..wanted + advance.remainder.len()]);
        pass.written.bytes += taken.len() as u64;
        pass.written.events += advance.position.offset.saturating_sub(position.offset);
        *position = advance.position;
        Some(taken)
    }

    /// Decides how a reader that has everything through `cursor` goes on; the one place where log and ring meet.
    pub(super) fn join(&mut self, key: usize, cursor: ResourceVersion) -> Continue {
        self.stands_at(key, cursor);
        // Also of `0.0`, which every epoch continues: only the log knows whether this one has ended.
        if cursor.epoch != self.epoch {
            return Continue::OtherEpoch;
        }
        let state = match self.ring.join(cursor.offset) {
            Join::ReadThrough(offset) => return Continue::ReadThrough(offset),
            // What it has may be all that there is, and nothing of it be for this view.
            Join::Ahead if self.key.lens.is_some() => {
                State::Beyond(Position { offset: cursor.offset, ..self.ring.head() })
            }
            Join::Ahead => return Continue::Wait,
            Join::At(position) => State::Live(position),
        };
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            subscriber.state = state;
        }
        Continue::Live
    }

    /// A reader of the log has told its subscriber everything up to this cursor.
    pub(super) fn stands_at(&mut self, key: usize, cursor: ResourceVersion) {
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            subscriber.state = State::Away(Some(cursor));
        }
    }

    /// What a subscriber wants, and up to where it has been told everything, once that has begun.
    pub(super) fn standing(&self, key: usize) -> Option<(Terms, Option<ResourceVersion>)> {
        let Subscriber { state, terms, .. } = self.subscribers.get(key)?;
        let cursor = match state {
            State::Away(cursor) => *cursor,
            State::Waiting(reader) => reader.cursor,
            State::Live(position) | State::Beyond(position) => Some(ResourceVersion::new(self.epoch, position.offset)),
        };
        Some((*terms, cursor))
    }

    /// Leaves the waker of a reader that waits until the view moves. False when it is no longer subscribed.
    pub(super) fn wait(&mut self, key: usize, waker: Waker) -> bool {
        let Some((_, cursor)) = self.standing(key) else { return false };
        let subscriber = self.subscribers.get_mut(key);
        subscriber.map(|s| s.state = State::Waiting(Box::new(Waiting { waker, cursor }))).is_some()
    }

    /// Frees the ring when no cursor in it stands before the head.
    pub(super) fn free_if_read(&mut self) {
        let head = self.ring.head();
        let behind = |s: &Subscriber| matches!(s.state, State::Live(p) if p != head && !s.outlet.is_closed());
        if self.ring.allocated() > 0 && !self.subscribers.iter().any(|(_, s)| behind(s)) {
            self.ring.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{OnGone, TopicName};

    use super::*;
    use crate::view::Wire;

    /// The log may know that the epoch of the ring is over, and the ring not yet: what the ring has is of a topic that
    /// was deleted before whoever stands at `0.0` looked.
    #[test]
    fn who_stands_before_all_epochs_asks_the_log_which_one_it_is() {
        let key = ViewKey { topic: TopicName::parse("s:a").unwrap(), wire: Wire::Sse, lens: None };
        let mut view = HubView::new(key, 1, ResourceVersion::NONE, 0);
        let terms = Terms { on_gone: OnGone::Snapshot, limit: 1, is_local: false };
        let subscriber = view.add(Rc::new(Outlet::of_body(Wire::Sse, 1)), terms);
        assert_eq!(view.join(subscriber, ResourceVersion::NONE), Continue::Live, "there is no topic yet");
        assert!(view.append(b"a frame", 1, ResourceVersion::new(7, 1)));
        assert_eq!(view.join(subscriber, ResourceVersion::NONE), Continue::OtherEpoch);
        assert_eq!(view.join(subscriber, ResourceVersion::new(7, 0)), Continue::Live);
    }
}
