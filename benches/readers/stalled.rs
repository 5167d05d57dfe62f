//! Readers that take nothing: what the others feel of it, and what it costs in memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::figures::{quantile_ms, spread};
use crate::place::{Place, Server};
use crate::reader::{Publisher, Reader};
use crate::websocket::Socket;

/// On disk.
const TOPIC: &str = "bench:stalled";
/// In memory: what the disk does is not felt as what a reader does.
const FLEETING_TOPIC: &str = "fleeting:stalled";
const IN_FLIGHT: u64 = 64;

/// Until the kernel's buffers of a stalled reader are full and it has fallen off the ring.
const WARMING_UP: u64 = 4_000;
/// At full speed, for the CPU time of a delivery.
const MEASURED: u64 = 3_000;
/// At a fixed rate, for the latency: with a thousand readers 20,000 deliveries a second.
const PACED: u64 = 300;
const PACE: Duration = Duration::from_millis(50);

/// Of the comparison of memory: 8 MiB for each reader.
const LARGE_BYTES: usize = 4_096;
const LARGE: u64 = 2_000;
const RINGS_MIB: f64 = 64.0;

/// What the healthy feel of one reader that takes nothing, in interleaved pairs.
pub fn felt(place: &Place, readers: usize, pairs: usize) -> Result<()> {
    felt_on(place, FLEETING_TOPIC, readers, pairs)?;
    felt_on(place, TOPIC, readers, pairs)
}

