//! What a hub does once a second: heartbeats, bookmarks, and closing views that no one follows any more.

use std::rc::Rc;

use fanfare_protocol::{Code, EventType};

use super::actor::Frame;
use super::heartbeat::{Verdict, judge};
use super::notice::Notice;
use super::view::HubView;
use super::worker::{Hub, Told, Views};
use crate::view::{self, Span, ViewKey, Wire};

/// How long a view without subscribers stays open, so that long polls and reconnects find it again, in seconds.
const VIEW_LINGER_S: u32 = 5;

/// Views that were silent.
struct Quiet {
    /// Of those that show everything: they stand where their rings do.
    bookmarks: Vec<Frame>,
    /// Those that leave events out: only their topics know how far they have come.
    lensed: Vec<(u32, ViewKey)>,
    /// No one follows them any more.
    closed: Vec<(u32, ViewKey)>,
}

impl Hub {
    /// Once a second: heartbeats, bookmarks, views that no one follows any more.
    pub(super) fn tick(self: &Rc<Self>) {
        let now_s = self.now_s();
        for (_, outlet) in &*self.outlets.borrow() {
            let Some(signs) = outlet.signs(now_s) else { continue };
            match judge(signs, self.patience, now_s) {
                Verdict::Fine => {}
                Verdict::Ping => {
                    outlet.pinged();
                    self.node.telemetry.heartbeat_pings.inc();
                    if let Wire::Session(wire, _) = outlet.wire() {
                        outlet.push(|out| view::put_ping(wire, out));
                    }
                    self.flush_soon(outlet);
                }
                Verdict::Close(code) => {
                    if code == Code::PongTimeout {
                        self.node.telemetry.heartbeat_timeouts.inc();
                    }
                    outlet.notify(Notice::Close(code));
                }
            }
        }
        self.tell_gauges();
        self.pages.borrow_mut().clear();
        let Quiet { bookmarks, lensed, closed } = self.quiet_views(now_s);
        self.append(&bookmarks);
        for (number, key) in lensed {
            self.node.topics.quiet(&key, number);
        }
        for (number, key) in closed {
            self.node.topics.close(&key, number, self.id);
        }
    }

    fn tell_gauges(&self) {
        let count = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        let outbox_bytes = self.outlets.borrow().iter().map(|(_, o)| o.outbox_bytes()).sum();
        let now = Told { ring_bytes: count(self.views.borrow().ring_bytes), outbox_bytes: count(outbox_bytes) };
        self.node.telemetry.held_bytes.set(count(self.node.held_bytes()));
        let before = self.told.replace(now);
        self.node.telemetry.ring_bytes.inc_by(now.ring_bytes - before.ring_bytes);
        self.node.telemetry.outbox_bytes.inc_by(now.outbox_bytes - before.outbox_bytes);
    }

    fn quiet_views(&self, now_s: u32) -> Quiet {
        let bookmark_s = self.node.config.delivery.bookmark_interval_ms.div_ceil(1_000).max(1);
        let mut views = self.views.borrow_mut();
        let closed = views.close_abandoned(now_s);
        for _ in &closed {
            self.node.telemetry.views.dec();
        }
        let quiet = |v: &&HubView| v.empty_since_s.is_none() && now_s.saturating_sub(v.appended_s) >= bookmark_s;
        let (lensed, plain): (Vec<_>, Vec<_>) =
            views.open.values().filter(quiet).partition(|view| view.key.lens.is_some());
        let bookmarks = plain.into_iter().filter_map(bookmark).collect();
        let lensed = lensed.into_iter().map(|view| (view.number, view.key.clone())).collect();
        Quiet { bookmarks, lensed, closed }
    }
}

impl Views {
    /// Ends the views that had no subscriber for long enough. What their rings hold goes with them.
    fn close_abandoned(&mut self, now_s: u32) -> Vec<(u32, ViewKey)> {
        let Self { open, numbers, ring_bytes, .. } = self;
        let is_over =
            |view: &mut HubView| view.empty_since_s.is_some_and(|since| now_s.saturating_sub(since) >= VIEW_LINGER_S);
        let closed = open.extract_if(|_, view| is_over(view)).map(|(number, view)| {
            numbers.remove(&view.key);
            *ring_bytes -= view.ring.allocated();
            (number, view.key)
        });
        closed.collect()
    }
}

fn bookmark(of: &HubView) -> Option<Frame> {
    if of.key.wire == Wire::Signal {
        return None;
    }
    let head = of.head();
    let mut bytes = Vec::new();
    let event = view::marker(EventType::Bookmark, head);
    let plain_bytes = view::encode(of.key.wire, of.number, &Span::new(head, head, &[event]), &mut bytes);
    Some(Frame {
        view: of.number,
        bytes: bytes.into(),
        first: head.offset.saturating_add(1),
        through: head,
        plain_bytes,
    })
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{ResourceVersion, TopicName};

    use super::super::ring::Join;
    use super::*;

    /// Thousands may linger on a busy topic, and would use up what those who are followed need.
    #[test]
    fn a_view_that_nobody_follows_moves_on_and_keeps_no_frames() {
        let key = ViewKey { topic: TopicName::parse("s:a").unwrap(), wire: Wire::Sse, lens: None };
        let mut view = HubView::new(key, 1, ResourceVersion::new(7, 3), 0);
        assert!(view.append(b"a frame", 4, ResourceVersion::new(7, 5)));
        assert_eq!((view.head(), view.ring.allocated()), (ResourceVersion::new(7, 5), 0));
        assert_eq!(view.ring.join(5), Join::At(view.ring.head()));
        assert_eq!(view.ring.join(3), Join::ReadThrough(5));
        view.ring.check();
    }

    #[test]
    fn a_view_that_is_closed_before_it_is_swept_gives_its_ring_back() {
        let topic = TopicName::parse("s:a").unwrap();
        let key = ViewKey { topic, wire: Wire::Sse, lens: None };
        let mut view = HubView::new(key.clone(), 1, ResourceVersion::new(7, 0), 0);
        view.ring.append(b"a frame", 1, 1);
        let mut views = Views::default();
        views.ring_bytes = view.ring.allocated();
        views.numbers.insert(key.clone(), 1);
        views.open.insert(1, view);
        assert_eq!(views.close_abandoned(VIEW_LINGER_S - 1), []);
        assert!(views.ring_bytes > 0);
        assert_eq!(views.close_abandoned(VIEW_LINGER_S), [(1, key)]);
        assert!(views.open.is_empty() && views.numbers.is_empty());
        assert_eq!(views.ring_bytes, 0);
    }
}
