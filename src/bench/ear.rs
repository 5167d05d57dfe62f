//! Hears everything that arrives: counts each delivery by its number, paces whoever waits for deliveries, and measures how
//! late they are.

use std::ops::Range;

use anyhow::{Error, anyhow};
use hdrhistogram::Histogram;

use super::client::{Happening, Who};
use super::guests::Guests;
use super::options::Plant;
use super::run::Run;
use super::stamp::Stamp;
use super::tally::Tally;
use super::target::Heard;
use super::{Deliveries, Latency};

/// The line of a publication that only asks who hears it, on servers that do not tell when a subscription stands.
pub(crate) const PROBE: u32 = u32::MAX;

/// Latencies are kept to three digits, up to an hour in microseconds.
const DIGITS: u8 = 3;
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;

/// Who hears what. Subscriber `n` hears topic `n` modulo their number.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    /// Told from others by it.
    pub(crate) run: u32,
    pub(crate) topics: usize,
    pub(crate) publishers: usize,
    /// Labels of the subscribers; whoever has another one only publishes.
    pub(crate) labels: Range<usize>,
    /// The number with which each line begins; empty where all begin with 0.
    pub(crate) first: Vec<u32>,
}

/// See the module.
pub(crate) struct Ear {
    audience: Audience,
    tally: Tally,
    /// Different numbers that the first subscriber of each topic has heard.
    paced: u64,
    latency: Histogram<u64>,
    is_measured: bool,
    failure: Option<Error>,
    plant: Option<Plant>,
    held: Option<Stamp>,
    probed: Vec<bool>,
    /// Whoever comes and goes meanwhile.
    pub(crate) guests: Option<Guests>,
}

impl Ear {
    /// Shown a fault, where one is to be planted.
    pub(crate) fn new(audience: Audience, plant: Option<Plant>) -> Self {
        let subscribers = audience.labels.len();
        let number = |subscriber, publisher| audience.number(&audience.first, subscriber, publisher);
        Self {
            tally: Tally::new(subscribers, audience.publishers, number),
            audience,
            paced: 0,
            latency: histogram(),
            is_measured: false,
            failure: None,
            plant,
            held: None,
            probed: vec![false; subscribers],
            guests: None,
        }
    }

