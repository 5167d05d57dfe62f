//! All views and connections of one worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix::Addr;
use bytes::Bytes;
use slab::Slab;
use tokio::sync::{Notify, Semaphore, oneshot};

use super::actor::{Frame, HubActor, Opened};
use super::heartbeat::Patience;
use super::notice::Notice;
use super::outlet::Outlet;
use super::pages::Pages;
use super::pass::{Breath, Pass};
use super::refusal::SubscribeError;
use super::slot::Slot;
use super::terms::Terms;
use super::view::{Fallen, HubView};
use super::views::Views;
use crate::node::Node;
use crate::telemetry::Transport;
use crate::topic::catch_up;
use crate::view::{Allowance, ViewKey};

/// Sockets written to before the sweep lets others run, whatever views they follow: 5,000 in one go would block a worker for
/// 11 ms. What arrives in between goes out with the same writes.
const SWEEP_SOCKETS: usize = 512;

/// Which hub of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HubId(pub usize);

/// See the module.
#[derive(Debug)]
pub struct Hub {
    pub(super) id: HubId,
    pub(super) node: Arc<Node>,
    address: RefCell<Option<Addr<HubActor>>>,
    pub(super) started: Instant,
    pub(super) patience: Patience,
    pub(super) views: RefCell<Views>,
    pub(super) outlets: RefCell<Slab<Rc<Outlet>>>,
    flush: RefCell<Vec<Rc<Outlet>>>,
    pub(super) work: Notify,
    pub(super) pages: RefCell<Pages>,
    /// Who reads the log for a subscriber has one of these while it reads.
    pub(super) catch_ups: Semaphore,
    /// What they may read of it.
    pub(super) read_bytes: RefCell<Allowance>,
    /// What the gauges were last told, so that each hub adds only its changes.
    pub(super) told: Cell<Told>,
}

/// See [`Hub::told`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) ring_bytes: i64,
    pub(super) outbox_bytes: i64,
}

/// What a hub knows of a view.
enum Found {
    Open(u32),
    /// Its number comes when the topic answers.
    Opening(oneshot::Receiver<Result<u32, SubscribeError>>),
}

impl Hub {
    /// A hub that knows its node; [`Hub::started`] gives it its mailbox.
    #[must_use]
    pub fn new(id: HubId, node: Arc<Node>) -> Rc<Self> {
        let patience = node.config.delivery.patience(&node.config.limits);
        let read_bytes = Allowance::new(node.config.delivery.catch_up_bytes_per_second_max as f64);
        let catch_ups = Semaphore::new(node.config.delivery.catch_up_reads_max.clamp(1, Semaphore::MAX_PERMITS));
        Rc::new(Self {
            id,
            node,
            address: RefCell::default(),
            started: Instant::now(),
            patience,
            views: RefCell::default(),
            outlets: RefCell::default(),
            flush: RefCell::default(),
            work: Notify::new(),
            pages: RefCell::default(),
            catch_ups,
            read_bytes: RefCell::new(read_bytes),
            told: Cell::default(),
        })
    }

    /// Gives the hub its own address, to be told to topics.
    pub fn set_address(&self, address: Addr<HubActor>) {
        *self.address.borrow_mut() = Some(address);
    }

    /// The node this worker belongs to.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Seconds since the hub began: the clock of heartbeats.
    #[must_use]
    pub fn now_s(&self) -> u32 {
        self.second_of(Instant::now())
    }

    /// A moment on that clock.
    #[must_use]
    pub fn second_of(&self, moment: Instant) -> u32 {
        u32::try_from(moment.saturating_duration_since(self.started).as_secs()).unwrap_or(u32::MAX)
    }

    /// Enters a connection into the heartbeat sweep; gives the key to leave with.
    pub fn enter(&self, outlet: Rc<Outlet>) -> usize {
        outlet.opened(self.now_s());
        self.outlets.borrow_mut().insert(outlet)
    }

