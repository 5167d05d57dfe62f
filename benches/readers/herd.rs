//! Everyone comes back at once after a crash, from a hundred publications back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::figures::quantile_ms;
use crate::place::{Place, Server};
use crate::reader::{Publisher, Reader};

const TOPIC: &str = "bench:herd";
const MISSED: u64 = 100;
const IN_FLIGHT: u64 = 64;

/// Of the topic that others watch meanwhile.
const OTHER_TOPIC: &str = "bench:other";
const OTHER_INTERVAL: Duration = Duration::from_millis(5);

/// For how long the others are watched before.
const QUIET: Duration = Duration::from_secs(2);

/// Measures and prints.
pub fn run(place: &Place, clients: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut server = place.server()?;
    let live = runtime.block_on(live(&server, clients));
    server.restart()?;
    let others = Others::start(&server);
    thread::sleep(QUIET);
    let begin = Instant::now();
    let back = runtime.block_on(back(&server, clients, &live.before))?;
    let took = begin.elapsed();
    let (mut quiet, mut busy) = others.stop(begin)?;
    println!("{clients} clients, {MISSED} publications of 128 bytes\n");
    println!("| what | CPU µs per client | per delivery |");
    println!("| --- | --- | --- |");
    let row = |what: &str, micros: f64, deliveries: u64| {
        let each = micros / clients as f64;
        let delivery = if deliveries > 0 { format!("{:.2}", each / deliveries as f64) } else { "–".to_owned() };
        println!("| {what} | {each:.1} | {delivery} |");
    };
    row("to connect", back.connect_micros, 0);
    row("to subscribe to what comes", live.subscribe_micros, 0);
    row(&format!("{MISSED} publications live, {IN_FLIGHT} in flight"), live.hear_micros, MISSED);
    row(&format!("to resume from {MISSED} publications back"), back.resume_micros, MISSED);
    let ratio = back.resume_micros / live.hear_micros;
    let beside = (back.resume_micros - live.subscribe_micros) / live.hear_micros;
    println!(
        "\nResumed : live {ratio:.2}, without what a subscription costs anyway {beside:.2}; {:.2} s with connecting. Read from the log: {} \
         publications for {} deliveries; {} pages came from another's reading. On another topic, 200 publications a second: \
         {:.2} and {:.2} ms (median, p99) before, {:.2} and {:.2} ms meanwhile, {:.0} ms at most.",
        took.as_secs_f64(),
        back.read,
        clients as u64 * MISSED,
        back.shared,
        quantile_ms(&mut quiet, 0.5),
        quantile_ms(&mut quiet, 0.99),
        quantile_ms(&mut busy, 0.5),
        quantile_ms(&mut busy, 0.99),
        quantile_ms(&mut busy, 1.0),
    );
    ensure!(back.read < clients as u64 * MISSED / 2, "the herd did not share what it read");
    Ok(())
}

/// The same publications, to those who are there.
struct Live {
    /// The version before them.
    before: String,
    subscribe_micros: f64,
    hear_micros: f64,
}

async fn live(server: &Server, clients: usize) -> Live {
    let from = Instant::now();
    let mut readers: Vec<_> = (0..clients).map(|_| Reader::open(server.address)).collect();
    let begin = server.cpu_micros();
    let mut before = String::new();
    for reader in &mut readers {
        reader.ask(TOPIC, r#""from":"latest""#).await;
    }
    for reader in &mut readers {
        before = reader.subscribed().await;
    }
    let subscribed = server.cpu_micros();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let mut publisher = Publisher::open(server.address, from);
    let tasks: Vec<JoinHandle<()>> = readers
        .into_iter()
        .enumerate()
        .map(|(number, mut reader)| {
            // One of them paces the publisher.
            let arrived = (number == 0).then(|| arrived.clone());
            tokio::spawn(async move {
                let pace = |_| {
                    // Nobody listens any more once everything is published.
                    let _ = arrived.as_ref().is_none_or(|arrived| arrived.send(()).is_ok());
                };
                reader.hear(MISSED, from, pace).await;
            })
        })
        .collect();
    let mut seen = 0;
    while publisher.published() < MISSED {
        while publisher.published() < MISSED.min(seen + IN_FLIGHT) {
            publisher.publish_now(TOPIC).await;
        }
        arrivals.recv().await.expect("the first reader lives");
        seen += 1;
    }
    for task in tasks {
        task.await.expect("a reader does not fail");
    }
    Live { before, subscribe_micros: subscribed - begin, hear_micros: server.cpu_micros() - subscribed }
}

/// The herd.
struct Back {
    connect_micros: f64,
    resume_micros: f64,
    read: u64,
    shared: u64,
}

async fn back(server: &Server, clients: usize, before: &str) -> Result<Back> {
    const READ: &str = "fanfare_catch_up_publications_total";
    const SHARED: &str = "fanfare_catch_up_pages_shared_total";
    let (read, shared) = (server.metric(READ)?, server.metric(SHARED)?);
    let begin = server.cpu_micros();
    let mut readers: Vec<_> = (0..clients).map(|_| Reader::open(server.address)).collect();
    let connected = server.cpu_micros();
    let how = format!(r#""resourceVersion":"{before}""#);
    for reader in &mut readers {
        reader.ask(TOPIC, &how).await;
    }
    for reader in &mut readers {
        reader.subscribed().await;
        reader.hear(MISSED, Instant::now(), |_| {}).await;
    }
    let resume_micros = server.cpu_micros() - connected;
    let (read, shared) = (server.metric(READ)? - read, server.metric(SHARED)? - shared);
    Ok(Back { connect_micros: connected - begin, resume_micros, read, shared })
}

/// Live traffic of somebody else, measured from a thread of its own.
struct Others {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Result<Vec<(Instant, Duration)>>>,
}

impl Others {
    fn start(server: &Server) -> Self {
        let (address, is_over) = (server.address, Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(async {
                let from = Instant::now();
                let mut reader = Reader::open(address);
                reader.ask(OTHER_TOPIC, r#""from":"latest""#).await;
                reader.subscribed().await;
                let mut publisher = Publisher::open(address, from);
                let mut latencies = Vec::new();
                let mut ticks = tokio::time::interval(OTHER_INTERVAL);
                while !over.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    publisher.publish_now(OTHER_TOPIC).await;
                    let at = Instant::now();
                    let number = publisher.published();
                    reader.hear(number, from, |latency| latencies.push((at, latency))).await;
                }
                latencies
            }))
        });
        Self { is_over, thread }
    }

    /// What was published before this moment, and what since.
    fn stop(self, moment: Instant) -> Result<(Vec<Duration>, Vec<Duration>)> {
        self.is_over.store(true, Ordering::Relaxed);
        let all = self.thread.join().ok().context("the other topic's client failed")??;
        let (before, since): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| *at < moment);
        let latencies = |of: Vec<(Instant, Duration)>| of.into_iter().map(|(_, latency)| latency).collect();
        Ok((latencies(before), latencies(since)))
    }
}
