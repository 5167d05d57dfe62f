//! Random publications, views, transports, cuts, lags and retention, against what each client may have seen. A seed tells one
//! run: `FANFARE_WATCH_SEED`; more of them: `FANFARE_WATCH_RUNS`.

use std::rc::Rc;

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::publish_all;
use crate::harness::Node;
use crate::oracle::{Entry, Lens, Oracle};
use crate::viewer::{TRANSPORTS, Viewer, Wanted};

/// Few enough that some clients come back too late.
const CONFIGURATION: &str = "[server]\ntcp_listen = \"127.0.0.1:0\"\n[delivery]\nbookmark_interval_ms = 1000\nring_bytes_max = 16777216\n\
    [[namespace]]\nname = \"s\"\nkind = \"state\"\nhistory_count = 250\n[[namespace]]\nname = \"t\"\nhistory_count = 250\n";

const VIEWERS: usize = 33;
const ENTRIES: usize = 400;
const KEYS: u64 = 12;

/// Every second node has rings so small that a slow client falls off, and clients that are slow.
const TIGHT: [(&str, &str); 2] =
    [("16777216", "65536"), ("bookmark_interval_ms", "send_buffer_bytes = 16384\nbookmark_interval_ms")];

fn configuration(is_tight: bool) -> String {
    let tighten = |text: String, (from, to): &(&str, &str)| text.replacen(from, to, 1);
    if is_tight { TIGHT.iter().fold(CONFIGURATION.to_owned(), tighten) } else { CONFIGURATION.to_owned() }
}

fn wanted(random: &mut Rng, is_tight: bool) -> Wanted {
    let is_state = random.bool();
    let mut lens = Lens { is_state, limit: 100, ..Lens::default() };
    if random.bool() {
        lens.group = Some(random.u64(..3));
    }
    if random.u8(..3) == 0 {
        lens.least = Some(random.u64(..60));
    }
    lens.fields = match random.u8(..3) {
        0 => vec!["g"],
        1 => vec!["g", "n"],
        _ => Vec::new(),
    };
    lens.on_change = random.u8(..4) == 0;
    lens.delta = is_state && random.u8(..4) == 0;
    let mut pace = Vec::new();
    if random.bool() {
        // One of the three, or any of them together.
        let (one, more) = (random.u8(..3), random.u8(..8) & random.u8(..8));
        let has = |at: u8| at == one || more >> at & 1 == 1;
        if has(0) {
            pace.push(("interval", format!("{}ms", random.u8(5..80))));
        }
        if has(1) {
            pace.push(("debounce", format!("{}ms", random.u8(5..60))));
        }
        if has(2) {
            // Of a `stream` no less than what takes a second or two.
            pace.push(("maxEventsPerSecond", random.u16(if is_state { 50..500 } else { 300..900 }).to_string()));
        }
        lens.conflates = is_state;
    }
    let credit = (random.u8(..4) == 0).then(|| random.usize(1..60));
    // Of a `state` topic who lags is told what still counts.
    lens.conflates |= is_state && is_tight;
    Wanted { topic: if is_state { "s:a" } else { "t:a" }, lens, pace, credit, stalls: is_tight }
}

fn entry(random: &mut Rng, is_state: bool) -> Entry {
    let key = is_state.then(|| format!("k{}", random.u64(..KEYS)));
    let is_delete = is_state && random.u8(..8) == 0;
    let padding = "x".repeat(if random.u8(..10) == 0 { 40_000 } else { random.usize(..40) });
    let data = json!({ "g": random.u64(..3), "n": random.u64(..80), "padding": padding });
    Entry { key, data: (!is_delete).then_some(data) }
}

fn publication(entry: &Entry) -> Value {
    match (&entry.key, &entry.data) {
        (Some(key), None) => json!({ "key": key, "delete": true }),
        (Some(key), Some(data)) => json!({ "key": key, "data": data }),
        (None, data) => json!({ "data": data }),
    }
}

async fn publish(node: &Node, topic: &str, entries: &[Entry], random: &mut Rng) {
    let mut rest = entries;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(random.usize(1..12).min(rest.len()));
        publish_all(node, topic, now.iter().map(publication).collect()).await;
        rest = later;
        if random.u8(..6) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let is_tight = seed.is_multiple_of(2);
    let node = Rc::new(Node::with(&[], &configuration(is_tight)));
    let mut of = |is_state| (0..ENTRIES).map(|_| entry(&mut random, is_state)).collect::<Vec<_>>();
    let (stream, mut state) = (of(false), of(true));
    // A delete of nothing is refused where there is no topic yet.
    state[0].data = Some(json!({ "g": 0, "n": 1, "padding": "" }));
    let (end, _) = watch::channel(None);
    let viewers = (0..VIEWERS).map(|at| {
        let viewer = Viewer::new(wanted(&mut random, is_tight), TRANSPORTS[at % TRANSPORTS.len()], random.fork());
        let (node, end) = (Rc::clone(&node), end.subscribe());
        tokio::task::spawn_local(async move { viewer.run(&node, end).await })
    });
    let viewers: Vec<_> = viewers.collect();
    let mut other = random.fork();
    tokio::join!(publish(&node, "t:a", &stream, &mut random), publish(&node, "s:a", &state, &mut other));
    end.send(Some(ENTRIES as u64)).expect("someone watches");
    for heard in join_all(viewers).await {
        let (wanted, transport, heard) = heard.expect("no viewer fails");
        let log = if wanted.lens.is_state { &state } else { &stream };
        if let Err(breach) = Oracle::judge(log, &wanted.lens, &heard) {
            panic!("seed {seed}, {transport:?}, {wanted:?}: {}", breach.0);
        }
    }
}

#[tokio::test]
async fn whatever_happens_a_watch_is_exact_or_says_that_it_is_not() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = number("FANFARE_WATCH_SEED").unwrap_or(1);
    for seed in first..first + number("FANFARE_WATCH_RUNS").unwrap_or(4) {
        tokio::task::LocalSet::new().run_until(run(seed)).await;
    }
}
