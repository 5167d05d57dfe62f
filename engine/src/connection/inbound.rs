//! What reaches a connection that has a socket: messages from it and notices from its worker, as one stream.
//!
//! Also the only place that polls the socket. A peer that does not take its answers is no longer read from. Holds no
//! buffer while no frame is partial.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use fanfare_cluster::{Answered, Answers};
use futures_util::Stream;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::reader::{Breach, Inbound, Reader};
use crate::hub::{Hub, Notice, Outlet};

/// What one read takes at most; shared by all connections of a thread.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// One thing to handle.
#[derive(Debug)]
pub(super) enum Input {
    /// From the peer, at that time.
    Item(Inbound, Instant),
    /// The peer broke the rules; nothing more is read as frames.
    Breach(Breach),
    /// From this worker.
    Notice(Notice),
    /// From shards, to publishes.
    Answered(Vec<Answered<Bytes>>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct InboundStream {
    hub: Rc<Hub>,
    outlet: Rc<Outlet>,
    answers: Answers<Bytes>,
    buffer: BytesMut,
    /// When the latest of it came.
    heard_at: Instant,
    reader: Reader,
    /// After a breach or a close what arrives is thrown away, so that the peer still gets our last words.
    discards: bool,
    write_ended: bool,
}

impl InboundStream {
    /// `read_ahead` came behind the handshake.
    pub(super) fn new(
        hub: Rc<Hub>,
        outlet: Rc<Outlet>,
        answers: Answers<Bytes>,
        reader: Reader,
        read_ahead: BytesMut,
    ) -> Self {
        Self {
            hub,
            outlet,
            answers,
            buffer: read_ahead,
            heard_at: Instant::now(),
            reader,
            discards: false,
            write_ended: false,
        }
    }

    fn poll_writes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.outlet.is_blocked() {
            if self.outlet.poll_unblocked(cx, self.hub.now_s()).is_pending() {
                return Poll::Pending;
            }
            self.hub.pump(&self.outlet);
        }
        let is_ending = self.outlet.is_closing() && !self.write_ended;
        if is_ending && self.outlet.poll_unblocked(cx, self.hub.now_s()).is_ready() {
            self.write_ended = true;
            if let Some(stream) = self.outlet.stream() {
                // The peer may be gone already; the read below tells.
                let _ = socket2::SockRef::from(stream).shutdown(Shutdown::Write);
            }
        }
        Poll::Ready(())
    }

    fn next_item(&mut self) -> Option<Input> {
        if self.discards || self.outlet.is_closing() {
            self.buffer = BytesMut::new();
            return None;
        }
        let bytes_max = self.hub.node().config.limits.frame_bytes_max;
        match self.reader.read(&mut self.buffer, bytes_max) {
            Ok(item) => item.map(|item| Input::Item(item, self.heard_at)),
            Err(breach) => Some(self.breach(breach)),
        }
    }

    fn breach(&mut self, breach: Breach) -> Input {
        self.discards = true;
        Input::Breach(breach)
    }

    /// What is wrong with the end of the stream, if anyone still hears it.
    fn end(&mut self) -> Option<Input> {
        if self.discards || self.outlet.is_closing() {
            return None;
        }
        self.reader.finish(&self.buffer).err().map(|breach| self.breach(breach))
    }

    /// Reads once. Ready with false at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(stream) = self.outlet.stream() else { return Poll::Ready(false) };
        loop {
            match stream.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Ready(Ok(())) => {}
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let read = stream.try_read(scratch);
                if let Ok(n) = read.as_ref().copied() {
                    self.buffer.extend_from_slice(&scratch[..n]);
                    if n < scratch.len() {
                        drained(stream);
                    }
                }
                read
            });
            match read {
                Ok(0) => return Poll::Ready(false),
                Ok(_) => {
                    self.heard_at = Instant::now();
                    self.outlet.heard(self.hub.second_of(self.heard_at));
                    return Poll::Ready(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(false),
            }
        }
    }
}

/// A read that got less than it asked for has emptied the socket, and the next byte is told as a new event: nothing is asked
/// again before, which spares a read that finds nothing. Tokio does the same where it reads by itself; only where events are
/// told at their edge.
fn drained(stream: &TcpStream) {
    if cfg!(any(target_os = "linux", target_os = "macos")) {
        let nothing = || Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock));
        let _ = stream.try_io(Interest::READABLE, nothing);
    }
}

impl Stream for InboundStream {
    type Item = Input;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Input>> {
        let this = self.get_mut();
        this.outlet.register(cx);
        loop {
            if let Some(notice) = this.outlet.take_notice() {
                return Poll::Ready(Some(Input::Notice(notice)));
            }
            // A peer that takes nothing at the moment is still heard, until too many answers wait for it.
            let _ = this.poll_writes(cx);
            if this.outlet.is_closed() {
                return Poll::Ready(None);
            }
            if !this.outlet.is_closing() && this.outlet.poll_room(cx).is_pending() {
                return this.answers.poll(cx).map(|answers| Some(Input::Answered(answers)));
            }
            // What was read before what was answered: the more answers there are by then, the fewer writes.
            if let Some(input) = this.next_item() {
                return Poll::Ready(Some(input));
            }
            if let Poll::Ready(answers) = this.answers.poll(cx) {
                return Poll::Ready(Some(Input::Answered(answers)));
            }
            if this.buffer.is_empty() {
                this.buffer = BytesMut::new();
            }
            match this.poll_read(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    if let Some(breach) = this.end() {
                        return Poll::Ready(Some(breach));
                    }
                    this.outlet.abort();
                    return Poll::Ready(None);
                }
            }
        }
    }
}
