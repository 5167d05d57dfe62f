//! The views of one worker: which there are, and which have moved since they were last swept.

use tokio::sync::oneshot;

use super::actor::Frame;
use super::pass::{Breath, Pass};
use super::refusal::SubscribeError;
use super::view::HubView;
use crate::hash::HashMap;
use crate::node::Node;
use crate::telemetry::Transport;
use crate::view::ViewKey;

/// How long a view without subscribers stays open, so that long polls and reconnects find it again, in seconds.
const VIEW_LINGER_S: u32 = 5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub(super) open: HashMap<u32, HubView>,
    pub(super) numbers: HashMap<ViewKey, u32>,
    /// Those who wait for a view that its topic has not opened yet.
    pub(super) opening: HashMap<ViewKey, Vec<oneshot::Sender<Result<u32, SubscribeError>>>>,
    /// Each once, in the order in which they moved.
    moved: Vec<u32>,
    pub(super) ring_bytes: usize,
}

impl Views {
    /// The next sweep is to visit this view.
    pub(super) fn mark_moved(&mut self, number: u32) {
        if let Some(view) = self.open.get_mut(&number).filter(|view| !view.moved) {
            view.moved = true;
            self.moved.push(number);
        }
    }

    /// Whether there is anything to sweep.
    pub(super) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// What to sweep. What moves while that is swept is to be swept again, however often it moves, once.
    pub(super) fn take_moved(&mut self) -> Vec<u32> {
        let moved = std::mem::take(&mut self.moved);
        for number in &moved {
            if let Some(view) = self.open.get_mut(number) {
                view.moved = false;
            }
        }
        moved
    }

    /// Appends a frame to its view's ring, makes room if need be and marks the view for the sweep.
    pub(super) fn append(&mut self, frame: &Frame, node: &Node, pass: &mut Pass) -> Option<Transport> {
        let delivery = &node.config.delivery;
        let view = self.open.get_mut(&frame.view)?;
        let (before, last) = (view.ring.allocated(), view.head());
        if !view.append(&frame.bytes, frame.first, frame.through) {
            view.expel(last, pass);
        }
        view.appended_s = pass.now_s;
        self.ring_bytes = self.ring_bytes + view.ring.allocated() - before;
        let spare = delivery.rings_bytes_max.saturating_sub(self.ring_bytes - view.ring.allocated());
        let bytes_max = delivery.ring_bytes_max.min(spare);
        if view.ring.allocated() > bytes_max {
            // Only who would block may fall off: everyone else is served first.
            view.sweep(0, &mut Breath::new(usize::MAX), pass);
            let before = view.ring.allocated();
            node.telemetry.ring_evictions.inc_by(view.ring.evict(bytes_max));
            self.ring_bytes = self.ring_bytes + view.ring.allocated() - before;
        }
        let transport = view.key.wire.transport();
        self.mark_moved(frame.view);
        Some(transport)
    }

    /// Ends the views that had no subscriber for long enough. What their rings hold goes with them.
    pub(super) fn close_abandoned(&mut self, now_s: u32) -> Vec<(u32, ViewKey)> {
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

#[cfg(test)]
mod tests {
    use fanfare_protocol::{ResourceVersion, TopicName};

    use super::*;
    use crate::view::Wire;

    /// A sweep lets others run, who append: were the view listed each time, the next sweep would visit everyone as often, and
    /// what could have gathered for one write would go out in many.
    #[test]
    fn a_view_that_moves_while_it_is_swept_is_swept_once_more() {
        let key = ViewKey { topic: TopicName::parse("s:a").unwrap(), wire: Wire::Sse, lens: None };
        let mut views = Views::default();
        views.open.insert(1, HubView::new(key, 1, ResourceVersion::new(7, 0), 0));
        views.mark_moved(1);
        views.mark_moved(1);
        assert_eq!(views.take_moved(), [1]);
        for _ in 0..3 {
            views.mark_moved(1);
            views.open.get_mut(&1).unwrap().sweep(0, &mut Breath::new(1), &mut Pass::new(0));
        }
        assert_eq!(views.take_moved(), [1]);
        assert!(!views.has_moved());
    }

    #[test]
    fn a_view_that_is_closed_before_it_is_swept_gives_its_ring_back() {
        let topic = TopicName::parse("s:a").unwrap();
        let key = ViewKey { topic, wire: Wire::Sse, lens: None };
        let mut view = HubView::new(key.clone(), 1, ResourceVersion::new(7, 0), 0);
        view.ring.append(b"a frame", 1, 1);
        let mut views = Views { ring_bytes: view.ring.allocated(), ..Views::default() };
        views.numbers.insert(key.clone(), 1);
        views.open.insert(1, view);
        assert_eq!(views.close_abandoned(VIEW_LINGER_S - 1), []);
        assert!(views.ring_bytes > 0);
        assert_eq!(views.close_abandoned(VIEW_LINGER_S), [(1, key)]);
        assert!(views.open.is_empty() && views.numbers.is_empty());
        assert_eq!(views.ring_bytes, 0);
    }
}
