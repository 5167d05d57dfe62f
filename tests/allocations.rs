//! What a publication costs the allocator, counted: the same whether a hundred or two thousand follow its topic.
//!
//! The engine runs in this process, under an allocator that counts what all threads do. Its clients are blocking
//! sockets with buffers on the stack of the one test, which therefore counts as nothing. A test target of its own,
//! because any other test in the process would be counted too.

use std::alloc::System;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fanfare_engine::config::{ServerConfig, Settings, StorageConfig, Workers};
use fanfare_engine::{Delivery, Node, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FEW: usize = 100;
const MANY: usize = 2_000;

/// Publications that let buffers grow to their size before anything is counted.
const WARMING: usize = 50;
const COUNTED: usize = 100;

/// What may differ for a publication: buffers that happen to grow within the count, timers that fire in it. One
/// allocation for each subscriber would be a difference of 1,900.
const ALLOCATIONS_MAX: f64 = 2.0;
const BYTES_MAX: f64 = 512.0;

/// How long a read may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the node keeps its data; in the folder of the build, so that whoever cleans that cleans this.
fn directory() -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("allocations");
    // What an earlier run left behind.
    let _ = fs::remove_dir_all(&directory);
    directory
}

/// Starts a node on a free port, on threads of its own, for as long as the process lives.
fn start_engine() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            // Nothing is said but what a publication causes.
            let quiet_ms = 3_600_000;
            let settings = Settings {
                server: ServerConfig {
                    listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                    workers: Workers::Count(2.try_into().expect("two is not zero")),
                    ..ServerConfig::default()
                },
                delivery: Delivery {
                    heartbeat_interval_ms: quiet_ms,
                    bookmark_interval_ms: quiet_ms,
                    ..Delivery::default()
                },
                storage: StorageConfig {
                    data_dir: directory().display().to_string(),
                    // What the store does now and then belongs to no publication.
                    window_ms: 60_000,
                    ..StorageConfig::default()
                },
                ..Settings::default()
            };
            let config = settings.check().expect("the settings fit together");
            let mut server =
                Server::start(Node::start(config).await.expect("the node starts")).expect("the port is free");
            sender.send(server.address()).expect("the test waits for it");
            server.ended().await.expect("the server runs until the process ends");
        });
    });
    receiver.recv_timeout(PATIENCE).expect("the engine starts in time")
}

/// A WebSocket that speaks JSON and allocates nothing once it is open.
struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the engine listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the engine reads");
        // Nothing follows the head before something is asked.
        let (mut head, mut piece) = (Vec::new(), [0; 1_024]);
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).expect("an answer to the handshake");
            assert!(read > 0, "closed in the handshake");
            head.extend_from_slice(&piece[..read]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends one text frame of less than 64 KiB.
    fn say(&mut self, payload: &[u8]) {
        // A mask of zeros leaves the payload as it is.
        let mut frame = [0; 512];
        let length = u16::try_from(payload.len()).expect("a short payload").to_be_bytes();
        frame[..8].copy_from_slice(&[0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0]);
        frame[8..8 + payload.len()].copy_from_slice(payload);
        self.0.write_all(&frame[..8 + payload.len()]).expect("the engine reads");
    }

    /// Reads one frame, which holds `part` and behind which nothing follows.
    fn hear(&mut self, part: &[u8]) {
        let (mut buffer, mut filled) = ([0; 1_024], 0);
        let payload = loop {
            filled += match self.0.read(&mut buffer[filled..]).expect("a frame in time") {
                0 => panic!("the engine closed"),
                read => read,
            };
            let (head, length) = match buffer[1] {
                126 if filled < 4 => continue,
                126 => (4, usize::from(u16::from_be_bytes([buffer[2], buffer[3]]))),
                short => (2, usize::from(short)),
            };
            if filled >= head + length && filled >= 2 {
                assert_eq!((buffer[0], filled), (0x81, head + length), "one whole text message");
                break &buffer[head..head + length];
            }
        };
        let is_there = payload.windows(part.len()).any(|window| window == part);
        assert!(is_there, "{} in {}", String::from_utf8_lossy(part), String::from_utf8_lossy(payload));
    }
}

/// What the process asked of the allocator for each publication, with so many subscribers.
struct Cost {
    allocations: f64,
    bytes: f64,
}

impl Cost {
    fn of(change: Stats, publications: usize) -> Self {
        let each = |count: usize| count as f64 / publications as f64;
        Self { allocations: each(change.allocations + change.reallocations), bytes: each(change.bytes_allocated) }
    }
}

/// Publishes to `count` subscribers, one publication after the other has reached them all.
fn measure(address: SocketAddr, count: usize) -> Cost {
    let opening = Region::new(COUNTING);
    let subscribe = format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"chat:of-{count}","from":"latest"}}}}"#);
    let mut subscribers: Vec<_> = (0..count)
        .map(|_| {
            let mut client = Client::connect(address);
            client.say(subscribe.as_bytes());
            client.hear(b"SUBSCRIBED");
            client
        })
        .collect();
    let opened = opening.change();
    assert!(opened.allocations > count, "what other threads allocate is counted: {opened:?}");

    let mut publisher = Client::connect(address);
    let publications: Vec<_> = (0..WARMING + COUNTED)
        .map(|n| {
            let request = format!(
                r#"{{"type":"PUBLISH","id":7,"payload":{{"topic":"chat:of-{count}","data":{{"n":"{n:05}"}}}}}}"#
            );
            (request, format!(r#""data":{{"n":"{n:05}"}}"#))
        })
        .collect();
    let mut publish = |(request, data): &(String, String)| {
        publisher.say(request.as_bytes());
        publisher.hear(b"PUBLISHED");
        for subscriber in &mut subscribers {
            subscriber.hear(data.as_bytes());
        }
    };
    publications[..WARMING].iter().for_each(&mut publish);
    let region = Region::new(COUNTING);
    publications[WARMING..].iter().for_each(&mut publish);
    Cost::of(region.change(), COUNTED)
}

/// Allocations of a publication do not depend on the number of subscribers.
#[test]
fn a_publication_allocates_the_same_for_a_hundred_and_for_two_thousand() {
    rlimit::increase_nofile_limit(16_384).expect("the limit of open files can be raised");
    let address = start_engine();
    let few = measure(address, FEW);
    let many = measure(address, MANY);
    for (count, cost) in [(FEW, &few), (MANY, &many)] {
        println!("{count} subscribers: {:.2} allocations, {:.0} bytes a publication", cost.allocations, cost.bytes);
    }
    assert!(few.allocations > 0.0, "a publication is stored and encoded, so the count is not of nothing");
    let allocations = many.allocations - few.allocations;
    let bytes = many.bytes - few.bytes;
    assert!(allocations.abs() <= ALLOCATIONS_MAX, "{allocations:.2} allocations more a publication");
    assert!(bytes.abs() <= BYTES_MAX, "{bytes:.0} bytes more a publication");
}
