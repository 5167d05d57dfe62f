//! The publications of one topic that wait for their answer, in order. Several are in flight; a line that was cut or
//! refused is repeated from its head under the same producer sequences, so that the topic stores each publication once
//! and in order. Keeps rules P9 and P14.
//!
//! A publication that is refused for good without using up its sequence leaves a hole. What follows moves up, unless an
//! older connection may still bring copies: then each is safe under its own number only, and plugs fill the hole.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use fanfare_protocol::{Class, Code, Producer, Publication, Publish, ResourceVersion};

use super::backoff::Backoff;
use super::effect::Ticket;
use super::step::Moment;
use crate::error::{Error, ErrorKind};

/// Well below the 256 results that a topic remembers of each producer: what is repeated must be among them.
const IN_FLIGHT_MAX: usize = 128;

/// The longest hole that is plugged: so many may have been in flight on an older connection.
const PLUGS_MAX: u64 = IN_FLIGHT_MAX as u64;

/// What a plug takes on the wire, with the longest of names.
const PLUG_BYTES: usize = 1_024;

/// A producer counts as known to its topic for so long after an answer: half of the window after which a topic forgets.
const KNOWN: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Item {
    ticket: Ticket,
    publish: Publish,
    /// On the wire, at most.
    bytes: usize,
    sequence: u64,
    is_in_flight: bool,
    /// When it was sent first.
    sent_at: Option<Duration>,
    /// An earlier copy got no answer and may yet take effect, or has.
    is_repeated: bool,
    /// Why it is still here.
    refusal: Option<Error>,
}

impl Item {
    fn new(ticket: Ticket, publish: Publish, bytes: usize, sequence: u64) -> Self {
        let (is_in_flight, is_repeated) = (false, false);
        Self { ticket, publish, bytes, sequence, is_in_flight, sent_at: None, is_repeated, refusal: None }
    }

    /// Uses up a sequence and changes nothing: whatever its topic is, the topic refuses it for good and remembers that.
    fn plug(topic: String, sequence: u64) -> Self {
        let publication = Publication {
            data: Some(Bytes::from_static(b"0")),
            // Epochs begin at 1, and `0.0` is the only version without one.
            if_version: Some(ResourceVersion::new(0, 1)),
            ..Default::default()
        };
        let publish = Publish { topic, publication: Some(Box::new(publication)), ..Default::default() };
        Self::new(Ticket::own(sequence), publish, PLUG_BYTES, sequence)
    }

