//! All publications that wait for their answer, by topic. What may wait in all is bounded where publishes come in
//! (`budget.rs`); here is bounded what is on the wire, and how many topics are remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use fanfare_protocol::limits::ID_MAX;
use fanfare_protocol::{Class, Encoding, Message, Producer, Publication, Publish, Published, TopicName};

use super::backoff::Backoff;
use super::effect::{Answer, Effect, Ticket};
use super::publish_line::PublishLine;
use super::settings::Settings;
use super::step::Step;
use crate::error::{Error, ErrorKind};

/// Publishes on the wire without an answer, all topics together: what a slow link may have in its buffers.
const IN_FLIGHT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Topics whose sequence is remembered though nothing waits there. One is forgotten before its topic forgets the
/// producer only by who publishes to more topics than this in two minutes; that costs a round trip, never an order.
const IDLE_LINES_MAX: usize = 4_096;

/// How late a timeout may be noticed.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    producer: String,
    encoding: Encoding,
    backoff: Backoff,
    timeout: Duration,
    lines: BTreeMap<TopicName, PublishLine>,
    /// Lines with something in them.
    busy: BTreeSet<TopicName>,
    /// Lines that may have something to send, and lines that will, by when.
    ready: BTreeSet<TopicName>,
    waiting: BTreeSet<(Duration, TopicName)>,
    /// The line that sent last: the one behind it is next, so that none starves another.
    last: Option<TopicName>,
    /// Above every sequence that a line which was forgotten used.
    first_sequence: u64,
    in_flight_bytes: usize,
    count: usize,
    next_expiry: Duration,
}

/// What can be sent.
#[derive(Debug, PartialEq)]
pub(super) struct Ready {
    pub(super) topic: TopicName,
    pub(super) ticket: Ticket,
    pub(super) publish: Publish,
}

