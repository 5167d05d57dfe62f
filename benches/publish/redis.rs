//! Redis Streams with its append-only file: a topic is a stream, `XADD` publishes. With `appendfsync always` an answer means
//! on disk; with `everysec` up to a second of them may be lost. It knows no producers: a repeated publish is stored twice.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};

use crate::peer::{Directory, HISTORY_COUNT, Peer, Promise, Running, START_PATIENCE, version};
use crate::process::{Process, pinned};
use crate::report::Cell;
use crate::wire::{Connection, Ticket, Wire, line, payload};

const PROGRAM: &str = "redis-server";
const PACKAGE: &str = "redis-server";

/// See the module.
pub struct Redis {
    appendfsync: &'static str,
    name: String,
}

impl Redis {
    /// One for each setting.
    pub fn all() -> Result<[Self; 2]> {
        let version = version(PROGRAM, PACKAGE)?;
        Ok(["always", "everysec"].map(|appendfsync| {
            let name = format!("redis {version} streams, AOF {appendfsync}");
            Self { appendfsync, name }
        }))
    }
}

impl Peer for Redis {
    fn name(&self) -> &str {
        &self.name
    }

    fn promise(&self) -> Option<Promise> {
        (self.appendfsync == "always").then_some(Promise::Theirs)
    }

    fn takes_part(&self, _: Cell) -> bool {
        true
    }

    fn start(&self, directory: &Path) -> Result<Running> {
        let directory = Directory::fresh(directory)?;
        let address = Process::free_address()?;
        let mut command = pinned(PROGRAM);
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--daemonize", "no"]);
        command.arg("--dir").arg(directory.path());
        command.args(["--appendonly", "yes", "--appendfsync", self.appendfsync, "--save", ""]);
        let mut process = Process::start(command, PROGRAM, "install it with `apt-get install -y redis-server`")?;
        process.wait_until(START_PATIENCE, || ask(address, b"PING\r\n").is_ok())?;
        Ok(Running { process, address, _directory: directory })
    }

    fn connect(&self, address: SocketAddr, _: usize, topic: usize) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, wire: Box::new(Stream::new(topic)) })
    }

    fn stored(&self, address: SocketAddr, topics: usize) -> Result<u64> {
        let commands: String = (0..topics).map(|topic| format!("XINFO STREAM {}\r\n", name(topic))).collect();
        let text = ask(address, format!("{commands}PING\r\n").as_bytes())?;
        let counts = text.split("entries-added\r\n:").skip(1).map(|rest| rest.split('\r').next().unwrap_or_default());
        let mut sum = 0;
        for count in counts {
            sum += count.parse::<u64>()?;
        }
        Ok(sum)
    }
}

fn name(topic: usize) -> String {
    format!("bench:{topic}")
}

/// Sends inline commands that end in `PING`, and reads until that is answered.
fn ask(address: SocketAddr, commands: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(commands)?;
    let mut text = Vec::new();
    let mut piece = [0; 16 * 1024];
    while !text.ends_with(b"+PONG\r\n") {
        let count = stream.read(&mut piece)?;
        ensure!(count > 0, "closed before the answer");
        text.extend_from_slice(&piece[..count]);
    }
    Ok(String::from_utf8(text)?)
}

/// A connection that adds to one stream; answers come in the order of the commands.
struct Stream {
    command: Vec<u8>,
    waiting: VecDeque<Ticket>,
}

impl Stream {
    fn new(topic: usize) -> Self {
        let (name, count, payload) = (name(topic), HISTORY_COUNT.to_string(), payload());
        let words: [&[u8]; 8] =
            [b"XADD", name.as_bytes(), b"MAXLEN", b"~", count.as_bytes(), b"*", b"d", payload.as_slice()];
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        Self { command, waiting: VecDeque::new() }
    }
}

impl Wire for Stream {
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>) {
        self.waiting.push_back(ticket);
        out.extend_from_slice(&self.command);
    }

    /// Each answer is the id of the entry, a bulk string: `$15`, CR LF, the id, CR LF.
    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()> {
        while let Some((head, head_bytes)) = line(input) {
            let [b'$', digits @ ..] = head else {
                bail!("an XADD was answered `{}`", String::from_utf8_lossy(head));
            };
            let length: usize = std::str::from_utf8(digits)?.parse()?;
            let bytes = head_bytes + length + 2;
            if input.len() < bytes {
                return Ok(());
            }
            input.advance(bytes);
            acknowledged.push(self.waiting.pop_front().context("an answer to no command")?);
        }
        Ok(())
    }
}
