//! A view of a topic, on the topic's side: from what is committed to the frames that its hubs append.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;
use fanfare_protocol::{Event, EventType, ResourceVersion};

use super::changes::Changes;
use crate::hub::{Frame, HubActor, HubId};
use crate::log::Committed;
use crate::view::{self, Kept, Lens, Pacer, Pending, Span, ViewKey, ViewPlace, Wire};

/// A hub that follows a view.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) hub: HubId,
    pub(super) address: Addr<HubActor>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct TopicView {
    pub(super) key: ViewKey,
    pub(super) number: u32,
    pub(super) followers: Vec<Follower>,
    /// Up to where its frames have told everything. Of a view that leaves nothing out: the topic's head.
    through: ResourceVersion,
    seen: Option<Seen>,
    place: ViewPlace,
}

/// What a view remembers that does not show everything as it comes.
#[derive(Debug)]
struct Seen {
    lens: Arc<Lens>,
    kept: Kept,
    paced: Option<Paced>,
    is_state: bool,
}

#[derive(Debug)]
struct Paced {
    pacer: Pacer,
    pending: Pending,
    is_timed: bool,
}

impl TopicView {
    pub(super) fn new(
        key: ViewKey,
        (number, place): (u32, ViewPlace),
        follower: Follower,
        head: ResourceVersion,
        is_state: bool,
    ) -> Self {
        let seen = key.lens.clone().map(|lens| {
            let pace = *lens.pace();
            // Readers of a `stream` with a ceiling read the log by themselves, each as fast as it may.
            let is_paced = !pace.is_unbounded() && (is_state || pace.rate.is_none());
            let paced =
                is_paced.then(|| Paced { pacer: Pacer::new(pace), pending: Pending::default(), is_timed: false });
            Seen { lens, kept: Kept::default(), paced, is_state }
        });
        Self { key, number, followers: vec![follower], through: head, seen, place }
    }

    /// Where a ring of it begins. What waits is still to come.
    pub(super) fn head(&self, topic: ResourceVersion) -> ResourceVersion {
        let waits = self.seen.as_ref().and_then(|seen| seen.paced.as_ref()).is_some();
        if waits { self.through } else { topic }
    }

    /// The frames of what was committed.
    pub(super) fn distribute(&mut self, changes: &Changes<'_>, now: Duration) -> Vec<Frame> {
        let committed = changes.committed;
        let mut frames = match &mut self.seen {
            None => self.frames(&Span::new(committed.after, committed.through, &committed.events)),
            Some(seen) => {
                let shown = seen.show(changes, now);
                self.tell(committed, &shown, now)
            }
        };
        self.settle(committed, &mut frames);
        frames
    }

    /// The frames of events that this view shows of what was committed.
    fn tell(&mut self, committed: &Committed, shown: &[Arc<Event>], now: Duration) -> Vec<Frame> {
        if self.through.epoch != committed.after.epoch {
            self.through = committed.after;
        }
        let is_full = match self.seen.as_ref().and_then(|seen| seen.paced.as_ref()) {
            None if shown.is_empty() => {
                return if committed.created { self.bookmark(committed.through) } else { Vec::new() };
            }
            None => return self.send(shown, committed.through),
            Some(paced) => {
                self.place.hold(paced.pending.bytes());
                paced.pending.is_full() || self.place.is_exceeded()
            }
        };
        let is_ended = committed.deleted || is_full;
        let mut frames = if committed.created { self.bookmark(committed.after) } else { Vec::new() };
        frames.extend(self.flush(committed.through, now, is_ended));
        frames
    }

    fn settle(&mut self, committed: &Committed, frames: &mut Vec<Frame>) {
        if committed.deleted {
            // No frame continues it: hubs send everyone to the log, which says that the epoch is over.
            frames.push(Frame {
                view: self.number,
                bytes: Bytes::new(),
                first: 0,
                through: ResourceVersion::NONE,
                plain_bytes: None,
            });
            self.through = ResourceVersion::NONE;
            if let Some(seen) = &mut self.seen {
                seen.kept = Kept::default();
            }
        }
    }

