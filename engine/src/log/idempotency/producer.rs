//! One producer: what its last sequences were answered. Held in whole blocks, as they are stored: results leave a block
//! at a time, when none of it is among the last that the policy keeps. So what is in memory is always what the rows
//! say, no row is written again because its oldest result left, and a change of the policy does not touch what is held.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::{Outcome, Verdict};
use crate::log::digest::Digest;
use crate::log::refusal::Refusal;
use crate::log::rows::{BLOCK_SEQUENCES, BlockRow};

#[derive(Debug)]
pub(super) struct ProducerLog {
    next_sequence: u64,
    heard_ms: u64,
    /// Of the sequences just before the next, without a gap; at least one once something was pushed. The first is the
    /// first of its block, or the producer's first.
    results: VecDeque<([u64; 2], Outcome)>,
    /// The next sequence as the rows say; 0 while there is no row.
    handed_sequence: u64,
    /// `heard_ms` as the newest row says.
    handed_heard_ms: u64,
}

impl ProducerLog {
    /// One that begins with this sequence.
    pub(super) fn new(now_ms: u64, sequence: u64) -> Self {
        let results = VecDeque::new();
        Self { next_sequence: sequence, heard_ms: now_ms, results, handed_sequence: 0, handed_heard_ms: 0 }
    }

    pub(super) fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    /// When its silence will have lasted the window.
    pub(super) fn ends_ms(&self, window_ms: u64) -> u64 {
        self.heard_ms.saturating_add(window_ms)
    }

    /// What is known of a sequence. More may be held than the policy lets repeat.
    pub(super) fn check(&mut self, now_ms: u64, sequence: u64, hash: u128, results_max: usize) -> Verdict {
        self.heard_ms = now_ms;
        if sequence == self.next_sequence {
            return Verdict::Fresh;
        }
        let back = self.next_sequence.checked_sub(sequence).and_then(|back| usize::try_from(back).ok());
        let stored = back.filter(|back| *back <= results_max).and_then(|back| self.results.len().checked_sub(back));
        match stored.and_then(|place| self.results.get(place)) {
            Some((stored, outcome)) if *stored == halves(hash) => Verdict::Stored(outcome.clone()),
            Some(_) => Verdict::Refused(Refusal::IdempotencyMismatch),
            None => Verdict::Refused(Refusal::OutOfSequence { expected: self.next_sequence }),
        }
    }

    /// The result of the next sequence. Gives the blocks that are no longer needed and have rows.
    pub(super) fn push(&mut self, hash: u128, outcome: Outcome, results_max: usize) -> Range<u64> {
        self.results.push_back((halves(hash), outcome));
        self.next_sequence = self.next_sequence.saturating_add(1);
        // The last one stays whatever the policy says: it is how a restored producer knows its next sequence.
        let kept = u64::try_from(results_max.max(1)).unwrap_or(u64::MAX);
        let first_block = self.next_sequence.saturating_sub(kept) / BLOCK_SEQUENCES;
        let left = self.blocks().start..first_block;
        while self.first_sequence() < first_block * BLOCK_SEQUENCES && self.results.pop_front().is_some() {}
        left.start..left.end.min(self.handed_blocks().end)
    }

    fn first_sequence(&self) -> u64 {
        self.next_sequence - self.results.len() as u64
    }

    /// Those that hold its results.
    pub(super) fn blocks(&self) -> Range<u64> {
        self.first_sequence() / BLOCK_SEQUENCES..self.next_sequence.div_ceil(BLOCK_SEQUENCES)
    }

    /// Those of them that have rows.
    pub(super) fn handed_blocks(&self) -> Range<u64> {
        self.blocks().start..self.handed_sequence.div_ceil(BLOCK_SEQUENCES)
    }

    /// The blocks whose rows do not say what is held; from now on they do. Results never change, so these are the
    /// blocks of new ones, and the newest when there is nothing new but when the producer was heard.
    pub(super) fn hand_over(&mut self) -> Range<u64> {
        if (self.handed_sequence, self.handed_heard_ms) == (self.next_sequence, self.heard_ms) {
            return 0..0;
        }
        let Range { start, end } = self.blocks();
        let changed = (self.handed_sequence / BLOCK_SEQUENCES).min(end.saturating_sub(1)).max(start);
        (self.handed_sequence, self.handed_heard_ms) = (self.next_sequence, self.heard_ms);
        changed..end
    }

    pub(super) fn row(&self, id: &Arc<str>, block: u64) -> BlockRow {
        let first_held = self.first_sequence();
        let first_sequence = first_held.max(block.saturating_mul(BLOCK_SEQUENCES));
        let skipped = usize::try_from(first_sequence - first_held).unwrap_or(usize::MAX);
        let count = (block.saturating_add(1)).saturating_mul(BLOCK_SEQUENCES).saturating_sub(first_sequence) as usize;
        let results = self.results.iter().skip(skipped).take(count);
        BlockRow {
            producer: Arc::clone(id),
            block,
            heard_ms: self.heard_ms,
            first_sequence,
            results: results.map(|([high, low], outcome)| (whole(*high, *low), outcome.to_stored())).collect(),
        }
    }

    /// As rows say it: takes the next of them, ascending. `None` when it is none that [`Self::row`] gave.
    pub(super) fn restore(before: Option<Self>, row: BlockRow) -> Option<Self> {
        let mut log = before.unwrap_or_else(|| Self::new(0, row.first_sequence));
        let end = row.first_sequence.checked_add(row.results.len() as u64)?;
        let within =
            row.block.checked_mul(BLOCK_SEQUENCES).map(|start| start..=start.saturating_add(BLOCK_SEQUENCES))?;
        let begins = within.contains(&row.first_sequence) && within.contains(&end) && !row.results.is_empty();
        if !begins || row.first_sequence != log.next_sequence {
            return None;
        }
        for (hash, stored) in row.results {
            log.results.push_back((halves(hash), Outcome::from_stored(stored).ok()?));
        }
        log.next_sequence = end;
        log.heard_ms = log.heard_ms.max(row.heard_ms);
        (log.handed_sequence, log.handed_heard_ms) = (log.next_sequence, log.heard_ms);
        Some(log)
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.number(self.next_sequence).number(self.heard_ms).number(self.results.len() as u64);
        for ([high, low], outcome) in &self.results {
            outcome.digest(digest.number(*high).number(*low));
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64) {
        assert!(self.heard_ms <= now_ms && self.handed_heard_ms <= self.heard_ms);
        assert!(!self.results.is_empty() && self.results.len() as u64 <= self.next_sequence);
        assert!(self.handed_sequence <= self.next_sequence);
    }
}

/// Two halves, because an `u128` would align every result to 16 bytes.
fn halves(hash: u128) -> [u64; 2] {
    [(hash >> 64) as u64, hash as u64]
}

fn whole(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}
