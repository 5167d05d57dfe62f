//! One connection: its socket, how far it has come, and what lies between two reads or writes.

use std::io::{self, Read as _, Write as _};

use anyhow::{Result, bail};
use mio::net::TcpStream;

use crate::bench::target::Entrance;

/// A remainder that is larger than this gives its memory back once it is used up: twenty thousand connections keep theirs.
const REMAINDER_BYTES_KEPT: usize = 1024;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    /// The handshake was asked.
    Asked,
    /// A WebSocket.
    Open,
    /// Requests and answers of HTTP.
    Http,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Given by whoever opened it.
    pub(super) label: usize,
    pub(super) phase: Phase,
    /// How it begins; `awaits_answer` as long as that is to come.
    pub(super) entrance: Entrance,
    /// What a read left of an unfinished frame.
    remainder: Vec<u8>,
    /// What is to be sent, and how much of it was.
    pub(super) outbox: Vec<u8>,
    sent: usize,
}

/// What a read found.
pub(super) enum Arrived {
    /// So many bytes are in the buffer, and the socket may have more.
    Some(usize),
    /// The same, and for now that is all.
    Last(usize),
    /// The server has closed.
    End,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, label: usize, entrance: Entrance) -> Self {
        Self { stream, label, phase: Phase::Connecting, entrance, remainder: Vec::new(), outbox: Vec::new(), sent: 0 }
    }

    /// Reads behind what the last read left, into the buffer that all share.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Arrived> {
        let kept = self.remainder.len();
        let (front, free) = buffer.split_at_mut(kept);
        front.copy_from_slice(&self.remainder);
        match self.stream.read(free) {
            Ok(0) => Ok(Arrived::End),
            Ok(count) => {
                self.forget_remainder();
                // A short read has emptied the socket: what comes now wakes the poll again.
                let is_full = count == free.len();
                Ok(if is_full { Arrived::Some(kept + count) } else { Arrived::Last(kept + count) })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Arrived::Last(0)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Arrived::Some(0)),
            Err(error) => bail!("the connection broke: {error}"),
        }
    }

    /// Keeps what no whole frame has used.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.remainder.extend_from_slice(rest);
    }

    /// Bytes that wait for the rest of their frame.
    pub(super) fn kept(&self) -> usize {
        self.remainder.len()
    }

    fn forget_remainder(&mut self) {
        if self.remainder.capacity() > REMAINDER_BYTES_KEPT {
            self.remainder = Vec::new();
        } else {
            self.remainder.clear();
        }
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) -> Result<()> {
        while self.sent < self.outbox.len() {
            match self.stream.write(&self.outbox[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => bail!("the connection broke: {error}"),
            }
        }
        self.outbox.clear();
        self.sent = 0;
        Ok(())
    }

    /// Bytes that the socket has not taken.
    pub(super) fn unsent(&self) -> usize {
        self.outbox.len() - self.sent
    }
}
