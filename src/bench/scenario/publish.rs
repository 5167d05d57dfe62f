//! Clients that publish and wait for the answer: what a publication costs where nobody watches.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow, ensure};
use hdrhistogram::Histogram;

use crate::bench::client::{Happening, Who};
use crate::bench::curve::Curves;
use crate::bench::ear::{histogram, latency};
use crate::bench::options::Options;
use crate::bench::run::{Run, setting};
use crate::bench::stamp::{self, Stamp};
use crate::bench::target::{Heard, Outgoing};
use crate::bench::{Deliveries, Report};

/// How long the last answers may take.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publish {
    pub(crate) publishers: usize,
    /// Which they publish to in turn.
    pub(crate) topics: usize,
    /// Of each publisher.
    pub(crate) in_flight: usize,
}

/// A client, which is a producer: repeating what it said is harmless.
struct Client {
    connection: usize,
    producer: String,
    sequence: u64,
    /// When what is in flight was sent, by ticket.
    sent_nanos: Vec<Option<u64>>,
    /// Tickets that may be taken.
    free: Vec<u32>,
    /// The first publication goes alone, as an SDK sends it: it makes a new producer known.
    is_known: bool,
}

/// All of them, and what they were answered.
struct Crowd {
    clients: Vec<Client>,
    /// Clients that may publish again.
    idle: Vec<usize>,
    sent: u64,
    accepted: u64,
    /// Answers to nothing that was asked.
    unasked: u64,
    latency: Histogram<u64>,
    is_measured: bool,
    failure: Option<Error>,
    data: Vec<u8>,
}

impl Publish {
    /// Runs it.
    ///
    /// # Errors
    /// When a publication is refused: what then is measured is something else.
    pub(crate) fn run(&self, options: Options) -> Result<Report> {
        let mut run = Run::new(options, self.publishers, self.publishers)?;
        ensure!(
            run.target().abilities().answers_publications,
            "`{}` does not answer publications: measure it with `fanout`",
            run.target().name()
        );
        let topics: Vec<String> = (0..self.topics).map(|number| run.topic(number)).collect();
        let connections = run.open_publishers(0..self.publishers)?;
        let mut crowd = Crowd::new(&run, connections, self.in_flight);
        let warm_up = run.options.warm_up;
        run.progress.begin_time("warm-up", warm_up);
        crowd.publish(&mut run, &topics, warm_up, &mut |_, _| {})?;
        let window = run.options.window;
        run.progress.begin_time("measuring", window);
        let (sent, accepted) = (crowd.sent, crowd.accepted);
        let from = run.begin();
        crowd.is_measured = true;
        let mut curves = Curves::begin(&run.server, window, "publications per second", crowd.accepted);
        crowd.publish(&mut run, &topics, window, &mut |run, count| curves.step(&run.server, count))?;
        let to = run.server.end();
        run.judge(&from, &to, 0);
        let (sent, accepted) = (crowd.sent - sent, crowd.accepted - accepted);
        // An answer is counted as a delivery is.
        let account = Deliveries {
            expected: sent,
            received: accepted + crowd.unasked,
            lost: crowd.sent - crowd.accepted,
            doubled: crowd.unasked,
            reordered: 0,
        };
        let seconds = to.seconds_since(&from);
        let settings = vec![
            setting("publishers", self.publishers),
            setting("topics", self.topics),
            setting("in-flight", self.in_flight),
        ];
        let mut report = run.report("publish", settings, seconds, account);
        let micros = to.server_micros_since(&from);
        report.figure("CPU of the server per publication", "µs", micros.map(|micros| micros / accepted as f64));
        report.figure("publications per second", "", accepted as f64 / seconds);
        report.figure("CPU of the server", "%", micros.map(|micros| micros / seconds / 1e4));
        report.figure("CPU of the load generator", "%", (to.load_nanos - from.load_nanos) as f64 / seconds / 1e7);
        report.publications = accepted;
        report.latency = latency(&crowd.latency);
        report.series = curves.end();
        Ok(report)
    }
}

