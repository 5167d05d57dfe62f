//! What a hub does once a second: heartbeats, bookmarks, and closing views that no one follows any more.

use std::rc::Rc;

use fanfare_protocol::{Code, EventType};

use super::actor::Frame;
use super::heartbeat::{Verdict, judge};
use super::notice::Notice;
use super::view::HubView;
use super::worker::{Hub, Told};
use crate::view::{self, Span, ViewKey, Wire};

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
}