    /// What waits, as far as it may go; all of it when `is_ended`. The topic stands at `head`.
    pub(super) fn flush(&mut self, head: ResourceVersion, now: Duration, is_ended: bool) -> Vec<Frame> {
        let Some(seen) = &mut self.seen else { return Vec::new() };
        let Some(paced) = &mut seen.paced else { return Vec::new() };
        let is_due = paced.pacer.due(now).is_some_and(|due| due <= now);
        if paced.pending.is_empty() || !(is_due || is_ended) {
            return Vec::new();
        }
        let most = if is_ended { usize::MAX } else { paced.pacer.most(now) };
        let sent = paced.pending.send(&seen.lens, seen.is_state, most);
        self.place.hold(paced.pending.bytes());
        paced.pacer.sent(now, sent.count, !paced.pending.is_empty());
        if sent.events.is_empty() {
            return Vec::new();
        }
        self.send(&sent.events, sent.through.unwrap_or(head))
    }

    /// When [`Self::flush`] has to be called, once for each time that it is asked.
    pub(super) fn timer(&mut self, now: Duration) -> Option<Duration> {
        let paced = self.seen.as_mut()?.paced.as_mut()?;
        if paced.is_timed || paced.pending.is_empty() {
            return None;
        }
        let due = paced.pacer.due(now)?;
        paced.is_timed = true;
        Some(due)
    }

    /// The time that [`Self::timer`] gave has come.
    pub(super) fn timed(&mut self) {
        if let Some(paced) = self.seen.as_mut().and_then(|seen| seen.paced.as_mut()) {
            paced.is_timed = false;
        }
    }

    /// Says that nothing else was to be told up to the topic's head; nothing while something waits.
    pub(super) fn quiet(&mut self, head: ResourceVersion) -> Vec<Frame> {
        let waits =
            self.seen.as_ref().and_then(|seen| seen.paced.as_ref()).is_some_and(|paced| !paced.pending.is_empty());
        if waits { Vec::new() } else { self.bookmark(head) }
    }

    fn bookmark(&mut self, head: ResourceVersion) -> Vec<Frame> {
        self.send(&[view::marker(EventType::Bookmark, head)], head)
    }

    fn send(&mut self, events: &[Arc<Event>], through: ResourceVersion) -> Vec<Frame> {
        let frames = self.frames(&Span::new(self.through, through, events));
        self.through = through;
        frames
    }

    fn frames(&self, span: &Span<'_>) -> Vec<Frame> {
        let is_held = self.seen.as_ref().is_some_and(|seen| seen.paced.is_some());
        encoded(self.key.wire, self.number, span, is_held)
    }
}

impl Seen {
    /// What goes out now; what waits is kept.
    fn show(&mut self, changes: &Changes<'_>, now: Duration) -> Vec<Arc<Event>> {
        let Self { lens, kept, paced, is_state } = self;
        let Some(Paced { pacer, pending, .. }) = paced else {
            return changes.iter().filter_map(|change| lens.show(change, kept)).collect();
        };
        for change in changes.iter() {
            if *is_state {
                if !pending.conflate(lens, change.event, change.was) {
                    continue;
                }
            } else if let Some(event) = lens.show(change, kept) {
                pending.hold(event);
            } else {
                continue;
            }
            pacer.heard(now);
        }
        Vec::new()
    }
}

/// The frames of a span. What was held back is told as a change of what was there before all of it, so that nobody may join
/// at a later one of its frames who has not read those before it.
fn encoded(wire: Wire, number: u32, whole: &Span<'_>, is_held: bool) -> Vec<Frame> {
    whole
        .split()
        .map(|span| {
            let mut bytes = Vec::new();
            let plain_bytes = view::encode(wire, number, &span, &mut bytes);
            let first = if is_held { whole.after.offset.saturating_add(1) } else { span.first() };
            Frame { view: number, bytes: bytes.into(), first, through: span.through, plain_bytes }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever read the log up to between two frames of a batch has seen what was replaced while it was held back, and a
    /// patch in the second would be against a value from before the first.
    #[test]
    fn nobody_joins_inside_of_what_was_held_back() {
        let put = |offset| {
            Arc::new(Event {
                r#type: EventType::Put.into(),
                resource_version: Some(ResourceVersion::new(7, offset)),
                key: Some(offset.to_string()),
                data: Some(format!("\"{}\"", "x".repeat(40_000)).into()),
                ..Event::default()
            })
        };
        let (events, after) = ([put(183), put(184)], ResourceVersion::new(7, 180));
        let whole = Span::new(after, ResourceVersion::new(7, 184), &events);
        let firsts = |is_held| encoded(Wire::Sse, 1, &whole, is_held).iter().map(|f| f.first).collect::<Vec<_>>();
        assert_eq!(firsts(false), [183, 184]);
        assert_eq!(firsts(true), [181, 181]);
    }
}
