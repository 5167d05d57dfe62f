//! The load: clients on one thread, each with so many publications in flight, and every acknowledgement counted. It is cheap:
//! nothing is allocated for a publication, all that may be sent goes out in one write.

use std::cell::{Cell, RefCell};
use std::process;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::process::{cpu_nanos, own_cpu_nanos, runqueue_nanos};
use crate::wire::{Connection, Ticket};

/// Room for what arrives at once: the answers to a hundred publications.
const READ_BYTES: usize = 16 * 1024;

/// Room for the latencies of a run, so that they need not move in the middle of it.
const LATENCIES: usize = 1 << 20;

/// How long the last acknowledgements may take.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

/// How long, and with how many in flight on each connection.
#[derive(Clone, Copy)]
pub struct Load {
    pub in_flight: usize,
    pub warm_up: Duration,
    pub window: Duration,
    /// Throws one acknowledgement away, to see that it is missed.
    pub loses_one: bool,
}

/// What one run measured. All but `acknowledged` is of the window alone.
pub struct Run {
    pub publications_per_second: f64,
    pub server_micros_per_publication: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Of its core, that the load took, and that it was kept waiting for; 1 is all of it.
    pub load_busy: f64,
    pub load_starved: f64,
    /// From the first publication to the last.
    pub acknowledged: u64,
}

/// What the clients share.
struct Ledger {
    phase: Cell<Phase>,
    /// Acknowledgements, of all phases.
    acknowledged: Cell<u64>,
    /// Of the publications that were acknowledged in the window.
    latencies: RefCell<Vec<Duration>>,
    loses_one: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Window,
    /// Nothing more is sent.
    Drain,
}

impl Load {
    /// Publishes over these connections to the server with this process id.
    pub fn run(self, connections: Vec<Connection>, server: u32) -> Result<Run> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.measure(connections, server))
    }

    async fn measure(self, connections: Vec<Connection>, server: u32) -> Result<Run> {
        let ledger = Rc::new(Ledger {
            phase: Cell::new(Phase::WarmUp),
            acknowledged: Cell::new(0),
            latencies: RefCell::new(Vec::with_capacity(LATENCIES)),
            loses_one: Cell::new(self.loses_one),
        });
        let clients: Result<Vec<_>> = connections
            .into_iter()
            .map(|Connection { stream, wire }| {
                stream.set_nonblocking(true)?;
                let stream = TcpStream::from_std(stream)?;
                Ok(tokio::task::spawn_local(client(stream, wire, self.in_flight, ledger.clone())))
            })
            .collect();
        let clients = clients?;
        sleep(self.warm_up).await;
        ledger.phase.set(Phase::Window);
        let before = Usage::now(server);
        sleep(self.window).await;
        let after = Usage::now(server);
        ledger.phase.set(Phase::Drain);
        for client in clients {
            let ended = timeout(DRAIN_PATIENCE, client).await;
            ended.context("an acknowledgement is missing: the last ones did not come")???;
        }
        let mut latencies = ledger.latencies.take();
        ensure!(!latencies.is_empty(), "nothing was acknowledged in the window");
        latencies.sort_unstable();
        let count = latencies.len() as f64;
        let nanos = (after.at - before.at).as_nanos() as f64;
        Ok(Run {
            publications_per_second: count / nanos * 1e9,
            server_micros_per_publication: after.server_nanos.saturating_sub(before.server_nanos) as f64
                / count
                / 1_000.0,
            p50: quantile(&latencies, 0.50),
            p99: quantile(&latencies, 0.99),
            load_busy: (after.load_nanos - before.load_nanos) as f64 / nanos,
            load_starved: (after.load_waited_nanos - before.load_waited_nanos) as f64 / nanos,
            acknowledged: ledger.acknowledged.get(),
        })
    }
}

/// What server and load have taken up to a moment.
struct Usage {
    at: Instant,
    server_nanos: u64,
    load_nanos: u64,
    load_waited_nanos: u64,
}

impl Usage {
    fn now(server: u32) -> Self {
        let load = process::id();
        Self {
            at: Instant::now(),
            server_nanos: cpu_nanos(server),
            load_nanos: own_cpu_nanos(load),
            load_waited_nanos: runqueue_nanos(load),
        }
    }
}

async fn client(
    mut stream: TcpStream,
    mut wire: Box<dyn crate::wire::Wire>,
    in_flight: usize,
    ledger: Rc<Ledger>,
) -> Result<()> {
    let mut free: Vec<Ticket> = (0..u32::try_from(in_flight)?).collect();
    let mut sent_at: Vec<Option<Instant>> = vec![None; in_flight];
    let mut waiting = 0;
    // The first one goes alone, as an SDK sends it: it makes a new producer known.
    let mut waiting_max = 1;
    let (mut input, mut output) = (BytesMut::new(), Vec::new());
    let mut acknowledged = Vec::new();
    loop {
        if ledger.phase.get() != Phase::Drain {
            let now = Instant::now();
            while waiting < waiting_max {
                let ticket = free.pop().context("there is a ticket for each that may be in flight")?;
                sent_at[ticket as usize] = Some(now);
                waiting += 1;
                wire.publish(ticket, &mut output);
            }
        }
        if waiting == 0 {
            return Ok(());
        }
        stream.write_all(&output).await?;
        output.clear();
        input.reserve(READ_BYTES);
        if stream.read_buf(&mut input).await? == 0 {
            bail!("closed by the server");
        }
        wire.answers(&mut input, &mut acknowledged)?;
        let now = Instant::now();
        for ticket in acknowledged.drain(..) {
            if ledger.loses_one.replace(false) {
                continue;
            }
            let slot = sent_at.get_mut(ticket as usize).and_then(Option::take);
            ledger.acknowledge(now - slot.context("acknowledged twice, or without having been sent")?);
            free.push(ticket);
            waiting -= 1;
            waiting_max = in_flight;
        }
    }
}

impl Ledger {
    fn acknowledge(&self, latency: Duration) {
        self.acknowledged.set(self.acknowledged.get() + 1);
        if self.phase.get() == Phase::Window {
            self.latencies.borrow_mut().push(latency);
        }
    }
}

/// Of sorted durations, of which there is at least one.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}