fn felt_on(place: &Place, topic: &'static str, readers: usize, pairs: usize) -> Result<()> {
    println!("\n{readers} readers of `{topic}`, publications of 128 bytes, {pairs} interleaved pairs\n");
    println!(
        "| stalled | CPU µs per healthy delivery, 64 in flight | writes per healthy delivery | p50 ms at 20 publications a second | p99 ms |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let mut runs: [Vec<Felt>; 2] = Default::default();
    for pair in 0..pairs {
        // Neither is always the first.
        for stalled in if pair % 2 == 0 { [0, 1] } else { [1, 0] } {
            runs[stalled].push(feel(place, topic, readers, stalled)?);
        }
    }
    for (stalled, runs) in runs.iter().enumerate() {
        let row = |figure: fn(&Felt) -> f64| spread(&runs.iter().map(figure).collect::<Vec<_>>());
        let (cpu, writes) = (row(|f| f.cpu_micros), row(|f| f.writes));
        let (p50, p99) = (row(|f| f.p50_ms), row(|f| f.p99_ms));
        println!(
            "| {stalled} of {readers} | {:.3}, {:.3}, {:.3} | {:.4}, {:.4}, {:.4} | {:.2}, {:.2}, {:.2} | {:.2}, {:.2}, {:.2} |",
            cpu.0, cpu.1, cpu.2, writes.0, writes.1, writes.2, p50.0, p50.1, p50.2, p99.0, p99.1, p99.2
        );
    }
    Ok(())
}

struct Felt {
    cpu_micros: f64,
    writes: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn feel(place: &Place, topic: &'static str, readers: usize, stalled: usize) -> Result<Felt> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = place.server()?;
    runtime.block_on(async {
        let mut crowd = Crowd::gather(&server, topic, readers, stalled).await;
        crowd.publish(WARMING_UP).await;
        let lagging = server.metric("fanfare_lagging_subscriptions")?;
        ensure!(lagging == stalled as u64, "{stalled} should have stalled, {lagging} have");
        let (cpu, writes) = (server.cpu_micros(), server.metric("fanfare_hub_writes_total")?);
        crowd.publish(MEASURED).await;
        let (cpu, writes) = (server.cpu_micros() - cpu, server.metric("fanfare_hub_writes_total")? - writes);
        let deliveries = MEASURED as f64 * crowd.healthy as f64;
        let mut latencies = crowd.publish_paced().await;
        Ok(Felt {
            cpu_micros: cpu / deliveries,
            writes: writes as f64 / deliveries,
            p50_ms: quantile_ms(&mut latencies, 0.5),
            p99_ms: quantile_ms(&mut latencies, 0.99),
        })
    })
}

/// What a node takes when nobody stalls, and when a tenth does, all at once.
pub fn memory(place: &Place, readers: usize) -> Result<()> {
    println!("\n{readers} readers, {LARGE} publications of {LARGE_BYTES} bytes\n");
    println!("| stalled | resident MiB before | most | afterwards |");
    println!("| --- | --- | --- | --- |");
    let mut most = Vec::new();
    for stalled in [0, readers / 10, 0, readers / 10] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = place.server()?;
        let [before, peak, after] = runtime.block_on(async {
            let mut crowd = Crowd::gather(&server, TOPIC, readers, stalled).await;
            crowd.publisher = crowd.publisher.of_bytes(LARGE_BYTES);
            let before = mib(server.resident_bytes());
            let mut peak = before;
            for _ in 0..LARGE / IN_FLIGHT {
                crowd.publish(IN_FLIGHT).await;
                peak = peak.max(mib(server.resident_bytes()));
            }
            let lagging = server.metric("fanfare_lagging_subscriptions")?;
            ensure!(lagging == stalled as u64, "{stalled} should have stalled, {lagging} have");
            Ok([before, peak, mib(server.resident_bytes())])
        })?;
        println!("| {stalled} of {readers} | {before:.1} | {peak:.1} | {after:.1} |");
        most.push(peak - before);
    }
    let added = (most[1] + most[3] - most[0] - most[2]) / 2.0;
    let verdict = if added <= RINGS_MIB { "met" } else { "missed" };
    println!("\nThe stalled add {added:.1} MiB; bound {RINGS_MIB} MiB (`delivery.rings_bytes_max`): {verdict}.");
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// Readers that check all that they get, and some that take nothing.
struct Crowd {
    topic: &'static str,
    healthy: usize,
    /// Held, or they would be closed.
    _stalled: Vec<Socket>,
    publisher: Publisher,
    arrivals: mpsc::UnboundedReceiver<Duration>,
    _readers: Vec<JoinHandle<()>>,
}

impl Crowd {
    async fn gather(server: &Server, topic: &'static str, readers: usize, stalled: usize) -> Self {
        let from = Instant::now();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (mut tasks, mut still) = (Vec::new(), Vec::new());
        for number in 0..readers {
            let mut reader = Reader::open(server.address);
            reader.ask(topic, r#""from":"latest""#).await;
            reader.subscribed().await;
            if number < stalled {
                still.push(reader.stall());
                continue;
            }
            let arrived = arrived.clone();
            tasks.push(tokio::spawn(async move {
                // The last round is over when nobody listens.
                reader.hear(u64::MAX, from, |latency| arrived.send(latency).unwrap_or_default()).await;
            }));
        }
        let publisher = Publisher::open(server.address, from);
        Self { topic, healthy: readers - stalled, _stalled: still, publisher, arrivals, _readers: tasks }
    }

    /// Publishes so many more, [`IN_FLIGHT`] at a time, until every healthy reader has them all.
    async fn publish(&mut self, count: u64) {
        let healthy = self.healthy as u64;
        let (mut heard, mut published) = (0, 0);
        while heard < count * healthy {
            // The slowest is not known, the average is; at the end all have everything.
            while published < count.min(heard / healthy + IN_FLIGHT) {
                self.publisher.publish_now(self.topic).await;
                published += 1;
            }
            self.arrivals.recv().await.expect("readers live");
            heard += 1;
        }
    }

    /// Publishes at a fixed rate, and tells how late each was at each reader, counted from when it was due.
    async fn publish_paced(&mut self) -> Vec<Duration> {
        let begin = tokio::time::Instant::now();
        let expected = PACED as usize * self.healthy;
        let mut latencies = Vec::with_capacity(expected);
        let mut published = 0;
        while latencies.len() < expected {
            let due = begin + PACE * published;
            tokio::select! {
                () = tokio::time::sleep_until(due), if u64::from(published) < PACED => {
                    let at = self.publisher.since_start(due.into_std());
                    self.publisher.publish(self.topic, at).await;
                    published += 1;
                }
                arrived = self.arrivals.recv() => latencies.push(arrived.expect("readers live")),
            }
        }
        latencies
    }
}