    fn is_plug(&self) -> bool {
        self.ticket.is_own()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct PublishLine {
    /// The stem of the producer's ids and how often it was renewed.
    producer: (String, u32),
    next_sequence: u64,
    /// Those in flight come first, unless the line has to be repeated.
    items: VecDeque<Item>,
    in_flight_count: usize,
    in_flight_bytes: usize,
    /// The topic knows the producer until then, so that it refuses what overtakes.
    known_until: Duration,
    /// Nothing is sent before.
    not_before: Duration,
    refusals: u32,
    /// What the topic said it expects instead of what it got.
    expected: Option<u64>,
    /// One of those that were last in flight may have been stored: what the topic expected before is no word of it.
    is_unsure: bool,
    /// Copies under the present producer may be under way that nobody waits for any more.
    has_strays: bool,
}

impl PublishLine {
    /// `first_sequence` must be above all that the same producer ever used for the topic.
    pub(super) fn new(producer: String, first_sequence: u64) -> Self {
        Self {
            producer: (producer, 0),
            next_sequence: first_sequence,
            items: VecDeque::new(),
            in_flight_count: 0,
            in_flight_bytes: 0,
            known_until: Duration::ZERO,
            not_before: Duration::ZERO,
            refusals: 0,
            expected: None,
            is_unsure: false,
            has_strays: false,
        }
    }

    /// Whether nothing waits for an answer.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    pub(super) fn add(&mut self, ticket: Ticket, publish: Publish, bytes: usize) {
        let sequence = self.take_sequence();
        self.items.push_back(Item::new(ticket, publish, bytes, sequence));
    }

    /// What may be sent now, and its size.
    pub(super) fn peek(&self, now: Duration) -> Option<(Ticket, usize)> {
        // Until an answer proves that the topic knows the producer it would also take the second publication without
        // the first, so the first goes alone.
        let in_flight_max = if now < self.known_until { IN_FLIGHT_MAX } else { 1 };
        if now < self.not_before || self.expected.is_some() || self.in_flight_count >= in_flight_max {
            return None;
        }
        let item = &self.items[self.first_waiting()?];
        Some((item.ticket, item.bytes))
    }

    /// Takes what [`Self::peek`] showed; it counts as sent. With whether it was sent before.
    pub(super) fn send(&mut self, now: Duration) -> Option<(Publish, bool)> {
        let at = self.first_waiting()?;
        self.is_unsure &= self.in_flight_count > 0;
        let item = &mut self.items[at];
        let was_sent = item.sent_at.is_some();
        item.is_in_flight = true;
        item.sent_at.get_or_insert(now);
        self.in_flight_count += 1;
        self.in_flight_bytes += item.bytes;
        let (stem, renewals) = &self.producer;
        let producer = Some(Producer { id: format!("{stem}.{renewals}"), sequence: item.sequence });
        Some((Publish { producer, ..item.publish.clone() }, was_sent))
    }

    /// The topic stored it. `false`: nobody waits for it any more.
    pub(super) fn published(&mut self, now: Duration, ticket: Ticket) -> bool {
        (self.refusals, self.known_until) = (0, now + KNOWN);
        self.remove(ticket).is_some() && !ticket.is_own()
    }

    /// It was refused. What will not be repeated is given out, with what to tell the caller. A line with a refusal waits
    /// until all that is in flight came back, then goes on from its head.
    pub(super) fn refused(
        &mut self,
        moment: Moment,
        ticket: Ticket,
        class: Class,
        error: &Error,
        backoff: Backoff,
    ) -> Option<(Ticket, Error)> {
        let at = self.land(ticket)?;
        if error.code() == Some(Code::OutOfSequence) {
            self.expected = error.wire().and_then(|wire| wire.expected).or(Some(self.items[at].sequence));
            self.items[at].refusal = Some(error.clone());
            return None;
        }
        match class {
            Class::Terminal | Class::Resync => {
                let item = self.items.remove(at).filter(|item| !item.is_plug())?;
                return Some((ticket, if item.is_repeated { error.uncertain() } else { error.clone() }));
            }
            // Only a refusal is sure to have changed nothing; trouble of the node means maybe (P14).
            Class::Retry => (self.items[at].is_repeated, self.has_strays, self.is_unsure) = (true, true, true),
            Class::Redirect | Class::Refresh | Class::Wait => {}
        }
        self.items[at].refusal = Some(error.clone());
        self.wait(moment, error.retry_after().unwrap_or_default(), backoff);
        None
    }

    /// The connection is gone: what was in flight is repeated on the next one.
    pub(super) fn lost(&mut self) {
        for item in self.items.iter_mut().filter(|item| item.is_in_flight) {
            (item.is_in_flight, item.is_repeated, self.has_strays) = (false, true, true);
        }
        (self.in_flight_count, self.in_flight_bytes) = (0, 0);
        (self.known_until, self.not_before, self.expected) = (Duration::ZERO, Duration::ZERO, None);
        self.is_unsure = false;
    }

    /// Makes the line begin with what the topic expects, once nothing is in flight: a publication before was refused
    /// without using up its sequence, and nothing since was stored. Gives out what cannot be repeated safely.
    pub(super) fn align(&mut self, moment: Moment, backoff: Backoff) -> Vec<(Ticket, Error)> {
        if self.in_flight_count > 0 {
            return Vec::new();
        }
        let Some(expected) = self.expected.take() else { return Vec::new() };
        // A topic that began anew takes what comes first. Repeated as it is, the line is told what was stored.
        if self.is_unsure {
            return Vec::new();
        }
        let mut lost = self.give_up(|item| item.sequence < expected && (item.is_repeated || item.is_plug()));
        let Some(Item { sequence: head, publish, .. }) = self.items.front() else { return lost };
        let (head, topic) = (*head, publish.topic.clone());
        if head != expected {
            if self.has_strays && (expected..=expected.saturating_add(PLUGS_MAX)).contains(&head) {
                self.plug(&topic, expected..head);
            } else {
                lost.extend(self.renumber(expected));
            }
            // Once is how it goes; again without a success in between would be a quarrel.
            if self.refusals > 0 {
                self.wait(moment, Duration::ZERO, backoff);
            }
            self.refusals += 1;
        }
        lost
    }

    /// Fills the hole before the head.
    fn plug(&mut self, topic: &str, hole: Range<u64>) {
        for sequence in hole.rev() {
            self.items.push_front(Item::plug(topic.to_owned(), sequence));
        }
    }

    /// Everything gets another number, but for what might be stored twice that way.
    fn renumber(&mut self, expected: u64) -> Vec<(Ticket, Error)> {
        let lost = self.give_up(|item| item.is_repeated || item.is_plug());
        // What an older connection may still bring must not fit in under its old number.
        if std::mem::take(&mut self.has_strays) {
            self.producer.1 += 1;
            self.known_until = Duration::ZERO;
        }
        self.next_sequence = expected;
        for at in 0..self.items.len() {
            self.items[at].sequence = self.take_sequence();
        }
        lost
    }

    /// Takes out, while nothing is in flight, what may have been stored.
    fn give_up(&mut self, is_lost: impl Fn(&Item) -> bool) -> Vec<(Ticket, Error)> {
        let told = self.items.iter().filter(|item| is_lost(item) && !item.is_plug());
        let lost = told.map(|item| (item.ticket, timeout())).collect();
        self.items.retain(|item| !is_lost(item));
        lost
    }

    /// Takes out what was sent so long ago that a repetition would no longer be safe.
    pub(super) fn expire(&mut self, sent_before: Duration) -> Vec<(Ticket, Error)> {
        let is_due = |item: &Item| item.sent_at.is_some_and(|at| at <= sent_before);
        let mut expired = Vec::new();
        while let Some(item) = self.items.iter().find(|item| is_due(item)) {
            let is_unsure = item.is_repeated || item.is_in_flight;
            let refusal = item.refusal.clone().filter(|_| !is_unsure);
            let (ticket, error) = (item.ticket, refusal.unwrap_or_else(timeout));
            self.has_strays |= is_unsure;
            self.remove(ticket);
            if !ticket.is_own() {
                expired.push((ticket, error));
            }
        }
        expired
    }

    /// Takes out one, whatever its state.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<()> {
        let at = self.land(ticket)?;
        self.items.remove(at).map(|_| ())
    }

