//! Publications that flow and are counted: so many publishers over so many topics, paced by what arrives or by the clock.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::curve::Curves;
use super::ear::{Ear, PROBE};
use super::run::Run;
use super::server::Moment;
use super::stamp::{self, Stamp};
use super::target::Outgoing;
use super::{Deliveries, Series};

/// How long nothing may arrive of what was published, before it counts as lost.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

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
    pub(crate) series: Vec<Series>,
}

impl Flow {
    /// Of this run; each publisher is a connection.
    pub(crate) fn new(run: &Run, pace: Pace, topics: Vec<String>, publishers: Vec<usize>) -> Self {
        Self {
            pace,
            beat: BEAT,
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
        self.publish_for(run, ear, Span::Time(time), &mut |_, _, _| Ok(()))?;
        self.drain(run, ear)
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
        let (published, before) = (self.published, ear.deliveries(&self.next));
        run.progress.begin_time("measuring", time);
        let from = run.begin();
        ear.measure(true);
        let mut curves = Curves::begin(&run.server, time, "deliveries per second", ear.delivered_once());
        self.publish_for(run, ear, Span::Time(time), &mut |run, ear, elapsed| {
            curves.step(&run.server, ear.delivered_once());
            each(run, ear, elapsed)
        })?;
        self.drain(run, ear)?;
        let to = run.server.moment();
        ear.measure(false);
        let end = Instant::now() + AFTERMATH;
        while Instant::now() < end {
            self.turn(run, ear, AFTERMATH)?;
        }
        let mut account = ear.deliveries(&self.next);
        account.expected -= before.expected;
        account.received -= before.received;
        Ok(Measured { from, to, publications: self.published - published, account, series: curves.end() })
    }

    /// Publishes so many, and waits until all have arrived.
    pub(crate) fn publish_count(&mut self, run: &mut Run, ear: &mut Ear, count: u64) -> Result<()> {
        self.publish_for(run, ear, Span::Publications(count), &mut |_, _, _| Ok(()))?;
        self.drain(run, ear)
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
        each: &mut dyn FnMut(&mut Run, &mut Ear, Duration) -> Result<()>,
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
            each(run, ear, elapsed)?;
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
        run.fleet.turn(patience, |who, happening| ear.hear(who, happening))?;
        ear.failure().map_or(Ok(()), Err)
    }

    /// Waits until everything that was published has arrived everywhere, or nothing arrives any more.
    pub(crate) fn drain(&self, run: &mut Run, ear: &mut Ear) -> Result<()> {
        let expected = ear.deliveries(&self.next).expected;
        let (mut delivered, mut moved) = (ear.delivered_once(), Instant::now());
        while delivered < expected && moved.elapsed() < DRAIN_PATIENCE {
            for publisher in &self.publishers {
                run.fleet.flush(*publisher)?;
            }
            self.turn(run, ear, Duration::from_millis(10))?;
            if ear.delivered_once() > delivered {
                (delivered, moved) = (ear.delivered_once(), Instant::now());
            }
        }
        Ok(())
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