impl Publisher {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            producer: settings.producer.clone(),
            encoding: settings.encoding,
            backoff: settings.backoff,
            timeout: settings.publish_timeout,
            lines: BTreeMap::new(),
            busy: BTreeSet::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            last: None,
            first_sequence: 1,
            in_flight_bytes: 0,
            count: 0,
            next_expiry: Duration::ZERO,
        }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn add(&mut self, ticket: Ticket, topic: TopicName, publish: Publish) {
        let bytes = frame_bytes(self.encoding, &publish);
        if !self.lines.contains_key(&topic) {
            self.make_room();
        }
        let new = || PublishLine::new(self.producer.clone(), self.first_sequence);
        self.lines.entry(topic.clone()).or_insert_with(new).add(ticket, publish, bytes);
        self.busy.insert(topic.clone());
        self.ready.insert(topic);
        self.count += 1;
    }

    /// Time has passed: what waited for it is ready.
    pub(super) fn wake(&mut self, now: Duration) {
        while let Some((_, topic)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned() {
            self.waiting.pop_first();
            self.ready.insert(topic);
        }
    }

    /// The next publish to send; it counts as sent. Those that no frame can hold are answered instead.
    pub(super) fn next(&mut self, frame_bytes_max: usize, step: &mut Step<'_>) -> Option<Ready> {
        let now = step.now();
        while self.in_flight_bytes < IN_FLIGHT_BYTES_MAX {
            let topic = self.next_in_turn()?;
            let Some(line) = self.lines.get_mut(&topic) else {
                self.ready.remove(&topic);
                continue;
            };
            let mut failed = line.align(step.moment, self.backoff);
            while let Some((ticket, _)) = line.peek(now).filter(|(_, bytes)| *bytes > frame_bytes_max) {
                line.remove(ticket);
                let context = format!("a publish to `{topic}` exceeds the {frame_bytes_max} bytes of a frame");
                failed.push((ticket, Error::with_context(ErrorKind::TooLarge, context)));
            }
            let sent = line.peek(now).and_then(|(ticket, bytes)| Some((ticket, bytes, line.send(now)?)));
            let not_before = line.not_before();
            self.give_out(&topic, failed, step);
            if let Some((ticket, bytes, (publish, is_repetition))) = sent {
                self.in_flight_bytes += bytes;
                step.stats.repeated_count += u64::from(is_repetition);
                self.last = Some(topic.clone());
                return Some(Ready { topic, ticket, publish });
            }
            self.ready.remove(&topic);
            if not_before > now {
                self.waiting.insert((not_before, topic));
            }
        }
        None
    }

    pub(super) fn published(&mut self, topic: &TopicName, ticket: Ticket, answer: Published, step: &mut Step<'_>) {
        let now = step.now();
        if self.change(topic, |line| line.published(now, ticket)) == Some(true) {
            self.count -= 1;
            step.stats.published_count += 1;
            step.push(Effect::Answer(ticket, Ok(Answer::Published(answer))));
        }
    }

    /// A publish was refused; what to do is told by `class`.
    pub(super) fn refused(
        &mut self,
        topic: &TopicName,
        ticket: Ticket,
        class: Class,
        error: &Error,
        step: &mut Step<'_>,
    ) {
        let backoff = self.backoff;
        let over = self.change(topic, |line| line.refused(step.moment, ticket, class, error, backoff)).flatten();
        self.give_out(topic, over.into_iter().collect(), step);
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.lines.values_mut().for_each(PublishLine::lost);
        self.in_flight_bytes = 0;
        self.waiting.clear();
        self.ready.clone_from(&self.busy);
    }

    /// Tells those whose answer did not come in time.
    pub(super) fn expire(&mut self, step: &mut Step<'_>) {
        if step.now() < self.next_expiry {
            return;
        }
        self.next_expiry = step.now() + EXPIRY_INTERVAL;
        let Some(sent_before) = step.now().checked_sub(self.timeout) else { return };
        for topic in self.busy.clone() {
            let expired = self.change(&topic, |line| line.expire(sent_before)).unwrap_or_default();
            self.give_out(&topic, expired, step);
        }
    }

    /// The client is over.
    pub(super) fn end(&mut self, error: &Error, step: &mut Step<'_>) {
        for line in std::mem::take(&mut self.lines).values_mut() {
            for (ticket, error) in line.drain(error) {
                step.push(Effect::Answer(ticket, Err(error)));
            }
        }
        (self.busy, self.ready, self.waiting) = Default::default();
        (self.in_flight_bytes, self.count) = (0, 0);
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let expiry = (!self.busy.is_empty()).then_some(self.next_expiry);
        let retry = self.waiting.first().map(|(at, _)| *at);
        expiry.into_iter().chain(retry).min()
    }

    fn next_in_turn(&self) -> Option<TopicName> {
        let behind = |last: &TopicName| self.ready.range((Bound::Excluded(last.clone()), Bound::Unbounded)).next();
        self.last.as_ref().and_then(behind).or_else(|| self.ready.first()).cloned()
    }

    /// Changes a line and whatever depends on how it stands then.
    fn change<R>(&mut self, topic: &TopicName, change: impl FnOnce(&mut PublishLine) -> R) -> Option<R> {
        let line = self.lines.get_mut(topic)?;
        let before = line.in_flight_bytes();
        let result = change(line);
        self.in_flight_bytes = self.in_flight_bytes + line.in_flight_bytes() - before;
        if line.is_empty() {
            self.busy.remove(topic);
            self.ready.remove(topic);
        } else {
            self.ready.insert(topic.clone());
        }
        Some(result)
    }

    fn give_out(&mut self, topic: &TopicName, failed: Vec<(Ticket, Error)>, step: &mut Step<'_>) {
        self.count -= failed.len();
        for (ticket, error) in failed {
            step.push(Effect::Answer(ticket, Err(error)));
        }
        if self.lines.get(topic).is_some_and(PublishLine::is_empty) {
            self.busy.remove(topic);
        }
    }

    /// Forgets an idle line. Should it come back, it begins above all its sequences, which a topic that remembers it
    /// refuses with what it expects, and takes otherwise.
    fn make_room(&mut self) {
        if self.lines.len() - self.busy.len() < IDLE_LINES_MAX {
            return;
        }
        let idle = self.lines.iter().find(|(topic, _)| !self.busy.contains(*topic)).map(|(topic, _)| topic.clone());
        if let Some(line) = idle.and_then(|topic| self.lines.remove(&topic)) {
            self.first_sequence = self.first_sequence.max(line.next_sequence());
        }
    }
}

/// What a publish takes in a frame, at most. Measured exactly only where it could matter.
fn frame_bytes(encoding: Encoding, publish: &Publish) -> usize {
    /// Topic, ids, names of members.
    const OVERHEAD_BYTES: usize = 1024;
    /// A control character in a JSON string takes six bytes instead of one.
    const ESCAPED_FACTOR: usize = 6;
    /// No node would take only smaller frames.
    const SMALL_BYTES: usize = 16 * 1024;

    let publications = publish.publications.iter().chain(publish.publication.as_deref());
    let estimate = publications.fold(OVERHEAD_BYTES, |bytes, publication| {
        let data_bytes = publication.data.as_ref().map_or(0, bytes::Bytes::len);
        let text_bytes = raw_bytes(publication) - data_bytes;
        // In JSON bytes are base64, four for three.
        bytes + OVERHEAD_BYTES + data_bytes.div_ceil(3) * 4 + text_bytes * ESCAPED_FACTOR
    });
    if estimate <= SMALL_BYTES {
        return estimate;
    }
    let producer = Some(Producer { id: "x".repeat(64), sequence: ID_MAX });
    let mut out = Vec::new();
    fanfare_protocol::encode(encoding, ID_MAX, &Message::Publish(Publish { producer, ..publish.clone() }), &mut out);
    out.len()
}

/// What a publication brings along, unescaped.
pub(crate) fn raw_bytes(publication: &Publication) -> usize {
    let attributes: usize = publication.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    publication.data.as_ref().map_or(0, bytes::Bytes::len)
        + publication.key.as_ref().map_or(0, String::len)
        + attributes
}

#[cfg(test)]
mod tests;
