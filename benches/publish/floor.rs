//! The least that a durable publication can cost with a connection for each client: one thread reads what has arrived, writes all
//! of it to a file that has its blocks, syncs once, and answers. It parses nothing, orders nothing, keeps no topics and
//! cannot be read: what lies between it and a server is what the server does; what lies below it is the kernel's.
//!
//! It is this program itself, started as a process of its own.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BytesMut};
use mio::net::{TcpListener, TcpStream as MioStream};
use mio::{Events, Interest, Poll, Token};

use crate::peer::{Directory, Peer, Promise, Running, START_PATIENCE};
use crate::process::{Process, pinned};
use crate::report::Cell;
use crate::wire::{Connection, PAYLOAD_BYTES, Ticket, Wire};

/// What a record has beside its payload: as much as an envelope of a session.
const HEAD_BYTES: usize = 32;
const RECORD_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES;

/// An answer: as long as one of a session.
const ANSWER_BYTES: usize = 16;

/// The first byte of a record that asks how many there were.
const COUNT: u8 = 1;

/// The file, which is written over and over: long enough for no two drains to meet.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// Room for what arrives at once on a connection.
const READ_BYTES: usize = 64 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// See the module.
pub struct Floor;

impl Peer for Floor {
    fn name(&self) -> &str {
        "floor: write, sync, answer"
    }

    fn promise(&self) -> Option<Promise> {
        Some(Promise::Floor)
    }

    fn takes_part(&self, _: Cell) -> bool {
        true
    }

    fn start(&self, directory: &Path) -> Result<Running> {
        let directory = Directory::fresh(directory)?;
        let address = Process::free_address()?;
        let mut command = pinned(env::current_exe()?);
        command.args(["--floor", &address.to_string(), "--dir"]).arg(directory.path());
        let mut process = Process::start(command, "the floor", "it is this program")?;
        process.wait_until(START_PATIENCE, || TcpStream::connect(address).is_ok())?;
        Ok(Running { process, address, _directory: directory })
    }

    fn connect(&self, address: SocketAddr, _: usize, _: usize) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, wire: Box::new(Records) })
    }

    fn stored(&self, address: SocketAddr, _: usize) -> Result<u64> {
        let mut stream = TcpStream::connect(address)?;
        let mut question = [0; RECORD_BYTES];
        question[0] = COUNT;
        stream.write_all(&question)?;
        let mut answer = [0; ANSWER_BYTES];
        stream.read_exact(&mut answer)?;
        Ok((&answer[..]).get_u64())
    }
}

struct Records;

impl Wire for Records {
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + RECORD_BYTES, b'x');
        out[begin] = 0;
        out[begin + 1..begin + 5].copy_from_slice(&ticket.to_be_bytes());
    }

    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()> {
        while input.len() >= ANSWER_BYTES {
            acknowledged.push(input.split_to(ANSWER_BYTES).get_u32());
        }
        Ok(())
    }
}

struct Client {
    stream: MioStream,
    /// The beginning of a record whose rest has not arrived.
    rest: BytesMut,
}

/// The server: never returns but in an error.
pub fn serve(address: SocketAddr, directory: &Path) -> Result<()> {
    let file = File::create(directory.join("log"))?;
    let zeros = vec![0; READ_BYTES];
    for offset in (0..LOG_BYTES).step_by(READ_BYTES) {
        file.write_all_at(&zeros, offset)?;
    }
    file.sync_all()?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut scratch) = (Events::with_capacity(1_024), vec![0; READ_BYTES]);
    let (mut clients, mut next) = (HashMap::<Token, Client>::new(), 0);
    let (mut batch, mut answers) = (Vec::new(), Vec::<(Token, Vec<u8>)>::new());
    let (mut offset, mut count) = (0, 0_u64);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                    clients.insert(Token(next), Client { stream, rest: BytesMut::new() });
                    next += 1;
                }
                continue;
            }
            let Some(client) = clients.get_mut(&event.token()) else { continue };
            let mut answer = Vec::new();
            let is_open = client.read(&mut scratch, |record| {
                if record[0] == COUNT {
                    answer.extend_from_slice(&count.to_be_bytes());
                } else {
                    count += 1;
                    batch.extend_from_slice(record);
                    answer.extend_from_slice(&record[1..5]);
                }
                answer.resize(answer.len().next_multiple_of(ANSWER_BYTES), 0);
            })?;
            if !is_open {
                clients.remove(&event.token());
            } else if !answer.is_empty() {
                answers.push((event.token(), answer));
            }
        }
        if !batch.is_empty() {
            ensure!((batch.len() as u64) < LOG_BYTES, "more arrived at once than the file holds");
            if offset + batch.len() as u64 > LOG_BYTES {
                offset = 0;
            }
            file.write_all_at(&batch, offset)?;
            file.sync_data()?;
            offset += batch.len() as u64;
            batch.clear();
        }
        for (token, answer) in answers.drain(..) {
            let client = clients.get_mut(&token).context("who asked is there")?;
            client.stream.write_all(&answer)?;
        }
    }
}

impl Client {
    /// Takes all records that have arrived; false at the end of the connection.
    fn read(&mut self, scratch: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<bool> {
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error.into()),
            };
            self.rest.extend_from_slice(&scratch[..read]);
            while self.rest.len() >= RECORD_BYTES {
                take(&self.rest.split_to(RECORD_BYTES));
            }
            // It was emptied; what comes next is told again.
            if read < scratch.len() {
                return Ok(true);
            }
        }
    }
}
