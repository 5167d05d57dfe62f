//! All connections of one thread: it waits for what happens to any of them, and tells whoever runs the scenario.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::connection::{Arrived, Connection, Phase};
use super::frame::{self, Opcode};
use super::{Sources, Timer, answer, handshake};
use crate::bench::target::{Entrance, Heard, Target};

/// Room for what is read at once; a server that batches sends tens of kilobytes to each connection.
const BUFFER_BYTES: usize = 128 * 1024;
/// A frame that is larger than this is a mistake: sixty-four publications of the largest payload.
const BUFFER_BYTES_MAX: usize = 32 * 1024 * 1024;
const EVENTS: usize = 1024;
/// From here on the poll's own milliseconds will do.
const COARSE: Duration = Duration::from_millis(20);
/// Of the timer; connections count from 0.
const TIMER: Token = Token(usize::MAX - 1);

/// To whom something happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who {
    /// By which the fleet knows the connection; used again once it is closed.
    pub(crate) id: usize,
    /// What whoever opened it called it.
    pub(crate) label: usize,
    /// When it was read, in nanoseconds since the fleet began.
    pub(crate) at_nanos: u64,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Happening<'a> {
    /// It is open, and what it asked for at once was answered.
    Ready,
    Heard(Heard<'a>),
    /// It is gone, not by our wish.
    Failed(anyhow::Error),
}

/// See the module.
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    timer: Timer,
    connections: Slab<Connection>,
    buffer: Vec<u8>,
    target: Rc<dyn Target>,
    address: SocketAddr,
    sources: Sources,
    began: Instant,
}