impl Crowd {
    fn new(run: &Run, connections: Vec<usize>, in_flight: usize) -> Self {
        let client = |(number, connection)| Client {
            connection,
            // As long as those that the SDKs draw.
            producer: format!("{:08x}{number:024x}.0", run.tag),
            sequence: 0,
            sent_nanos: vec![None; in_flight],
            free: (0..in_flight as u32).collect(),
            is_known: false,
        };
        let clients: Vec<Client> = connections.into_iter().enumerate().map(client).collect();
        Self {
            idle: (0..clients.len()).collect(),
            clients,
            sent: 0,
            accepted: 0,
            unasked: 0,
            latency: histogram(),
            is_measured: false,
            failure: None,
            data: stamp::blank(run.options.payload_bytes),
        }
    }

    /// Publishes for so long, and waits until all was answered.
    fn publish(
        &mut self,
        run: &mut Run,
        topics: &[String],
        time: Duration,
        each: &mut dyn FnMut(&Run, u64),
    ) -> Result<()> {
        let begin = Instant::now();
        self.idle = (0..self.clients.len()).collect();
        while begin.elapsed() < time {
            while let Some(number) = self.idle.pop() {
                self.fill(run, topics, number)?;
            }
            self.turn(run)?;
            run.progress.at(begin.elapsed().as_millis() as u64);
            each(run, self.accepted);
        }
        let mut moved = (self.accepted, Instant::now());
        while self.accepted < self.sent && moved.1.elapsed() < DRAIN_PATIENCE {
            self.turn(run)?;
            if self.accepted > moved.0 {
                moved = (self.accepted, Instant::now());
            }
        }
        Ok(())
    }

    /// Has a client publish as much as it may.
    fn fill(&mut self, run: &mut Run, topics: &[String], number: usize) -> Result<()> {
        let now = run.fleet.now_nanos();
        let target = run.fleet.target().clone();
        let client = &mut self.clients[number];
        let Some(outbox) = run.fleet.outbox(client.connection) else { return Ok(()) };
        while client.is_known || client.sequence == 0 {
            let Some(slot) = client.free.pop() else { break };
            client.sent_nanos[slot as usize] = Some(now);
            let sequence = client.sequence;
            client.sequence += 1;
            Stamp { run: run.tag, line: number as u32, number: sequence as u32, due_nanos: now }.write(&mut self.data);
            let outgoing = Outgoing {
                topic: &topics[number % topics.len()],
                data: &self.data,
                ticket: u64::from(slot) + 1,
                producer: Some((&client.producer, client.sequence)),
            };
            target.publish(outgoing, outbox);
            self.sent += 1;
        }
        run.fleet.flush(client.connection)
    }

    fn turn(&mut self, run: &mut Run) -> Result<()> {
        run.check_time()?;
        run.fleet.turn(BEAT, |who, happening| match happening {
            Happening::Heard(Heard::Accepted(ticket)) => self.accepted(who, ticket),
            Happening::Heard(Heard::Refused(why)) => {
                self.failure.get_or_insert_with(|| anyhow!(why));
            }
            Happening::Failed(error) => {
                self.failure.get_or_insert(error);
            }
            Happening::Ready | Happening::Heard(_) => {}
        })?;
        self.failure.take().map_or(Ok(()), Err)
    }

    fn accepted(&mut self, who: Who, ticket: u64) {
        let client = &mut self.clients[who.label];
        let slot = ticket.wrapping_sub(1) as usize;
        let Some(sent) = client.sent_nanos.get_mut(slot).and_then(Option::take) else {
            self.unasked += 1;
            return;
        };
        client.free.push(slot as u32);
        client.is_known = true;
        self.accepted += 1;
        if self.is_measured {
            self.latency.saturating_record((who.at_nanos.saturating_sub(sent) / 1_000).max(1));
        }
        if client.free.len() == 1 || client.sequence == 1 {
            self.idle.push(who.label);
        }
    }
}
