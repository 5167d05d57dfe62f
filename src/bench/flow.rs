//! Publications that flow and are counted: so many publishers over so many topics, paced by what arrives or by the clock.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;

use super::crew::Crew;
use super::curve::Curves;
use super::ear::{Ear, PROBE};
use super::run::Run;
use super::server::Moment;
use super::stamp::{self, Stamp};
use super::target::Outgoing;
use super::{Deliveries, Series};

/// How long nothing may arrive of what was published, before it counts as lost.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How soon it is noticed that everything has arrived, also elsewhere than here.
const DRAIN_BEAT: Duration = Duration::from_millis(1);

/// After everything has arrived: what comes twice comes soon.
const AFTERMATH: Duration = Duration::from_millis(50);

/// A publisher of which so much waits to be sent is not given more: the server reads slower than it is spoken to.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// A turn waits no longer than this, so that curves get their points.
pub(crate) const BEAT: Duration = Duration::from_millis(100);

/// How often who has not heard a probe is asked again.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// When the next publication is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as fewer than so many have not arrived.
    InFlight(u64),
    /// So many a second, whatever arrives.
    Rate(f64),
}

/// How much is published.
#[derive(Debug, Clone, Copy)]
enum Span {
    Time(Duration),
    Publications(u64),
}

/// See the module.
pub(crate) struct Flow {
    pub(crate) pace: Pace,
    /// A turn waits no longer; shorter where a scenario has more to do.
    pub(crate) beat: Duration,
    /// Further threads with subscribers.
    pub(crate) crew: Option<Crew>,
    topics: Vec<String>,
    /// Connections.
    publishers: Vec<usize>,
    /// What each line's next number is.
    next: Vec<u32>,
    published: u64,
    data: Vec<u8>,
    run: u32,
}

/// What a part of the flow took.
pub(crate) struct Measured {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    pub(crate) publications: u64,
    /// Expected and received are of this part alone; a fault is a fault from the first publication on.
    pub(crate) account: Deliveries,
    pub(crate) latencies: Histogram<u64>,
    /// Deliveries of other runs.
    pub(crate) foreign: u64,
    /// CPU time of the busiest further thread.
    pub(crate) crew_nanos: u64,
    pub(crate) series: Vec<Series>,
}

impl Flow {
    /// Of this run; each publisher is a connection.
    pub(crate) fn new(run: &Run, pace: Pace, topics: Vec<String>, publishers: Vec<usize>) -> Self {
        Self {
            pace,
            beat: BEAT,
            crew: None,
            next: vec![0; topics.len() * publishers.len()],
            topics,
            publishers,
            published: 0,
            data: stamp::blank(run.options.payload_bytes),
            run: run.tag,
        }
    }

    /// Publishes for the time of the warm-up, and waits until all of it has arrived.
    pub(crate) fn warm_up(&mut self, run: &mut Run, ear: &mut Ear) -> Result<()> {
        if !run.target().abilities().answers_subscriptions {
            self.probe(run, ear)?;
        }
        let time = run.options.warm_up;
        run.progress.begin_time("warm-up", time);
        self.publish_for(run, ear, Span::Time(time), &mut |_, _, _, _| Ok(()))?;
        self.drain(run, ear).map(drop)
    }