impl Fleet {
    /// A fleet without connections, whose clock began at that moment.
    pub(crate) fn new(target: Rc<dyn Target>, address: SocketAddr, sources: Sources, began: Instant) -> Result<Self> {
        let poll = Poll::new().context("there is no poll to be had")?;
        let timer = Timer::new(poll.registry(), TIMER).context("there is no timer to be had")?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
            connections: Slab::new(),
            buffer: vec![0; BUFFER_BYTES],
            target,
            address,
            sources,
            began,
        })
    }

    pub(crate) fn target(&self) -> &Rc<dyn Target> {
        &self.target
    }

    /// When the run's clock began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The run's clock.
    pub(crate) fn now_nanos(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Begins to open a connection.
    pub(crate) fn open(&mut self, label: usize, entrance: Entrance) -> Result<usize> {
        let stream = self.sources.connect(self.address)?;
        let entry = self.connections.vacant_entry();
        let id = entry.key();
        let connection = entry.insert(Connection::new(stream, label, entrance));
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut connection.stream, Token(id), interest)?;
        Ok(id)
    }

    /// Closes one, as a client does that leaves: without waiting.
    pub(crate) fn close(&mut self, id: usize) {
        if let Some(mut connection) = self.connections.try_remove(id) {
            if connection.phase == Phase::Open {
                // 1000: nothing went wrong.
                frame::put(Opcode::Close, &1000_u16.to_be_bytes(), &mut connection.outbox);
                // A server that does not take it any more learns by the end of the stream.
                let _ = connection.flush();
            }
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }

    /// What is to be sent on a connection: append to it, then [`Self::flush`]. `None` once it is gone.
    pub(crate) fn outbox(&mut self, id: usize) -> Option<&mut Vec<u8>> {
        self.connections.get_mut(id).map(|connection| &mut connection.outbox)
    }

    /// Bytes that wait to be sent.
    pub(crate) fn unsent(&self, id: usize) -> usize {
        self.connections.get(id).map_or(0, Connection::unsent)
    }

    /// Sends what was appended.
    pub(crate) fn flush(&mut self, id: usize) -> Result<()> {
        self.connections.get_mut(id).map_or(Ok(()), Connection::flush)
    }

    /// Waits for something to happen, at most this long, and tells all that has.
    pub(crate) fn turn(&mut self, patience: Duration, mut ear: impl FnMut(Who, Happening<'_>)) -> Result<()> {
        if patience < COARSE {
            self.timer.set(patience)?;
        }
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        // Taken out, so that they can be gone through while a connection is used.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(id) = event.token();
            if event.token() == TIMER || !self.connections.contains(id) {
                continue;
            }
            if let Err(error) =
                self.happened(id, event.is_readable() || event.is_read_closed(), event.is_writable(), &mut ear)
            {
                let label = self.connections.get(id).map_or(0, |connection| connection.label);
                self.close(id);
                ear(Who { id, label, at_nanos: self.now_nanos() }, Happening::Failed(error));
            }
        }
        self.events = events;
        Ok(())
    }

    fn happened(
        &mut self,
        id: usize,
        is_readable: bool,
        is_writable: bool,
        ear: &mut impl FnMut(Who, Happening<'_>),
    ) -> Result<()> {
        let connection = &mut self.connections[id];
        if is_writable {
            if connection.phase == Phase::Connecting {
                if let Some(error) = connection.stream.take_error()? {
                    return Err(refused(self.address, error));
                }
                if let Some(handshake) = connection.entrance.handshake.take() {
                    connection.phase = Phase::Asked;
                    connection.outbox.extend_from_slice(&handshake);
                } else {
                    connection.phase = Phase::Http;
                    let who = Who { id, label: connection.label, at_nanos: self.began.elapsed().as_nanos() as u64 };
                    ear(who, Happening::Ready);
                }
            }
            connection.flush()?;
        }
        if is_readable { self.read(id, ear) } else { Ok(()) }
    }

    fn read(&mut self, id: usize, ear: &mut impl FnMut(Who, Happening<'_>)) -> Result<()> {
        let connection = &mut self.connections[id];
        loop {
            if connection.kept() * 2 > self.buffer.len() {
                ensure!(self.buffer.len() < BUFFER_BYTES_MAX, "a frame is larger than {BUFFER_BYTES_MAX} bytes");
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let (count, is_last) = match connection.read(&mut self.buffer)? {
                Arrived::Some(count) => (count, false),
                Arrived::Last(count) => (count, true),
                Arrived::End => return Err(anyhow!("the server closed a connection without a word")),
            };
            let who = Who { id, label: connection.label, at_nanos: self.began.elapsed().as_nanos() as u64 };
            let input = &self.buffer[..count];
            let used = take(connection, &*self.target, who, input, ear)?;
            connection.keep(&input[used..]);
            if is_last {
                return connection.flush();
            }
        }
    }
}

/// Goes through what arrived, and tells how much of it was whole.
fn take(
    connection: &mut Connection,
    target: &dyn Target,
    who: Who,
    input: &[u8],
    ear: &mut impl FnMut(Who, Happening<'_>),
) -> Result<usize> {
    let mut used = 0;
    if connection.phase == Phase::Http {
        while let Some(bytes) = answer::first(&input[used..])? {
            used += bytes;
        }
        return Ok(used);
    }
    if connection.phase != Phase::Open {
        let Some(head) = handshake::answered(input)? else { return Ok(0) };
        used = head;
        connection.phase = Phase::Open;
        connection.outbox.extend_from_slice(&std::mem::take(&mut connection.entrance.greeting));
        if !connection.entrance.awaits_answer {
            ear(who, Happening::Ready);
        }
    }
    while let Some(frame) = frame::first(&input[used..])? {
        used += frame.bytes;
        match frame.opcode {
            Opcode::Text | Opcode::Binary => {
                let (awaits_answer, outbox) = (&mut connection.entrance.awaits_answer, &mut connection.outbox);
                target.hear(frame.payload, &mut |heard| match heard {
                    Heard::Subscribed(_) if *awaits_answer => {
                        *awaits_answer = false;
                        ear(who, Happening::Heard(heard));
                        ear(who, Happening::Ready);
                    }
                    Heard::Owed(frame) => outbox.extend_from_slice(frame),
                    heard => ear(who, Happening::Heard(heard)),
                })?;
            }
            Opcode::Ping => frame::put(Opcode::Pong, frame.payload, &mut connection.outbox),
            Opcode::Pong => {}
            Opcode::Close => return Err(closed(frame.payload)),
        }
    }
    Ok(used)
}

fn closed(payload: &[u8]) -> anyhow::Error {
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
    match payload.get(..2) {
        Some([high, low]) => {
            anyhow!("the server closed a connection with {}: {reason}", u16::from_be_bytes([*high, *low]))
        }
        _ => anyhow!("the server closed a connection"),
    }
}

fn refused(address: SocketAddr, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            anyhow!("nothing listens at {address}: start a node with `fanfare serve`, or name another place with --url")
        }
        _ => anyhow!(error).context(format!("{address} cannot be reached")),
    }
}
