//! What makes a repeated publish harmless: it is answered as the first time, and nothing is appended.
//!
//! Two ways, both scoped to the principal, so that no one is told another's answer. **Keys** ([`keys`]) are free: any
//! text, kept for a window. **Producers** ([`producers`]) also keep order: a sequence that only grows by one. A publish
//! may carry both; a key that is known then becomes the result of the new sequence.
//!
//! Everything is bounded and nothing is forgotten early: what would not fit is refused with the time at which it will.
//! The window is measured in shard time.

mod keys;
mod producers;

use fanfare_protocol::{Producer, Publication};

use super::answer::Published;
use super::command::Publish;
use super::digest::Digest;
use super::policy::IdempotencyPolicy;
use super::refusal::Refusal;
use keys::Keys;
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

/// What was answered the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Published { first_offset: u64, count: u32 },
    Refused(Box<Refusal>),
}

impl Outcome {
    fn of(result: &Result<Published, Refusal>) -> Option<Self> {
        match result {
            Ok(published) => Some(Self::Published { first_offset: published.first_offset, count: published.count }),
            Err(refusal) if refusal.is_final() => Some(Self::Refused(Box::new(refusal.clone()))),
            Err(_) => None,
        }
    }

    /// The same answer again.
    pub(super) fn repeat(self, epoch: u64) -> Result<Published, Refusal> {
        match self {
            Self::Published { first_offset, count } => Ok(Published { epoch, first_offset, count, repeated: true }),
            Self::Refused(refusal) => Err(*refusal),
        }
    }

    fn digest(&self, digest: &mut Digest) {
        match self {
            Self::Published { first_offset, count } => digest.number(*first_offset).number(u64::from(*count)),
            Self::Refused(refusal) => digest.bytes(refusal.to_string().as_bytes()),
        };
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
        let last_ms = self.producers.last_heard_ms().unwrap_or_default().max(self.touched_ms);
        (!self.is_empty()).then(|| last_ms.saturating_add(policy.window_ms))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.producers.is_empty()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        self.keys.digest(digest);
        self.producers.digest(digest);
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64, policy: &IdempotencyPolicy) {
        self.keys.check_invariants(now_ms, policy);
        self.producers.check_invariants(now_ms, policy);
    }
}

/// One text for (principal, id). The length in front keeps `ab`+`c` from being `a`+`bc`.
fn scoped(principal: &str, id: &str) -> String {
    format!("{}:{principal}{id}", principal.len())
}

/// How long until a moment, as a hint: at least a millisecond.
fn retry_after_ms(now_ms: u64, at_ms: Option<u64>) -> u64 {
    at_ms.map_or(1, |at_ms| at_ms.saturating_sub(now_ms).max(1))
}