    /// The measured part: publishes for its time, waits until all has arrived, and tells what that took. `each` is called
    /// every turn with the time since the beginning, for what else a scenario does meanwhile.
    pub(crate) fn measure(
        &mut self,
        run: &mut Run,
        ear: &mut Ear,
        each: &mut dyn FnMut(&mut Run, &mut Ear, Duration) -> Result<()>,
    ) -> Result<Measured> {
        let time = run.options.window;
        let (published, before, expected) = (self.published, ear.deliveries(&self.next), self.expected(ear));
        if let Some(crew) = &self.crew {
            crew.measure(run)?;
        }
        run.progress.begin_time("measuring", time);
        let from = run.begin();
        ear.measure(true);
        let mut curves = Curves::begin(&run.server, time, "deliveries per second", self.delivered(ear));
        self.publish_for(run, ear, Span::Time(time), &mut |run, ear, elapsed, delivered| {
            curves.step(&run.server, delivered);
            each(run, ear, elapsed)
        })?;
        let last = self.drain(run, ear)?;
        let mut to = run.server.end();
        if self.delivered(ear) < self.expected(ear) {
            // What is lost was waited for in vain.
            to.at = to.at.min(last);
        }
        ear.measure(false);
        let end = Instant::now() + AFTERMATH;
        while Instant::now() < end {
            self.turn(run, ear, AFTERMATH)?;
        }
        let mut account = ear.deliveries(&self.next);
        account.received -= before.received;
        let (mut latencies, mut foreign, mut crew_nanos) = (ear.latencies().clone(), ear.foreign(), 0);
        let expected = self.expected(ear) - expected;
        if let Some(crew) = self.crew.take() {
            let sum = crew.end(&self.next)?;
            account = account.plus(sum.account);
            latencies.add(&sum.latencies).map_err(|error| anyhow!("histograms of one kind add up: {error}"))?;
            foreign += sum.foreign;
            crew_nanos = sum.busy_nanos;
        }
        account.expected = expected;
        let publications = self.published - published;
        Ok(Measured { from, to, publications, account, latencies, foreign, crew_nanos, series: curves.end() })
    }

    /// Deliveries that came for the first time, to everyone.
    fn delivered(&self, ear: &Ear) -> u64 {
        ear.delivered_once() + self.crew.as_ref().map_or(0, Crew::delivered_once)
    }

    /// Deliveries of what was published so far, to everyone.
    fn expected(&self, ear: &Ear) -> u64 {
        ear.expected(&self.next) + self.crew.as_ref().map_or(0, |crew| crew.expected(&self.next))
    }

    /// Publishes so many, and waits until all have arrived.
    pub(crate) fn publish_count(&mut self, run: &mut Run, ear: &mut Ear, count: u64) -> Result<()> {
        self.publish_for(run, ear, Span::Publications(count), &mut |_, _, _, _| Ok(()))?;
        self.drain(run, ear).map(drop)
    }

    /// What was published so far, by line.
    pub(crate) fn published(&self) -> &[u32] {
        &self.next
    }

    fn publish_for(
        &mut self,
        run: &mut Run,
        ear: &mut Ear,
        span: Span,
        each: &mut dyn FnMut(&mut Run, &mut Ear, Duration, u64) -> Result<()>,
    ) -> Result<()> {
        let begin = run.fleet.now_nanos();
        let (time, last) = match span {
            Span::Time(time) => (time, u64::MAX),
            Span::Publications(count) => (Duration::MAX, self.published + count),
        };
        let end = begin.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let mut sent: u64 = 0;
        let (mut paced, mut moved) = (ear.paced(), Instant::now());
        loop {
            let now = run.fleet.now_nanos();
            if self.published >= last {
                return Ok(());
            }
            if now >= end {
                // What was due is sent, however late: to leave it out would hide how late it was.
                let is_due = matches!(self.pace, Pace::Rate(rate) if sent < (rate * time.as_secs_f64()) as u64);
                if !is_due {
                    return Ok(());
                }
                if now >= end + time.as_nanos() as u64 {
                    run.warn(
                        "the server does not take publications at this rate, so publishing was ended before its time",
                    );
                    return Ok(());
                }
            }
            let mut patience = Duration::from_nanos(end.saturating_sub(now)).min(self.beat);
            match self.pace {
                Pace::InFlight(in_flight) => {
                    while self.published < last && self.published - ear.paced() < in_flight && self.has_room(run) {
                        self.publish(run, now);
                    }
                    if ear.paced() > paced {
                        (paced, moved) = (ear.paced(), Instant::now());
                    } else if moved.elapsed() > DRAIN_PATIENCE {
                        run.warn(format!(
                            "nothing arrived for {DRAIN_PATIENCE:?}, so publishing was ended before its time"
                        ));
                        return Ok(());
                    }
                }
                Pace::Rate(rate) => loop {
                    let due = begin + (sent as f64 * 1e9 / rate) as u64;
                    if due >= end {
                        break;
                    }
                    if due > now {
                        patience = patience.min(Duration::from_nanos(due - now));
                        break;
                    }
                    if self.published >= last || !self.has_room(run) {
                        break;
                    }
                    self.publish(run, due);
                    sent += 1;
                },
            }
            for index in 0..self.publishers.len() {
                run.fleet.flush(self.publishers[index])?;
            }
            self.turn(run, ear, patience)?;
            let elapsed = Duration::from_nanos(run.fleet.now_nanos() - begin);
            run.progress.at(elapsed.as_millis() as u64);
            let delivered = self.delivered(ear);
            each(run, ear, elapsed, delivered)?;
        }
    }