    /// Takes out all, with what to tell the callers when that is why.
    pub(super) fn drain(&mut self, error: &Error) -> impl Iterator<Item = (Ticket, Error)> {
        (self.in_flight_count, self.in_flight_bytes) = (0, 0);
        let told = |item: &Item| if item.is_repeated || item.is_in_flight { error.uncertain() } else { error.clone() };
        let items = std::mem::take(&mut self.items).into_iter().filter(|item| !item.is_plug());
        items.map(move |item| (item.ticket, told(&item)))
    }

    /// Nothing is sent before.
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    fn wait(&mut self, moment: Moment, after: Duration, backoff: Backoff) {
        let until = moment.now + after + backoff.delay(self.refusals, moment.chance);
        self.not_before = self.not_before.max(until);
        self.refusals = self.refusals.saturating_add(1);
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// It is no longer in flight. Where it stands.
    fn land(&mut self, ticket: Ticket) -> Option<usize> {
        let at = self.items.iter().position(|item| item.ticket == ticket)?;
        let item = &mut self.items[at];
        if std::mem::take(&mut item.is_in_flight) {
            self.in_flight_count -= 1;
            self.in_flight_bytes -= item.bytes;
        }
        Some(at)
    }

    /// Nothing while a hole is before what is still in flight.
    fn first_waiting(&self) -> Option<usize> {
        let at = self.items.iter().position(|item| !item.is_in_flight)?;
        (at == self.in_flight_count).then_some(at)
    }
}

fn timeout() -> Error {
    Error::new(ErrorKind::Timeout).uncertain()
}

#[cfg(test)]
mod tests;
