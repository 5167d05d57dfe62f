//! Producers of a topic: each publishes with a sequence that grows by one, so that what is sent in a row over a
//! connection that breaks, or through a leader that changes, lands in that row, once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Outcome, Verdict, retry_after_ms};
use crate::log::digest::Digest;
use crate::log::expiry::Deadlines;
use crate::log::policy::IdempotencyPolicy;
use crate::log::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Producers {
    live: HashMap<Arc<str>, ProducerLog>,
    /// Each live producer once, at a moment not later than the one at which its silence will have lasted the window:
    /// it is looked at then, and put back if it was heard since. So a publish need not touch this queue.
    silence: Deadlines<Arc<str>>,
    last_heard_ms: u64,
}

#[derive(Debug)]
struct ProducerLog {
    next_sequence: u64,
    heard_ms: u64,
    /// Of the sequences just before the next, without a gap.
    results: VecDeque<([u64; 2], Outcome)>,
}

impl Producers {
    pub(super) fn new() -> Self {
        Self { live: HashMap::new(), silence: Deadlines::new(), last_heard_ms: 0 }
    }

    pub(super) fn forget(&mut self, now_ms: u64, policy: &IdempotencyPolicy) {
        while let Some((_, id)) = self.silence.pop_due(now_ms) {
            let Some(producer) = self.live.get(&id) else { continue };
            let ends_ms = producer.heard_ms.saturating_add(policy.window_ms);
            if ends_ms > now_ms {
                self.silence.insert(ends_ms, id);
            } else {
                self.live.remove(&id);
            }
        }
        if self.live.is_empty() && self.live.capacity() > 0 {
            // A crowd that has left must not keep its memory for the life of the topic.
            self.live = HashMap::new();
        }
    }

    pub(super) fn check(
        &mut self,
        now_ms: u64,
        id: &str,
        sequence: u64,
        hash: u128,
        policy: &IdempotencyPolicy,
    ) -> Verdict {
        let Some(producer) = self.live.get_mut(id) else {
            return self.admit(now_ms, policy);
        };
        producer.heard_ms = now_ms;
        self.last_heard_ms = now_ms;
        if sequence == producer.next_sequence {
            return Verdict::Fresh;
        }
        let back = producer.next_sequence.checked_sub(sequence).and_then(|back| usize::try_from(back).ok());
        let stored = back.and_then(|back| producer.results.len().checked_sub(back));
        match stored.and_then(|place| producer.results.get(place)) {
            Some((stored, outcome)) if *stored == halves(hash) => Verdict::Stored(outcome.clone()),
            Some(_) => Verdict::Refused(Refusal::IdempotencyMismatch),
            None => Verdict::Refused(Refusal::OutOfSequence { expected: producer.next_sequence }),
        }
    }

    /// A producer that is not known may start anywhere, if there is room for it.
    fn admit(&self, now_ms: u64, policy: &IdempotencyPolicy) -> Verdict {
        if self.live.len() < policy.producers_max {
            return Verdict::Fresh;
        }
        let retry_after_ms = retry_after_ms(now_ms, self.silence.next());
        Verdict::Refused(Refusal::IdempotencyFull { retry_after_ms })
    }

    pub(super) fn push(
        &mut self,
        now_ms: u64,
        id: String,
        sequence: u64,
        hash: u128,
        outcome: Outcome,
        policy: &IdempotencyPolicy,
    ) {
        self.last_heard_ms = now_ms;
        let producer = match self.live.get_mut(id.as_str()) {
            Some(producer) => producer,
            None => {
                let id: Arc<str> = id.into();
                self.silence.insert(now_ms.saturating_add(policy.window_ms), Arc::clone(&id));
                let fresh = ProducerLog { next_sequence: sequence, heard_ms: now_ms, results: VecDeque::new() };
                self.live.entry(id).or_insert(fresh)
            }
        };
        producer.next_sequence = sequence.saturating_add(1);
        producer.results.push_back((halves(hash), outcome));
        while producer.results.len() > policy.producer_results_max {
            producer.results.pop_front();
        }
    }

    pub(super) fn last_heard_ms(&self) -> Option<u64> {
        (!self.live.is_empty()).then_some(self.last_heard_ms)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        let mut live: Vec<_> = self.live.iter().collect();
        live.sort_unstable_by_key(|(id, _)| Arc::clone(id));
        digest.number(live.len() as u64);
        for (id, producer) in live {
            digest.bytes(id.as_bytes()).number(producer.next_sequence).number(producer.heard_ms);
            digest.number(producer.results.len() as u64);
            for ([high, low], outcome) in &producer.results {
                outcome.digest(digest.number(*high).number(*low));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64, policy: &IdempotencyPolicy) {
        assert!(self.live.len() <= policy.producers_max);
        assert_eq!(self.live.len(), self.silence.len());
        for producer in self.live.values() {
            assert!(producer.heard_ms <= now_ms && now_ms < producer.heard_ms + policy.window_ms);
            assert!(!producer.results.is_empty() && producer.results.len() <= policy.producer_results_max);
            assert!(producer.next_sequence >= producer.results.len() as u64);
        }
    }
}

/// Two halves, because an `u128` would align every result to 16 bytes.
fn halves(hash: u128) -> [u64; 2] {
    [(hash >> 64) as u64, hash as u64]
}
