//! Subscribers on further threads, where one is not enough to hear them all. Each thread has connections and a count of its own; they
//! meet the first one, which publishes, only between the parts of a run.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use hdrhistogram::Histogram;

use super::Deliveries;
use super::client::{Fleet, Sources};
use super::ear::{Audience, Ear, histogram};
use super::opening;
use super::run::{Run, target};
use super::server::usage;
use super::target::Entrance;

/// How soon a thread that hears nothing notices that a part of the run is over.
const BEAT: Duration = Duration::from_millis(10);

/// Parts of a run, in their order.
const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What the threads share.
#[derive(Default)]
struct Board {
    part: AtomicU8,
    /// Threads that have everyone connected, and that have noticed the present part.
    ready: AtomicUsize,
    noticed: AtomicUsize,
    /// Deliveries that came for the first time, of all of them.
    delivered: AtomicU64,
    /// Why it cannot go on.
    failure: OnceLock<String>,
    /// The last number of each line, once it is known.
    published: OnceLock<Vec<u32>>,
}

/// What a thread has to tell in the end.
struct Share {
    account: Deliveries,
    latencies: Histogram<u64>,
    foreign: u64,
    /// CPU time of the measured part.
    busy_nanos: u64,
}

/// See the module.
pub(crate) struct Crew {
    audiences: Vec<Audience>,
    board: Arc<Board>,
    threads: Vec<JoinHandle<Result<Share>>>,
}

/// What all further threads have heard; received and latencies are of the measured part.
pub(crate) struct Sum {
    pub(crate) account: Deliveries,
    pub(crate) latencies: Histogram<u64>,
    pub(crate) foreign: u64,
    /// CPU time of the busiest.
    pub(crate) busy_nanos: u64,
}

impl Crew {
    /// A thread for each audience, which begins as these entrances, by topic, tell.
    pub(crate) fn start(run: &mut Run, audiences: Vec<Audience>, entrances: &[Entrance]) -> Result<Self> {
        let board = Arc::new(Board::default());
        let mut threads = Vec::with_capacity(audiences.len());
        for audience in audiences.clone() {
            let (options, address, began) = (run.options.clone(), run.server.address, run.fleet.began());
            let (board, entrances) = (Arc::clone(&board), entrances.to_vec());
            let sources = Sources::new(options.sources.clone(), address, run.ports);
            let work = move || {
                let outcome = Fleet::new(target(&options), address, sources, began)
                    .and_then(|mut fleet| board.listen(&mut fleet, audience, &entrances));
                if let Err(error) = &outcome {
                    board.failure.get_or_init(|| format!("{error:#}"));
                }
                outcome
            };
            threads.push(thread::Builder::new().name("listener".to_owned()).spawn(work)?);
        }
        let crew = Self { audiences, board, threads };
        while crew.board.ready.load(Ordering::Acquire) < crew.threads.len() {
            run.idle(BEAT)?;
            crew.check()?;
        }
        Ok(crew)
    }

    /// # Errors
    /// With what one of them could not do.
    pub(crate) fn check(&self) -> Result<()> {
        self.board.check()
    }

    /// Deliveries that came for the first time.
    pub(crate) fn delivered_once(&self) -> u64 {
        self.board.delivered.load(Ordering::Acquire)
    }

    /// Deliveries of what was published, by line.
    pub(crate) fn expected(&self, published: &[u32]) -> u64 {
        self.audiences.iter().map(|audience| audience.expected(published)).sum()
    }

    /// The measured part begins once all know.
    pub(crate) fn measure(&self, run: &mut Run) -> Result<()> {
        self.board.part.store(MEASURED, Ordering::Release);
        while self.board.noticed.load(Ordering::Acquire) < self.threads.len() {
            run.idle(BEAT)?;
            self.check()?;
        }
        Ok(())
    }

    /// Ends them.
    pub(crate) fn end(mut self, published: &[u32]) -> Result<Sum> {
        self.board.published.get_or_init(|| published.to_vec());
        self.board.part.store(OVER, Ordering::Release);
        let mut all = Sum { account: Deliveries::default(), latencies: histogram(), foreign: 0, busy_nanos: 0 };
        for thread in std::mem::take(&mut self.threads) {
            let Share { account, latencies, foreign, busy_nanos } = joined(thread)?;
            all.account = all.account.plus(account);
            all.latencies.add(&latencies).map_err(|error| anyhow!("histograms of one kind add up: {error}"))?;
            all.foreign += foreign;
            all.busy_nanos = all.busy_nanos.max(busy_nanos);
        }
        Ok(all)
    }
}

fn joined(thread: JoinHandle<Result<Share>>) -> Result<Share> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("a thread of the load generator panicked")))
}

impl Board {
    /// The life of a thread.
    fn listen(&self, fleet: &mut Fleet, audience: Audience, entrances: &[Entrance]) -> Result<Share> {
        let entrance = |label: usize| entrances[label % entrances.len()].clone();
        opening::open(fleet, audience.labels.clone(), entrance, |_| self.check())?;
        self.ready.fetch_add(1, Ordering::Release);
        let mut ear = Ear::new(audience, None);
        let (mut part, mut told) = (WARM_UP, 0);
        let (mut received, mut busy_nanos) = (0, 0);
        while part != OVER {
            fleet.turn(BEAT, |who, happening| ear.hear(who, happening))?;
            ear.failure().map_or(Ok(()), Err)?;
            self.delivered.fetch_add(ear.delivered_once() - told, Ordering::AcqRel);
            told = ear.delivered_once();
            self.check()?;
            let now = self.part.load(Ordering::Acquire);
            if now == MEASURED && part == WARM_UP {
                (received, busy_nanos) = (ear.deliveries(&[]).received, usage::thread_nanos().0);
                ear.measure(true);
                self.noticed.fetch_add(1, Ordering::Release);
            }
            part = now;
        }
        busy_nanos = usage::thread_nanos().0 - busy_nanos;
        let end = Instant::now() + BEAT;
        while Instant::now() < end {
            fleet.turn(BEAT, |who, happening| ear.hear(who, happening))?;
        }
        let mut account = ear.deliveries(self.published.get().map_or(&[], Vec::as_slice));
        account.received -= received;
        Ok(Share { account, latencies: ear.latencies().clone(), foreign: ear.foreign(), busy_nanos })
    }

    /// What ends one of them ends all.
    fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |why| bail!("{why}"))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Whoever drops it without its end has failed, and nobody is to listen on.
        self.board.failure.get_or_init(|| "the run was ended".to_owned());
    }
}
