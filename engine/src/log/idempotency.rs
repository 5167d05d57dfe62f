//! What makes a repeated publish harmless: it is answered as the first time, and nothing is appended.
//!
//! Two ways, both scoped to the principal, so that no one is told another's answer. **Keys** ([`keys`]) are free: any
//! text, kept for a window. **Producers** ([`producers`]) also keep order: a sequence that only grows by one. A publish
//! may carry both; a key that is known then becomes the result of the new sequence.
//!
//! Everything is bounded and nothing is forgotten early: what would not fit is refused with the time at which it will.
//! The window is measured in shard time.
//!
//! It is stored as a row for each key and for each block of a producer's results, and rebuilt from them: what differs
//! from the rows is known by how far they were handed over, so that where nothing is stored nothing waits to be.

mod keys;
mod outcome;
mod producer;
mod producers;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fanfare_cluster::StateFault;
use fanfare_protocol::{Producer, Publication};

use super::answer::Published;
use super::command::Publish;
use super::digest::Digest;
use super::policy::IdempotencyPolicy;
use super::refusal::Refusal;
use super::rows::{BlockRow, Change, KeyRow};
use keys::Keys;
use outcome::Outcome;
use producers::Producers;

/// The sum that tells whether a repeated key or sequence carries the same publications. `traceparent` is left out,
/// because a retry is a new step of the caller's trace.
#[must_use]
pub fn body_hash(publications: &[Publication]) -> u128 {
    let mut digest = Digest::new();
    for publication in publications {
        let Publication {
            data,
            content_type,
            key,
            delete,
            attributes,
            ttl_ms,
            if_version,
            origin_time,
            traceparent: _,
        } = publication;
        digest.flag(data.is_some()).bytes(data.as_deref().unwrap_or_default());
        digest.number(*content_type as u64);
        digest.flag(key.is_some()).bytes(key.as_deref().unwrap_or_default().as_bytes());
        digest.flag(*delete).number(attributes.len() as u64);
        for (name, value) in attributes {
            digest.bytes(name.as_bytes()).bytes(value.as_bytes());
        }
        digest.flag(ttl_ms.is_some()).number(ttl_ms.unwrap_or_default());
        let version = if_version.unwrap_or_default();
        digest.flag(if_version.is_some()).number(version.epoch).number(version.offset);
        digest.flag(origin_time.is_some()).number(origin_time.unwrap_or_default() as u64);
    }
    digest.finish()
}

/// What a publish says about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) principal: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) producer: Option<&'a Producer>,
    pub(super) hash: u128,
}

impl<'a> Identity<'a> {
    pub(super) fn of(publish: &'a Publish) -> Self {
        Self {
            principal: &publish.principal,
            key: publish.idempotency_key.as_deref(),
            producer: publish.producer.as_ref(),
            hash: publish.body_hash(),
        }
    }
}

/// What is known of a publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: judge it and append it.
    Fresh,
    /// It was answered before.
    Stored(Outcome),
    Refused(Refusal),
}

/// Under what the outcome is to be stored. Owned, because the publish is taken apart in between.
#[derive(Debug, Default)]
pub(super) struct Permit {
    key: Option<String>,
    producer: Option<(String, u64)>,
    hash: u128,
}

/// A row that does not go on where the one before it ended, or holds a result that this version does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "block {block} of the results of the producer `{producer}` cannot be read; run `fanfare storage check` and restore \
     from a backup"
)]
pub(super) struct BadBlock {
    producer: Arc<str>,
    block: u64,
}

impl From<BadBlock> for StateFault {
    fn from(bad: BadBlock) -> Self {
        Self(Box::new(bad))
    }
}

#[derive(Debug)]
pub(super) struct Idempotency {
    keys: Keys,
    producers: Producers,
    touched_ms: u64,
}

impl Idempotency {
    pub(super) fn new() -> Self {
        Self { keys: Keys::new(), producers: Producers::new(), touched_ms: 0 }
    }

    /// From all of its rows, the blocks of one producer ascending, and [`Self::known_ms`] as of their time.
    pub(super) fn restore(
        keys: Vec<KeyRow>,
        blocks: Vec<BlockRow>,
        known_ms: u64,
        policy: &IdempotencyPolicy,
    ) -> Result<Self, BadBlock> {
        let producers = Producers::restore(blocks, policy)?;
        Ok(Self { keys: Keys::restore(keys), producers, touched_ms: known_ms })
    }