    /// The connection is over: its subscriptions end.
    pub fn leave(&self, key: usize) {
        let outlet = self.outlets.borrow_mut().remove(key);
        outlet.abort();
        for slot in outlet.slots() {
            self.unsubscribe(&outlet, slot);
        }
    }

    /// Has every connection told that the node drains.
    pub fn drain(&self) {
        for (_, outlet) in &*self.outlets.borrow() {
            outlet.notify(Notice::Drain);
        }
    }

    /// Follows a view, opening it if this worker does not follow it yet. The subscriber is away at first: it must
    /// bring itself to the head by [`Hub::join`].
    ///
    /// # Errors
    /// See [`SubscribeError`].
    pub async fn subscribe(&self, key: &ViewKey, outlet: &Rc<Outlet>, terms: Terms) -> Result<Slot, SubscribeError> {
        let number = match self.find(key)? {
            Found::Open(number) => number,
            Found::Opening(answer) => answer.await.map_err(|_| SubscribeError::Unavailable)??,
        };
        if let Some(open) = self.alike(key, outlet) {
            return Err(SubscribeError::Already(open));
        }
        let mut views = self.views.borrow_mut();
        let view = views.open.get_mut(&number).ok_or(SubscribeError::Unavailable)?;
        let slot = outlet.add_slot(number, view.add(Rc::clone(outlet), terms));
        self.node.telemetry.subscriptions.inc();
        Ok(slot)
    }

    /// The view of this outlet, if there is one, that tells its client what `key` would.
    fn alike(&self, key: &ViewKey, outlet: &Outlet) -> Option<u32> {
        if outlet.slot_count() == 0 {
            return None;
        }
        let views = self.views.borrow();
        let number = |wire| views.numbers.get(&ViewKey { wire, ..key.clone() }).copied();
        key.wire.alike().filter_map(number).find(|number| outlet.slot(*number).is_some())
    }

    fn find(&self, key: &ViewKey) -> Result<Found, SubscribeError> {
        let mut views = self.views.borrow_mut();
        if let Some(number) = views.numbers.get(key) {
            return Ok(Found::Open(*number));
        }
        let (sender, answer) = oneshot::channel();
        let waiters = views.opening.entry(key.clone()).or_default();
        waiters.push(sender);
        if waiters.len() == 1 {
            let address = self.address.borrow().clone().ok_or(SubscribeError::Unavailable)?;
            self.node.topics.open(key.clone(), self.id, address, &self.node);
        }
        Ok(Found::Opening(answer))
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, outlet: &Outlet, slot: Slot) {
        outlet.remove_slot(slot);
        let now_s = self.now_s();
        let mut views = self.views.borrow_mut();
        if let Some(view) = views.open.get_mut(&slot.view) {
            let before = view.ring.allocated();
            view.remove(slot.key, now_s);
            let freed = before - view.ring.allocated();
            views.ring_bytes -= freed;
            self.node.telemetry.subscriptions.dec();
        }
    }

    /// The outlet's outbox goes out with the next sweep.
    pub fn flush_soon(&self, outlet: &Rc<Outlet>) {
        if outlet.stream().is_some() && !outlet.flush_queued.replace(true) {
            self.flush.borrow_mut().push(Rc::clone(outlet));
            self.work.notify_one();
        }
    }

    /// For the connection's task, once its socket takes bytes again: delivers what its subscriptions have.
    pub fn pump(self: &Rc<Self>, outlet: &Rc<Outlet>) {
        let mut pass = Pass::new(self.now_s());
        let mut index = 0;
        while let Some(slot) = outlet.slot_at(index) {
            if let Some(view) = self.views.borrow_mut().open.get_mut(&slot.view) {
                view.deliver(slot.key, &mut pass);
            }
            if outlet.is_blocked() {
                break;
            }
            index += 1;
        }
        self.finish(pass, outlet.wire().transport());
    }

