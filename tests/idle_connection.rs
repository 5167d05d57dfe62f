//! What an idle WebSocket connection with one subscription costs a node in memory, counted, and the table of
//! `docs/performance.md` that says where it goes: the two are held together.
//!
//! The engine runs in this process, under an allocator that counts what all threads do. A test target of its own, because any
//! other test in the process would be counted too.

mod in_process;

use std::alloc::System;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use in_process::{Client, PATIENCE};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Connections that let what is set up once be set up; with them those that are counted fill tables that double.
const EARLIER: usize = 24;
const COUNTED: usize = 1_000;

/// How long nothing may have been asked of the allocator to be taken for settled: longer than the second in which a worker looks
/// after its connections.
const QUIET: Duration = Duration::from_millis(1_500);

/// What a measured row may be off by: a table of the node that happens to grow meanwhile, and rounding.
const OFF_MAX: f64 = 0.01;
const OFF_BYTES_MAX: f64 = 3.0;

/// What a connection may take at most, with all on one topic and with a topic each: what the product promises, in bytes.
const BYTES_MAX: [f64; 2] = [2.0 * 1_024.0, 4.0 * 1_024.0];

const PAGE: &str = include_str!("../docs/performance.md");

/// Bytes that were asked for and not given back.
fn live() -> usize {
    let stats = COUNTING.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// [`live`], once nothing changes any more: that nothing is left to do is no event that one could wait for.
fn settled() -> usize {
    let (start, mut before, mut since) = (Instant::now(), live(), Instant::now());
    while since.elapsed() < QUIET {
        assert!(start.elapsed() < PATIENCE, "it never settles");
        thread::sleep(Duration::from_millis(20));
        let now = live();
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    before
}

/// Bytes of one connection, and of one subscription with what belongs to its topic.
struct Cost {
    connection: f64,
    subscription: f64,
}

fn subscribe(client: &mut Client, topic: &str) {
    client.say(format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"{topic}","from":"latest"}}}}"#).as_bytes());
    client.hear(b"SUBSCRIBED");
}

/// Opens connections that stay, each with a subscription.
fn measure(address: SocketAddr, clients: &mut Vec<Client>, topic: impl Fn(usize) -> String) -> Cost {
    clients.reserve_exact(COUNTED);
    let before = settled();
    let first = clients.len();
    clients.extend((0..COUNTED).map(|_| Client::connect(address)));
    let opened = settled();
    for (n, client) in clients[first..].iter_mut().enumerate() {
        subscribe(client, &topic(n));
    }
    let each = |more: usize, than: usize| (more as f64 - than as f64) / COUNTED as f64;
    Cost { connection: each(opened, before), subscription: each(settled(), opened) }
}

/// A row of the table: its name, and its bytes with one topic and with a topic each.
struct Row {
    name: String,
    bytes: [f64; 2],
}

impl Row {
    fn read(line: &str) -> Option<(bool, Self)> {
        let cells: Vec<&str> = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let &[name, one, each] = cells.as_slice() else { return None };
        let number = |cell: &str| cell.trim_matches('*').parse().ok();
        let bytes = [number(one)?, number(each)?];
        Some((name.starts_with("**"), Self { name: name.trim_matches('*').to_owned(), bytes }))
    }
}

/// The bold rows of the table, each the sum of those below it, and the last of all.
fn groups() -> Vec<Row> {
    let mut groups: Vec<(Row, [f64; 2])> = Vec::new();
    for (is_sum, row) in PAGE.lines().filter_map(Row::read) {
        match groups.last_mut() {
            Some((_, sums)) if !is_sum => sums.iter_mut().zip(row.bytes).for_each(|(sum, bytes)| *sum += bytes),
            _ => groups.push((row, [0.0; 2])),
        }
    }
    let Some((all, _)) = groups.pop() else { panic!("the page has no table") };
    let mut whole = [0.0; 2];
    for (group, sums) in &groups {
        assert_eq!(group.bytes, *sums, "the rows below `{}` do not add up", group.name);
        whole.iter_mut().zip(group.bytes).for_each(|(whole, bytes)| *whole += bytes);
    }
    assert_eq!(all.bytes, whole, "the table does not add up");
    groups.into_iter().map(|(group, _)| group).chain([all]).collect()
}

#[track_caller]
fn assert_near(measured: f64, told: f64, what: &str) {
    let off = (measured - told).abs();
    assert!(off <= OFF_BYTES_MAX.max(told * OFF_MAX), "{what}: {measured:.1} bytes, the table says {told}");
}

#[test]
fn the_bytes_of_an_idle_connection_are_where_the_table_says() {
    rlimit::increase_nofile_limit(16_384).expect("the limit of open files can be raised");
    let groups = groups();
    let [connection, subscription, topic, all] = groups.as_slice() else { panic!("four sums are in the table") };
    let address = in_process::start("idle_connection", 1);
    let mut clients: Vec<Client> = (0..EARLIER).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| subscribe(client, "chat:one"));
    let one = measure(address, &mut clients, |_| "chat:one".to_owned());
    let each = measure(address, &mut clients, |n| format!("chat:of-{n:04}"));
    for (at, (cost, name)) in [(one, "one topic"), (each, "a topic each")].into_iter().enumerate() {
        println!("{name}: connection {:.1}, subscription and topic {:.1} bytes", cost.connection, cost.subscription);
        assert_near(cost.connection, connection.bytes[at], &format!("{name}, connection"));
        let told = subscription.bytes[at] + topic.bytes[at];
        assert_near(cost.subscription, told, &format!("{name}, subscription and topic"));
        assert!(all.bytes[at] <= BYTES_MAX[at], "{name}: {} bytes are more than may be", all.bytes[at]);
    }
}