    /// Tells the rows that are not as they were when this was last called. Anything that was given a
    /// [`check`](Self::check) or an [`expire`](Self::expire) since may have some, also where nothing was appended.
    pub(super) fn collect(&mut self, number: u64, out: &mut Vec<Change>) {
        self.keys.collect(number, out);
        self.producers.collect(number, out);
    }

    /// To be called when the policy changes. What is remembered stays as it is: a key keeps its end, a producer is
    /// silent for the new window, and results beyond the new bound go when its next one comes.
    pub(super) fn follow(&mut self, policy: &IdempotencyPolicy) {
        self.producers.follow(policy);
    }

    /// Forgets what left the window.
    pub(super) fn expire(&mut self, now_ms: u64, policy: &IdempotencyPolicy) {
        self.keys.forget(now_ms);
        self.producers.forget(now_ms, policy);
    }

    /// What is known of a publish, and what its outcome must be [recorded](Self::record) under. Whatever is due at
    /// `now_ms` must have been forgotten before.
    pub(super) fn check(
        &mut self,
        now_ms: u64,
        identity: &Identity<'_>,
        policy: &IdempotencyPolicy,
    ) -> (Verdict, Permit) {
        let mut permit = Permit { hash: identity.hash, ..Permit::default() };
        if let Some(Producer { id, sequence }) = identity.producer {
            let scoped = scoped(identity.principal, id);
            match self.producers.check(now_ms, &scoped, *sequence, identity.hash, policy) {
                Verdict::Fresh => permit.producer = Some((scoped, *sequence)),
                known => return (known, Permit::default()),
            }
        }
        if let Some(key) = identity.key {
            let scoped = scoped(identity.principal, key);
            match self.keys.check(now_ms, &scoped, identity.hash, policy) {
                Verdict::Fresh => permit.key = Some(scoped),
                known => return (known, permit),
            }
        }
        (Verdict::Fresh, permit)
    }

    /// Stores an outcome. What may yet be mended by trying again is not one: it leaves the sequence open.
    pub(super) fn record(
        &mut self,
        now_ms: u64,
        permit: Permit,
        result: &Result<Published, Refusal>,
        policy: &IdempotencyPolicy,
    ) {
        if permit.key.is_none() && permit.producer.is_none() {
            return;
        }
        let Some(outcome) = Outcome::of(result) else { return };
        self.touched_ms = now_ms;
        if let Some(key) = permit.key
            && let Outcome::Published { first_offset, count } = outcome
        {
            self.keys.insert(now_ms, key, permit.hash, first_offset, count, policy);
        }
        if let Some((producer, sequence)) = permit.producer {
            self.producers.push(now_ms, producer, sequence, permit.hash, outcome, policy);
        }
    }

    /// When all of it can be forgotten, if nothing is published until then.
    pub(super) fn next_deadline(&self, policy: &IdempotencyPolicy) -> Option<u64> {
        let ends_ms = self.known_ms().saturating_add(policy.window_ms).max(self.keys.ends_ms());
        (self.len() > 0).then_some(ends_ms)
    }

    /// When any of it was last used.
    pub(super) fn known_ms(&self) -> u64 {
        self.touched_ms.max(self.producers.last_heard_ms())
    }

    /// Keys and producers.
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.producers.len()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        self.keys.digest(digest);
        self.producers.digest(digest);
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64, policy: &IdempotencyPolicy) {
        self.keys.check_invariants(now_ms);
        self.producers.check_invariants(now_ms, policy);
    }
}

/// One text for (principal, id). The length in front keeps `ab`+`c` from being `a`+`bc`.
fn scoped(principal: &str, id: &str) -> String {
    // Mostly there is no principal, and a formatter costs more than the rest of it.
    if principal.is_empty() {
        return ["0:", id].concat();
    }
    format!("{}:{principal}{id}", principal.len())
}

/// How long until a moment, as a hint: at least a millisecond.
fn retry_after_ms(now_ms: u64, at_ms: Option<u64>) -> u64 {
    at_ms.map_or(1, |at_ms| at_ms.saturating_sub(now_ms).max(1))
}