    /// For a body that pulls: what it may send next, out of its ring.
    pub fn take(self: &Rc<Self>, slot: Slot, bytes_max: usize) -> Option<Bytes> {
        let mut pass = Pass::new(self.now_s());
        let (taken, transport) = {
            let mut views = self.views.borrow_mut();
            let view = views.open.get_mut(&slot.view)?;
            (view.take(slot.key, bytes_max, &mut pass), view.key.wire.transport())
        };
        self.finish(pass, transport);
        taken
    }

    pub(super) fn opened(&self, opened: Opened) {
        let now_s = self.now_s();
        let mut views = self.views.borrow_mut();
        let waiters = views.opening.remove(&opened.key).unwrap_or_default();
        if let Ok(number) = opened.view {
            views.numbers.insert(opened.key.clone(), number);
            views.open.insert(number, HubView::new(opened.key, number, opened.head, now_s));
            self.node.telemetry.views.inc();
        }
        for waiter in waiters {
            // One who no longer waits leaves a view without subscribers, which the tick closes.
            let _ = waiter.send(opened.view);
        }
    }

    pub(super) fn append(self: &Rc<Self>, frames: &[Frame]) {
        let now_s = self.now_s();
        for frame in frames {
            let (mut pass, mut transport) = (Pass::new(now_s), Transport::WebSocket);
            // There is none where a view was closed here and not yet there.
            if let Some(view) = self.views.borrow_mut().append(frame, &self.node, &mut pass) {
                transport = view;
            }
            self.finish(pass, transport);
        }
        if self.views.borrow().has_moved() {
            self.work.notify_one();
        }
    }

    /// Sweeps whenever there is something to send, for ever.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            self.work.notified().await;
            // Whatever is readable by now is read, applied and appended first: deliveries per write decide the cost.
            tokio::task::yield_now().await;
            self.sweep().await;
        }
    }

    async fn sweep(self: &Rc<Self>) {
        let (now_s, began) = (self.now_s(), Instant::now());
        let outlets = std::mem::take(&mut *self.flush.borrow_mut());
        for outlet in outlets {
            outlet.flush_queued.set(false);
            if !outlet.is_blocked() {
                outlet.flush(now_s);
            }
        }
        let moved = self.views.borrow_mut().take_moved();
        let mut breath = Breath::new(SWEEP_SOCKETS);
        for number in moved {
            let mut from = Some(0);
            while let Some(key) = from {
                if breath.is_out() {
                    tokio::task::yield_now().await;
                    breath = Breath::new(SWEEP_SOCKETS);
                }
                from = self.sweep_some(number, key, &mut breath, now_s);
            }
            self.free_if_read(number);
        }
        self.node.telemetry.hub_sweep.observe(began.elapsed().as_secs_f64());
    }

    fn sweep_some(self: &Rc<Self>, number: u32, from: usize, breath: &mut Breath, now_s: u32) -> Option<usize> {
        let mut pass = Pass::new(now_s);
        let (next, transport) = {
            let mut views = self.views.borrow_mut();
            let view = views.open.get_mut(&number)?;
            (view.sweep(from, breath, &mut pass), view.key.wire.transport())
        };
        self.finish(pass, transport);
        next
    }

    fn free_if_read(&self, number: u32) {
        let mut views = self.views.borrow_mut();
        let Some(view) = views.open.get_mut(&number) else { return };
        let before = view.ring.allocated();
        view.free_if_read();
        let freed = before - view.ring.allocated();
        views.ring_bytes -= freed;
    }

    fn finish(self: &Rc<Self>, pass: Pass, transport: Transport) {
        for fallen in pass.finish(transport, &self.node.telemetry) {
            let Fallen { key, outlet, terms, cursor, view, view_key, is_lagging } = fallen;
            let Some(slot) = outlet.slot(view).filter(|slot| slot.key == key) else { continue };
            let reader = catch_up::Reader { hub: Rc::clone(self), outlet, slot, key: view_key, terms, meter: None };
            if is_lagging {
                self.node.telemetry.lagging.inc();
                actix::spawn(reader.resume_lagging(cursor));
            } else {
                actix::spawn(reader.start(catch_up::Start::After(cursor)));
            }
        }
    }
}
