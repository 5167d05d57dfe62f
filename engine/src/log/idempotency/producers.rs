//! Producers of a topic: each publishes with a sequence that grows by one, so that what is sent in a row over a
//! connection that breaks, or through a leader that changes, lands in that row, once.

use std::collections::hash_map::Entry;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::producer::ProducerLog;
use super::{BadBlock, Outcome, Verdict, retry_after_ms};
use crate::hash::HashMap;
use crate::log::digest::Digest;
use crate::log::expiry::Deadlines;
use crate::log::policy::IdempotencyPolicy;
use crate::log::refusal::Refusal;
use crate::log::rows::{BlockRow, Change};

#[derive(Debug)]
pub(super) struct Producers {
    live: HashMap<Arc<str>, ProducerLog>,
    /// Each live producer once, at a moment not later than the one at which its silence will have lasted the window:
    /// it is looked at then, and put back if it was heard since. So a publish need not touch this queue.
    silence: Deadlines<Arc<str>>,
    /// When one of them was last heard, of those too that are forgotten by now.
    last_heard_ms: u64,
    /// Whether one was heard since the last collect.
    heard: bool,
    /// Blocks that have rows and are needed no more: none where nothing is ever handed over.
    gone: Vec<(Arc<str>, Range<u64>)>,
}

impl Producers {
    pub(super) fn new() -> Self {
        Self { live: HashMap::default(), silence: Deadlines::new(), last_heard_ms: 0, heard: false, gone: Vec::new() }
    }

    /// From all of their blocks, those of one producer ascending.
    pub(super) fn restore(rows: Vec<BlockRow>, policy: &IdempotencyPolicy) -> Result<Self, BadBlock> {
        let mut live = HashMap::<Arc<str>, ProducerLog>::default();
        for row in rows {
            let producer = Arc::clone(&row.producer);
            let bad = BadBlock { producer: Arc::clone(&producer), block: row.block };
            let before = live.remove(&producer);
            live.insert(producer, ProducerLog::restore(before, row).ok_or(bad)?);
        }
        let last_heard_ms = live.values().map(ProducerLog::heard_ms).max().unwrap_or_default();
        let mut producers = Self { live, last_heard_ms, ..Self::new() };
        producers.follow(policy);
        Ok(producers)
    }

    /// Must be called when the policy changes: a shorter window ends earlier than what is queued says.
    pub(super) fn follow(&mut self, policy: &IdempotencyPolicy) {
        self.silence = Deadlines::new();
        for (id, producer) in &self.live {
            self.silence.insert(producer.ends_ms(policy.window_ms), Arc::clone(id));
        }
    }

    pub(super) fn forget(&mut self, now_ms: u64, policy: &IdempotencyPolicy) {
        while let Some((_, id)) = self.silence.pop_due(now_ms) {
            let Entry::Occupied(producer) = self.live.entry(Arc::clone(&id)) else { continue };
            let ends_ms = producer.get().ends_ms(policy.window_ms);
            if ends_ms > now_ms {
                self.silence.insert(ends_ms, id);
            } else {
                let left = producer.remove().handed_blocks();
                self.let_go(id, left);
            }
        }
        if self.live.is_empty() && self.live.capacity() > 0 {
            // A crowd that has left must not keep its memory for the life of the topic.
            self.live = HashMap::default();
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
        self.last_heard_ms = now_ms;
        self.heard = true;
        producer.check(now_ms, sequence, hash, policy.producer_results_max)
    }

    /// A producer that is not known may start anywhere, if there is room for it.
    fn admit(&mut self, now_ms: u64, policy: &IdempotencyPolicy) -> Verdict {
        if self.live.len() < policy.producers_max {
            return Verdict::Fresh;
        }
        let retry_after_ms = retry_after_ms(now_ms, self.first_end_ms(policy));
        Verdict::Refused(Refusal::IdempotencyFull { retry_after_ms })
    }

    /// When the first of them will have been silent for the window. The queue is brought up to date as far as that
    /// takes, because where it lags behind depends on when the topic was last restored, and replicas answer alike.
    fn first_end_ms(&mut self, policy: &IdempotencyPolicy) -> Option<u64> {
        loop {
            let (queued_ms, id) = self.silence.pop_due(u64::MAX)?;
            let Some(producer) = self.live.get(&id) else { continue };
            let ends_ms = producer.ends_ms(policy.window_ms);
            self.silence.insert(ends_ms, id);
            if ends_ms <= queued_ms {
                return Some(ends_ms);
            }
        }
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
        self.heard = true;
        let results_max = policy.producer_results_max;
        if let Some(producer) = self.live.get_mut(id.as_str()) {
            let left = producer.push(hash, outcome, results_max);
            if !left.is_empty() {
                self.let_go(id.into(), left);
            }
            return;
        }
        let id: Arc<str> = id.into();
        let mut producer = ProducerLog::new(now_ms, sequence);
        producer.push(hash, outcome, results_max);
        self.silence.insert(producer.ends_ms(policy.window_ms), Arc::clone(&id));
        self.live.insert(id, producer);
    }

    fn let_go(&mut self, id: Arc<str>, blocks: Range<u64>) {
        if !blocks.is_empty() {
            self.gone.push((id, blocks));
        }
    }

    /// Tells the blocks that are not as they were when this was last called.
    pub(super) fn collect(&mut self, number: u64, out: &mut Vec<Change>) {
        for (id, blocks) in mem::take(&mut self.gone) {
            // A producer that has come again may hold blocks of the same numbers: they are written below.
            let held = self.live.get(&id).map_or(0..0, ProducerLog::blocks);
            let gone = blocks.filter(|block| !held.contains(block));
            out.extend(gone.map(|block| Change::BlockGone(number, Arc::clone(&id), block)));
        }
        if !mem::take(&mut self.heard) {
            return;
        }
        for (id, producer) in &mut self.live {
            let changed = producer.hand_over();
            out.extend(changed.map(|block| Change::Block(number, producer.row(id, block))));
        }
    }

    pub(super) fn last_heard_ms(&self) -> u64 {
        self.last_heard_ms
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        let mut live: Vec<_> = self.live.iter().collect();
        live.sort_unstable_by_key(|(id, _)| Arc::clone(id));
        digest.number(live.len() as u64);
        for (id, producer) in live {
            producer.digest(digest.bytes(id.as_bytes()));
        }
    }

    /// What holds whatever the policy was before.
    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64, policy: &IdempotencyPolicy) {
        assert_eq!(self.live.len(), self.silence.len());
        let mut silence = self.silence.clone();
        while let Some((at_ms, id)) = silence.pop_due(u64::MAX) {
            assert!(at_ms <= self.live[&id].ends_ms(policy.window_ms));
        }
        for producer in self.live.values() {
            producer.check_invariants(now_ms);
            assert!(producer.heard_ms() <= self.last_heard_ms);
        }
    }
}