    /// Takes whatever happened.
    pub(crate) fn hear(&mut self, who: Who, happening: Happening<'_>) {
        if let Some(guests) = self.guests.as_mut().filter(|guests| guests.have(who.label)) {
            return guests.hear(who, &happening);
        }
        match happening {
            Happening::Heard(Heard::Delivery(data)) if self.audience.labels.contains(&who.label) => {
                self.delivered(who, data);
            }
            Happening::Heard(Heard::Refused(why)) => self.fail(anyhow!(why)),
            Happening::Failed(error) => self.fail(error),
            Happening::Ready | Happening::Heard(_) => {}
        }
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    fn delivered(&mut self, who: Who, data: &[u8]) {
        let Some(stamp) = Stamp::read(data).filter(|stamp| stamp.run == self.audience.run) else {
            return self.tally.heard_foreign();
        };
        if stamp.line == PROBE {
            self.probed[who.label - self.audience.labels.start] = true;
            return;
        }
        if self.is_measured && (self.plant.is_some() || self.held.is_some()) {
            return self.planted(who, stamp);
        }
        self.count(who, stamp);
    }

    fn count(&mut self, who: Who, stamp: Stamp) {
        let Stamp { line, number, due_nanos, .. } = stamp;
        let topics = self.audience.topics;
        let (publisher, topic) = (line as usize / topics, line as usize % topics);
        if topic != who.label % topics {
            return self.tally.heard_foreign();
        }
        let advance = self.tally.heard(who.label - self.audience.labels.start, publisher, number);
        if who.label < topics {
            self.paced += u64::from(advance);
        }
        if self.is_measured {
            // Below the resolution of the histogram counts as its first microsecond.
            let micros = (who.at_nanos.saturating_sub(due_nanos) / 1_000).max(1);
            self.latency.saturating_record(micros);
        }
    }

    /// The last subscriber is shown the fault, once, in the first that is measured.
    fn planted(&mut self, who: Who, stamp: Stamp) {
        let is_shown = who.label + 1 == self.audience.labels.end;
        if let Some(held) = self.held.take_if(|_| is_shown) {
            self.count(who, stamp);
            return self.count(who, held);
        }
        if !is_shown {
            return self.count(who, stamp);
        }
        match self.plant.take() {
            Some(Plant::Lose) => {}
            Some(Plant::Double) => {
                self.count(who, stamp);
                self.count(who, stamp);
            }
            Some(Plant::Reorder) => self.held = Some(stamp),
            None => self.count(who, stamp),
        }
    }

    /// What ends the run before its time.
    pub(crate) fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// See the field.
    pub(crate) fn paced(&self) -> u64 {
        self.paced
    }

    /// Deliveries that came for the first time.
    pub(crate) fn delivered_once(&self) -> u64 {
        let counts = self.tally.counts();
        counts.received - counts.foreign - counts.doubled
    }

    pub(crate) fn foreign(&self) -> u64 {
        self.tally.counts().foreign
    }

    /// From now on latencies are kept, or no longer.
    pub(crate) fn measure(&mut self, is_measured: bool) {
        self.is_measured = is_measured;
    }

    /// Whether every subscriber has heard a probe.
    pub(crate) fn all_probed(&self) -> bool {
        self.probed.iter().all(|probed| *probed)
    }

    /// Deliveries of what was published, by line.
    pub(crate) fn expected(&self, published: &[u32]) -> u64 {
        self.audience.expected(published)
    }

    /// The account from the first publication on; `published` of each line.
    pub(crate) fn deliveries(&self, published: &[u32]) -> Deliveries {
        let counts = self.tally.counts();
        let of = |subscriber, publisher| self.audience.number(published, subscriber, publisher);
        Deliveries {
            expected: self.audience.expected(published),
            received: counts.received - counts.foreign,
            lost: self.tally.lost(of),
            doubled: counts.doubled,
            reordered: counts.reordered,
        }
    }

    /// What was measured.
    pub(crate) fn latencies(&self) -> &Histogram<u64> {
        &self.latency
    }
}

impl Audience {
    /// Of a run, from the first publication on.
    pub(crate) fn new(run: &Run, topics: usize, publishers: usize, labels: Range<usize>) -> Self {
        Self { run: run.tag, topics, publishers, labels, first: Vec::new() }
    }

    /// What stands in a table of lines for what a subscriber hears from a publisher.
    fn number(&self, lines: &[u32], subscriber: usize, publisher: usize) -> u32 {
        let topic = (self.labels.start + subscriber) % self.topics;
        lines.get(publisher * self.topics + topic).copied().unwrap_or_default()
    }

    /// Deliveries of what was published, by line.
    pub(crate) fn expected(&self, published: &[u32]) -> u64 {
        let below = |label: usize, topic: usize| label / self.topics + usize::from(topic < label % self.topics);
        let line = |(line, count): (usize, &u32)| {
            let topic = line % self.topics;
            let audience = below(self.labels.end, topic) - below(self.labels.start, topic);
            audience as u64 * u64::from(count - self.first.get(line).copied().unwrap_or_default())
        };
        published.iter().enumerate().map(line).sum()
    }
}

/// Room for latencies.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, DIGITS).expect("the bounds are in order")
}

/// A histogram of microseconds as it is reported.
pub(crate) fn latency(histogram: &Histogram<u64>) -> Option<Latency> {
    (!histogram.is_empty()).then(|| Latency {
        count: histogram.len(),
        min: histogram.min(),
        p50: histogram.value_at_quantile(0.5),
        p90: histogram.value_at_quantile(0.9),
        p99: histogram.value_at_quantile(0.99),
        p999: histogram.value_at_quantile(0.999),
        max: histogram.max(),
        percentiles: histogram
            .iter_quantiles(4)
            .map(|step| (step.quantile_iterated_to() * 100.0, step.value_iterated_to()))
            .collect(),
    })
}
