//! NATS JetStream with one replica and file storage: all topics are subjects of one stream, and an acknowledgement is awaited
//! for each publication, as `js.publish` does. No `Nats-Msg-Id`: a repeated publish is stored twice.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BytesMut};
use serde_json::{Value, json};

use crate::peer::{Directory, HISTORY_COUNT, Peer, Promise, Running, START_PATIENCE, version};
use crate::process::{Process, pinned};
use crate::report::Cell;
use crate::wire::{Connection, PAYLOAD_BYTES, Ticket, Wire, line, payload};

const PROGRAM: &str = "nats-server";
const PACKAGE: &str = "nats-server";
const STREAM: &str = "bench";
const CONFIGURATION: &str = "nats.conf";

/// When written data reaches the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// As the server does by default: every two minutes.
    Unsynced,
    /// `sync_interval: always`, of 2.10 and later.
    Always,
    /// An older server, on a directory whose every write is synchronous (`chattr +S`).
    Emulated,
}

/// See the module.
pub struct JetStream {
    sync: Sync,
    name: String,
}

impl JetStream {
    /// As it comes, and as close to Fanfare's promise as the installed version gets. `directory` is for asking it.
    pub fn all(directory: &Path) -> Result<[Self; 2]> {
        let version = version(PROGRAM, PACKAGE)?;
        let directory = Directory::fresh(directory)?;
        let file = directory.path().join(CONFIGURATION);
        fs::write(&file, configuration(Process::free_address()?, directory.path(), Sync::Always))?;
        let mut check = Command::new(PROGRAM);
        check.arg("-t").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let synced = if check.status()?.success() { Sync::Always } else { Sync::Emulated };
        Ok([Sync::Unsynced, synced].map(|sync| {
            let how = match sync {
                Sync::Unsynced => "unsynced",
                Sync::Always => "sync always",
                Sync::Emulated => "synchronous writes",
            };
            Self { sync, name: format!("jetstream {version} R1, {how}") }
        }))
    }

    /// Whether it syncs only because its directory makes it.
    pub fn is_emulated(&self) -> bool {
        self.sync == Sync::Emulated
    }
}

impl Peer for JetStream {
    fn name(&self) -> &str {
        &self.name
    }

    fn promise(&self) -> Option<Promise> {
        None
    }

    fn takes_part(&self, cell: Cell) -> bool {
        // The emulation syncs each write on its own: three rows say all about it.
        self.sync != Sync::Emulated || cell.is_landmark()
    }

    fn start(&self, directory: &Path) -> Result<Running> {
        let directory = Directory::fresh(directory)?;
        if self.sync == Sync::Emulated {
            let changed = Command::new("chattr").arg("+S").arg(directory.path()).stderr(Stdio::null()).status();
            ensure!(
                changed.is_ok_and(|status| status.success()),
                "this nats-server has no `sync_interval: always`, and `chattr +S` failed here: be root, use ext4, or \
                 leave it out with `--no-emulation`"
            );
        }
        let address = Process::free_address()?;
        let file = directory.path().join(CONFIGURATION);
        fs::write(&file, configuration(address, directory.path(), self.sync))?;
        let mut command = pinned(PROGRAM);
        command.arg("-c").arg(&file);
        let mut process = Process::start(command, PROGRAM, "install it with `apt-get install -y nats-server`")?;
        process.wait_until(START_PATIENCE, || create_stream(address).is_ok())?;
        Ok(Running { process, address, _directory: directory })
    }

    fn connect(&self, address: SocketAddr, client: usize, topic: usize) -> Result<Connection> {
        let (stream, _) = greet(address)?;
        let wire = Publisher::new(client, topic);
        (&stream).write_all(format!("SUB {}* 1\r\n", wire.inbox).as_bytes())?;
        Ok(Connection { stream, wire: Box::new(wire) })
    }

    fn stored(&self, address: SocketAddr, _: usize) -> Result<u64> {
        let info = ask(address, &format!("$JS.API.STREAM.INFO.{STREAM}"), &[])?;
        info["state"]["last_seq"].as_u64().context("the stream does not tell its last sequence")
    }
}

