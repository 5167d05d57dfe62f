//! The outlet of a connection: the one way for bytes to leave, shared by its task and its worker's hub.
//!
//! The outlet of a WebSocket or of raw TCP owns the socket: the hub writes rings into it directly. An HTTP body's outlet
//! has none: the body pulls, and the hub only wakes it. Either way events wait in rings, and the outbox holds answers,
//! pages of catch-ups and the rest of a frame that the socket cut, nothing else.
//!
//! Only the connection's own task polls the socket for readiness; everyone else uses `try_write`. One that would
//! block marks the outlet as blocked, and from then on only the connection's task writes until it is open again.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, Waker};

use tokio::net::TcpStream;

use super::exit::Exit;
use super::heartbeat::Signs;
use super::notice::Notice;
use super::outbox::Outbox;
use super::pass::Pass;
use super::ring::{Position, Ring};
use super::slot::{Slot, Slots};
use crate::view::Wire;

/// How a delivery out of a ring went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The subscriber stands at the head.
    Done,
    /// It will go on from its position when its own task can write or pull.
    Behind,
    /// Its position has been evicted: it has to read the log from this offset.
    Fell(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Blocked,
    /// Nothing more will be written, but what is in the outbox still goes out.
    Closing,
    Closed,
}

/// See the module.
#[derive(Debug)]
pub struct Outlet {
    exit: Exit,
    wire: Wire,
    state: Cell<State>,
    outbox: RefCell<Outbox>,
    outbox_bytes_max: usize,
    task: RefCell<Option<Waker>>,
    room: RefCell<Vec<Waker>>,
    slots: RefCell<Slots>,
    notices: RefCell<Vec<Notice>>,
    pub(super) flush_queued: Cell<bool>,
    signs: Cell<Signs>,
}

impl Outlet {
    /// The outlet of a socket. No more requests are read while more than `outbox_bytes_max` of answers wait in it.
    #[must_use]
    pub fn of_socket(stream: TcpStream, wire: Wire, outbox_bytes_max: usize) -> Self {
        Self::new(Exit::Socket(stream), wire, outbox_bytes_max)
    }

    /// The outlet of a body that pulls.
    #[must_use]
    pub fn of_body(wire: Wire, outbox_bytes_max: usize) -> Self {
        Self::new(Exit::Body(RefCell::default()), wire, outbox_bytes_max)
    }

    fn new(exit: Exit, wire: Wire, outbox_bytes_max: usize) -> Self {
        Self {
            exit,
            wire,
            state: Cell::new(State::Open),
            outbox: RefCell::default(),
            outbox_bytes_max,
            task: RefCell::default(),
            room: RefCell::default(),
            slots: RefCell::default(),
            notices: RefCell::default(),
            flush_queued: Cell::new(false),
            signs: Cell::default(),
        }
    }

    /// How what leaves here looks.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// Lets `encode` append a page of a catch-up, which waited for the outbox to be empty: it does not count
    /// against the answers that may wait.
    pub fn push_page(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.put(|outbox| outbox.append_page(encode));
    }

    /// Lets `encode` append to the outbox. The caller has the hub flush it (`Hub::flush_soon`).
    pub fn push(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.put(|outbox| outbox.append(encode));
    }

    fn put(&self, put: impl FnOnce(&mut Outbox)) {
        if matches!(self.state.get(), State::Open | State::Blocked) {
            put(&mut self.outbox.borrow_mut());
            self.exit.wake_body();
        }
    }

    pub(super) fn opened(&self, now_s: u32) {
        self.signs.set(Signs { opened_s: now_s, heard_s: now_s, written_s: now_s, ..Signs::default() });
    }

    /// The peer is alive: something arrived from it.
    pub fn heard(&self, now_s: u32) {
        self.signs.set(Signs { heard_s: now_s, pinged: false, ..self.signs.get() });
    }

    /// The peer asked for something.
    pub fn requested(&self, now_s: u32) {
        self.signs.set(Signs { requested_s: Some(now_s), ..self.signs.get() });
    }