    /// Whether the next publisher may be given something.
    fn has_room(&self, run: &Run) -> bool {
        let publisher = self.published as usize % self.publishers.len();
        run.fleet.unsent(self.publishers[publisher]) < UNSENT_BYTES_MAX
    }

    /// The next publication in turn: publishers take turns, and after each round of them topics do.
    fn publish(&mut self, run: &mut Run, due_nanos: u64) {
        let publisher = self.published as usize % self.publishers.len();
        let topic = self.published as usize / self.publishers.len() % self.topics.len();
        let line = publisher * self.topics.len() + topic;
        Stamp { run: self.run, line: line as u32, number: self.next[line], due_nanos }.write(&mut self.data);
        self.say(run, publisher, topic);
        self.next[line] += 1;
        self.published += 1;
    }

    fn say(&self, run: &mut Run, publisher: usize, topic: usize) {
        let target = run.fleet.target().clone();
        let outgoing = Outgoing { topic: &self.topics[topic], data: &self.data, ticket: 0, producer: None };
        if let Some(outbox) = run.fleet.outbox(self.publishers[publisher]) {
            target.publish(outgoing, outbox);
        }
    }

    fn turn(&self, run: &mut Run, ear: &mut Ear, patience: Duration) -> Result<()> {
        run.check_time()?;
        self.crew.as_ref().map_or(Ok(()), Crew::check)?;
        run.fleet.turn(patience, |who, happening| ear.hear(who, happening))?;
        ear.failure().map_or(Ok(()), Err)
    }

    /// Waits until everything that was published has arrived everywhere, or nothing arrives any more, and tells when the last came.
    pub(crate) fn drain(&self, run: &mut Run, ear: &mut Ear) -> Result<Instant> {
        let expected = self.expected(ear);
        let (mut delivered, mut moved) = (self.delivered(ear), Instant::now());
        while delivered < expected && moved.elapsed() < DRAIN_PATIENCE {
            for publisher in &self.publishers {
                run.fleet.flush(*publisher)?;
            }
            self.turn(run, ear, DRAIN_BEAT)?;
            if self.delivered(ear) > delivered {
                (delivered, moved) = (self.delivered(ear), Instant::now());
            }
        }
        Ok(moved)
    }

    /// Asks until every subscriber is there.
    fn probe(&mut self, run: &mut Run, ear: &mut Ear) -> Result<()> {
        let begin = Instant::now();
        while !ear.all_probed() {
            anyhow::ensure!(
                begin.elapsed() < PROBE_PATIENCE,
                "not every connection hears what is published: this is no server that sends each message to all"
            );
            Stamp { run: self.run, line: PROBE, number: 0, due_nanos: 0 }.write(&mut self.data);
            self.say(run, 0, 0);
            run.fleet.flush(self.publishers[0])?;
            let asked = Instant::now();
            while asked.elapsed() < PROBE_INTERVAL && !ear.all_probed() {
                self.turn(run, ear, PROBE_INTERVAL)?;
            }
        }
        Ok(())
    }
}