fn configuration(address: SocketAddr, directory: &Path, sync: Sync) -> String {
    let sync = if sync == Sync::Always { "sync_interval: always" } else { "" };
    format!("listen: \"{address}\"\njetstream {{ store_dir: \"{}\"\n{sync} }}\n", directory.display())
}

fn create_stream(address: SocketAddr) -> Result<()> {
    let stream = json!({
        "name": STREAM, "subjects": ["bench.*"], "storage": "file", "num_replicas": 1, "retention": "limits",
        "discard": "old", "max_msgs_per_subject": HISTORY_COUNT,
    });
    let answer = ask(address, &format!("$JS.API.STREAM.CREATE.{STREAM}"), stream.to_string().as_bytes())?;
    ensure!(answer["error"].is_null(), "the stream was not made: {answer}");
    Ok(())
}

/// Connects as a client that wants no `+OK`.
fn greet(address: SocketAddr) -> Result<(TcpStream, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(START_PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut text = String::new();
    reader.read_line(&mut text)?;
    ensure!(text.starts_with("INFO"), "not greeted by a NATS server: {text}");
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")?;
    text.clear();
    reader.read_line(&mut text)?;
    ensure!(text == "PONG\r\n", "no PONG but {text}");
    Ok((stream, reader))
}

/// A request and its answer.
fn ask(address: SocketAddr, subject: &str, body: &[u8]) -> Result<Value> {
    let (mut stream, mut reader) = greet(address)?;
    let head = format!("SUB answer 1\r\nPUB {subject} answer {}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body, b"\r\n"].concat())?;
    let mut head = String::new();
    reader.read_line(&mut head)?;
    let length = head.strip_prefix("MSG ").and_then(|head| head.split_whitespace().last());
    let length = length.with_context(|| format!("no answer but {head}"))?.parse()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// A connection that publishes to one subject; the ticket is the end of the subject that the acknowledgement goes to.
struct Publisher {
    inbox: String,
    head: String,
    tail: Vec<u8>,
}

impl Publisher {
    fn new(client: usize, topic: usize) -> Self {
        let inbox = format!("_INBOX.{client:022}.");
        let tail = [format!(" {PAYLOAD_BYTES}\r\n").as_bytes(), &payload(), b"\r\n"].concat();
        Self { head: format!("PUB bench.{topic} {inbox}"), inbox, tail }
    }

    /// The ticket of an acknowledgement, and its length if it is there as a whole.
    fn ticket(&self, head: &[u8]) -> Result<(Ticket, usize)> {
        let head = std::str::from_utf8(head)?;
        let mut words = head.strip_prefix("MSG ").with_context(|| format!("the server said `{head}`"))?.split(' ');
        let ticket = words.next().and_then(|subject| subject.strip_prefix(self.inbox.as_str()));
        let ticket = ticket.with_context(|| format!("no acknowledgement: `{head}`"))?.parse()?;
        let length = words.next_back().with_context(|| format!("no length: `{head}`"))?.parse()?;
        Ok((ticket, length))
    }
}

impl Wire for Publisher {
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        // Writing into memory cannot fail.
        let _ = write!(out, "{ticket}");
        out.extend_from_slice(&self.tail);
    }

    /// Each is `MSG inbox 1 length`, CR LF, `{"stream":"bench","seq":1}`, CR LF.
    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()> {
        while let Some((head, head_bytes)) = line(input) {
            // Once, a second after the connection was made, to measure the round trip. The answer may wait for minutes.
            if head == b"PING" {
                input.advance(head_bytes);
                continue;
            }
            let (ticket, length) = self.ticket(head)?;
            if input.len() < head_bytes + length + 2 {
                return Ok(());
            }
            input.advance(head_bytes);
            let body = &input[..length];
            ensure!(
                body.starts_with(br#"{"stream":"#) && !body.windows(7).any(|bytes| bytes == b"\"error\""),
                "a publish was refused: {}",
                String::from_utf8_lossy(body)
            );
            input.advance(length + 2);
            acknowledged.push(ticket);
        }
        Ok(())
    }
}