    pub(super) fn pinged(&self) {
        self.signs.set(Signs { pinged: true, ..self.signs.get() });
    }

    fn written(&self, now_s: u32) {
        self.signs.set(Signs { written_s: now_s, ..self.signs.get() });
    }

    /// What the heartbeat sweep judges: nothing of who has no session, or one that ends. The peer of a body is minded by
    /// its transport, and lives as long as the body does.
    pub(super) fn signs(&self, now_s: u32) -> Option<Signs> {
        let lives = matches!(self.wire, Wire::Session(..)) && matches!(self.state.get(), State::Open | State::Blocked);
        let is_subscribed = !self.slots.borrow().open.is_empty();
        let signs = Signs { is_blocked: self.is_blocked(), is_subscribed, ..self.signs.get() };
        lives.then(|| if self.stream().is_some() { signs } else { Signs { heard_s: now_s, ..signs } })
    }

    /// Bytes that wait in the outbox.
    #[must_use]
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.borrow().len()
    }

    /// For whoever reads requests: ready while not too many answers wait.
    pub fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll_outbox(cx, |outbox| outbox.answer_bytes() <= self.outbox_bytes_max)
    }

    /// For a catch-up: ready when it may push its next page.
    pub fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll_outbox(cx, |outbox| outbox.len() == 0)
    }

    fn poll_outbox(&self, cx: &Context<'_>, is_ready: impl FnOnce(&Outbox) -> bool) -> Poll<()> {
        if self.is_closed() || is_ready(&self.outbox.borrow()) {
            return Poll::Ready(());
        }
        self.room.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    /// The socket, to read from it.
    #[must_use]
    pub fn stream(&self) -> Option<&TcpStream> {
        self.exit.socket()
    }

    /// Who is to be woken when the outlet blocks, ends or has a notice.
    pub fn register(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    /// Whose body pulls is to be woken when there is something to pull, or nothing more comes.
    pub fn register_body(&self, cx: &Context<'_>) {
        self.exit.register_body(cx);
    }

    /// Wakes the connection's task.
    pub fn wake(&self) {
        if let Some(task) = self.task.borrow().as_ref() {
            task.wake_by_ref();
        }
        self.exit.wake_body();
    }

    /// Nothing more is accepted; what waits is still written, then the connection's task sees it closed.
    pub fn close(&self) {
        if !self.is_closed() {
            self.state.set(State::Closing);
            self.wake();
        }
    }

    /// The peer is gone, or takes nothing: what waits is dropped.
    pub fn abort(&self) {
        self.state.set(State::Closed);
        *self.outbox.borrow_mut() = Outbox::default();
        self.wake();
        self.wake_room();
    }

    /// Nothing can leave any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.get() == State::Closed
    }

    /// [`Outlet::close`] was called, and bytes may still be waiting.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state.get() == State::Closing
    }

    /// Whether the socket takes nothing more at the moment.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.state.get() == State::Blocked
    }

    /// Writes the outbox as far as the socket takes it. True when it is empty.
    pub fn flush(&self, now_s: u32) -> bool {
        let Some(stream) = self.stream() else { return self.outbox_bytes() == 0 };
        let mut outbox = self.outbox.borrow_mut();
        while outbox.len() > 0 {
            match stream.try_write(outbox.unwritten()) {
                Ok(n) => {
                    outbox.advance(n);
                    self.written(now_s);
                }
                Err(error) => {
                    drop(outbox);
                    self.refused(&error);
                    return false;
                }
            }
        }
        *outbox = Outbox::default();
        self.wake_room();
        true
    }

    /// All that the outbox holds, for a body that pulls.
    pub fn take_outbox(&self) -> Vec<u8> {
        let outbox = std::mem::take(&mut *self.outbox.borrow_mut());
        self.wake_room();
        outbox.into_bytes()
    }

    /// Writes what lies between `position` and the head of `ring`, moving `position`.
    pub(super) fn deliver(&self, ring: &Ring, position: &mut Position, pass: &mut Pass) -> Delivery {
        match self.state.get() {
            State::Closing | State::Closed => return Delivery::Done,
            State::Blocked => return Self::behind(ring, *position),
            State::Open => {}
        }
        let Some(stream) = self.stream() else {
            self.exit.wake_body();
            return Self::behind(ring, *position);
        };
        if self.outbox_bytes() > 0 && !self.flush(pass.now_s) {
            return Self::behind(ring, *position);
        }
        loop {
            let Some(bytes) = ring.readable(*position) else { return Delivery::Fell(position.offset) };
            if bytes.is_empty() {
                return Delivery::Done;
            }
            match stream.try_write(bytes) {
                Ok(written) => {
                    self.written(pass.now_s);
                    let advance = ring.advance(*position, written);
                    pass.written.bytes += written as u64;
                    pass.written.events += advance.position.offset.saturating_sub(position.offset);
                    *position = advance.position;
                    if !advance.remainder.is_empty() {
                        pass.written.partial += 1;
                        self.outbox.borrow_mut().append(|out| out.extend_from_slice(advance.remainder));
                        self.block();
                        return Delivery::Behind;
                    }
                    pass.written.complete += 1;
                }
                Err(error) => {
                    self.refused(&error);
                    *if self.is_closed() { &mut pass.written.failed } else { &mut pass.written.blocked } += 1;
                    return Delivery::Behind;
                }
            }
        }
    }

    fn behind(ring: &Ring, position: Position) -> Delivery {
        match ring.readable(position) {
            None => Delivery::Fell(position.offset),
            Some([]) => Delivery::Done,
            Some(_) => Delivery::Behind,
        }
    }

    /// For the connection's task: ready when the socket takes bytes again and the outbox is empty.
    pub fn poll_unblocked(&self, cx: &mut Context<'_>, now_s: u32) -> Poll<()> {
        let Some(stream) = self.stream() else { return Poll::Ready(()) };
        loop {
            if self.is_closed() {
                return Poll::Ready(());
            }
            match stream.poll_write_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => self.abort(),
                Poll::Ready(Ok(())) => {
                    if self.flush(now_s) {
                        if self.is_blocked() {
                            self.state.set(State::Open);
                        }
                        return Poll::Ready(());
                    }
                }
            }
        }
    }

    /// The subscriptions of this outlet.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        self.slots.borrow().open.clone()
    }

    /// How many there are.
    #[must_use]
    pub fn slot_count(&self) -> usize {
        self.slots.borrow().open.len()
    }

    /// The subscription to `view`, if there is one.
    #[must_use]
    pub fn slot(&self, view: u32) -> Option<Slot> {
        self.slots.borrow().open.iter().copied().find(|s| s.view == view)
    }

    /// The subscription at `index`, for walking through all without a copy.
    #[must_use]
    pub fn slot_at(&self, index: usize) -> Option<Slot> {
        self.slots.borrow().open.get(index).copied()
    }

    pub(super) fn add_slot(&self, view: u32, key: usize) -> Slot {
        self.slots.borrow_mut().add(view, key)
    }

    pub(super) fn remove_slot(&self, slot: Slot) {
        self.slots.borrow_mut().remove(slot);
    }

    /// Leaves a notice for the connection's task.
    pub fn notify(&self, notice: Notice) {
        self.notices.borrow_mut().push(notice);
        self.wake();
    }

    /// The oldest notice that was not taken yet.
    pub fn take_notice(&self) -> Option<Notice> {
        let mut notices = self.notices.borrow_mut();
        if notices.is_empty() { None } else { Some(notices.remove(0)) }
    }

    fn refused(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.block();
        } else {
            self.abort();
        }
    }

    fn block(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Blocked);
        }
        self.wake();
    }

    fn wake_room(&self) {
        // Taken whole: who has nothing to wait for holds nothing for it.
        self.room.take().into_iter().for_each(Waker::wake);
    }
}
