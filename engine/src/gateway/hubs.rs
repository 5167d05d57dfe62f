//! One hub for each worker thread, whichever of its doors is opened first.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Actor;

use crate::hub::{Hub, HubActor, HubId};
use crate::node::Node;

thread_local! {
    // Not its owner: what is dropped with the thread itself must not need the runtime that has gone before.
    static HUB: RefCell<Weak<Hub>> = const { RefCell::new(Weak::new()) };
}

/// See the module. A worker serves one node in its life.
#[derive(Clone, Debug)]
pub(super) struct Hubs {
    node: Arc<Node>,
    count: Arc<AtomicUsize>,
}

impl Hubs {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node, count: Arc::default() }
    }

    /// The hub of the worker that this runs on.
    pub(super) fn of_this_worker(&self) -> Rc<Hub> {
        HUB.with_borrow_mut(|known| {
            known.upgrade().unwrap_or_else(|| {
                let hub = self.start();
                *known = Rc::downgrade(&hub);
                hub
            })
        })
    }

    fn start(&self) -> Rc<Hub> {
        let id = HubId(self.count.fetch_add(1, Ordering::Relaxed));
        let hub = Hub::new(id, Arc::clone(&self.node));
        let actor = HubActor(Rc::clone(&hub)).start();
        self.node.add_hub(actor.clone());
        hub.set_address(actor);
        hub
    }
}
