//! A topic: a versioned log and its fold. Publishing is: what is due first, then what is already known, then what may
//! be refused, then the append. Offsets grow by one per publication and never restart while the topic lives; the head
//! is remembered even when retention has taken everything.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{EntryTime, StateFault};
use fanfare_protocol::{Event, EventType, Publication, ResourceVersion};

use super::answer::Published;
use super::command::Publish;
use super::committed::Fresh;
use super::digest::Digest;
use super::fold::Fold;
use super::history::{History, Source};
use super::idempotency::{Idempotency, Identity, Verdict};
use super::judge::{self, Bench};
use super::policy::{Kind, Policy};
use super::refusal::Refusal;
use super::rows::{Change, TopicRow};
use super::stored::Stored;
use super::weight;

/// What a topic takes in memory beside what it holds.
const TOPIC_BYTES: u64 = 1_024;

/// What an idempotency key or a producer takes, and some results of the latter.
const KNOWN_BYTES: u64 = 512;

/// Bytes of a command that a retained value may pin beyond its own without being copied out of it.
const PINNED_BYTES_MAX: usize = 512;

#[derive(Debug)]
pub(super) struct TopicLog {
    pub(super) policy: Arc<Policy>,
    /// Fixed for its life, also when the topic comes to be covered by a namespace of another kind.
    pub(super) kind: Kind,
    /// What its rows are found by.
    pub(super) number: u64,
    /// The policy whose quotas count it, for its life.
    pub(super) counted_by: Arc<str>,
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) history: History,
    /// Of `state` topics.
    pub(super) fold: Option<Fold>,
    idempotency: Idempotency,
    /// Shard time up to which what was due has happened.
    settled_ms: u64,
}

/// What all events of one command share.
#[derive(Clone, Default)]
struct Signature {
    publisher: Option<String>,
    connection_id: Option<String>,
}

impl TopicLog {
    /// An empty topic of that number and epoch.
    pub(super) fn new(now: EntryTime, number: u64, epoch: u64, policy: Arc<Policy>) -> Self {
        Self {
            kind: policy.kind,
            number,
            counted_by: policy.name.as_str().into(),
            epoch: epoch.max(1),
            head: 0,
            history: History::new(),
            fold: (policy.kind == Kind::State).then(Fold::new),
            idempotency: Idempotency::new(),
            settled_ms: now.shard_ms,
            policy,
        }
    }

    /// A topic as it is stored: all of it but the publications, which stay in the store until someone wants them.
    pub(super) fn restore(row: &TopicRow, policy: Arc<Policy>, stored: &dyn Stored) -> Result<Self, StateFault> {
        let TopicRow { number, epoch, head, settled_ms, kind, known_count, known_ms, .. } = *row;
        let source = Source { stored: Some(stored), number, epoch, settled_ms };
        let fold = match kind {
            Kind::State => Some(Fold::restore(stored.fold(number, epoch)?)),
            Kind::Stream | Kind::Document => None,
        };
        let idempotency = match known_count {
            0 => Idempotency::new(),
            _ => Idempotency::restore(stored.keys(number)?, stored.blocks(number)?, known_ms, &policy.idempotency)?,
        };
        let history = History::restore(row, source)?;
        let counted_by = Arc::clone(&row.counted_by);
        Ok(Self { policy, kind, number, counted_by, epoch, head, history, fold, idempotency, settled_ms })
    }

    /// Another policy covers it from now on.
    pub(super) fn follow(&mut self, policy: &Arc<Policy>) {
        self.policy = Arc::clone(policy);
        self.idempotency.follow(&policy.idempotency);
    }

    fn source<'a>(&self, stored: Option<&'a dyn Stored>) -> Source<'a> {
        Source { stored, number: self.number, epoch: self.epoch, settled_ms: self.settled_ms }
    }

    pub(super) fn version(&self) -> ResourceVersion {
        ResourceVersion::new(self.epoch, self.head)
    }

    /// Makes what is due happen: keys end by a delete each, publications leave the history, what retention and the
    /// idempotency window have let go is forgotten. To be called before anything else at a new time.
    pub(super) fn expire(
        &mut self,
        now: EntryTime,
        stored: Option<&dyn Stored>,
        out: &mut Fresh,
    ) -> Result<u64, StateFault> {
        let before = self.head;
        while let Some(put) = self.fold.as_mut().and_then(|fold| fold.pop_due(now.shard_ms)) {
            self.head += 1;
            let delete = Event {
                r#type: EventType::Delete.into(),
                resource_version: Some(self.version()),
                key: put.key.clone(),
                time: Some(now.wall_ms),
                ..Event::default()
            };
            let delete = Arc::new(delete);
            self.history.append(now.shard_ms, self.head, Arc::clone(&delete), None);
            out.events.push(delete);
            out.replaced.push(Some(put));
        }
        self.history.expire(now.shard_ms);
        self.idempotency.expire(now.shard_ms, &self.policy.idempotency);
        self.settled_ms = now.shard_ms;
        self.trim(now, stored)?;
        Ok(self.head - before)
    }

    fn trim(&mut self, now: EntryTime, stored: Option<&dyn Stored>) -> Result<(), StateFault> {
        let source = self.source(stored);
        self.history.trim(now.shard_ms, &self.policy, source)
    }

    /// Appends all publications or none. `command_bytes` is the size of what their data are slices of. Whatever was due
    /// must have happened.
    pub(super) fn publish(
        &mut self,
        now: EntryTime,
        publish: Publish,
        command_bytes: usize,
        stored: Option<&dyn Stored>,
        out: &mut Fresh,
    ) -> Result<Result<Published, Refusal>, StateFault> {
        let result = self.answer(now, publish, command_bytes, out);
        if result.is_ok() {
            self.trim(now, stored)?;
        }
        Ok(result)
    }

    fn answer(
        &mut self,
        now: EntryTime,
        publish: Publish,
        command_bytes: usize,
        out: &mut Fresh,
    ) -> Result<Published, Refusal> {
        judge::identity(&publish)?;
        let policy = Arc::clone(&self.policy);
        let identity = Identity::of(&publish);
        let (verdict, permit) = self.idempotency.check(now.shard_ms, &identity, &policy.idempotency);
        let result = match verdict {
            Verdict::Stored(outcome) => outcome.repeat(self.epoch),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Fresh => self.judge(&publish).map(|()| self.append(now, publish, command_bytes, out)),
        };
        self.idempotency.record(now.shard_ms, permit, &result, &policy.idempotency);
        result
    }

    fn judge(&self, publish: &Publish) -> Result<(), Refusal> {
        let bench = Bench {
            epoch: self.epoch,
            head: self.head,
            policy: &self.policy,
            fold: self.fold.as_ref(),
            signature_bytes: weight::text(&publish.publisher) + weight::text(&publish.connection_id),
        };
        bench.judge(&publish.publications)
    }

    fn append(&mut self, now: EntryTime, publish: Publish, command_bytes: usize, out: &mut Fresh) -> Published {
        let first_offset = self.head + 1;
        let mut signature = Signature { publisher: publish.publisher, connection_id: publish.connection_id };
        out.events.reserve(publish.publications.len());
        let mut publications = publish.publications.into_iter();
        while let Some(publication) = publications.next() {
            // Most commands bring one publication, which then takes what it would else copy.
            let signed = if publications.len() == 0 { mem::take(&mut signature) } else { signature.clone() };
            self.append_one(now, publication, signed, command_bytes, out);
        }
        let count = u32::try_from(self.head + 1 - first_offset).unwrap_or(u32::MAX);
        Published { epoch: self.epoch, first_offset, count, repeated: false }
    }

    fn append_one(
        &mut self,
        now: EntryTime,
        publication: Publication,
        signature: Signature,
        command_bytes: usize,
        out: &mut Fresh,
    ) {
        self.head += 1;
        // Not before the next moment: at this one, what was due has happened.
        let ends_ms = publication.ttl_ms.map(|ttl_ms| now.shard_ms.saturating_add(ttl_ms.max(1)));
        let event = Event {
            r#type: if publication.delete { EventType::Delete } else { EventType::Put }.into(),
            topic: None,
            resource_version: Some(self.version()),
            key: publication.key,
            data: publication.data.filter(|_| !publication.delete).map(|data| detached(data, command_bytes)),
            content_type: if publication.delete { 0 } else { publication.content_type },
            attributes: publication.attributes,
            publisher: signature.publisher,
            connection_id: signature.connection_id,
            time: Some(now.wall_ms),
            origin_time: publication.origin_time,
            traceparent: publication.traceparent,
            error: None,
        };
        let event = Arc::new(event);
        let leaves_ms = match &mut self.fold {
            None => ends_ms,
            Some(fold) => {
                let key = event.key.as_deref().unwrap_or_default();
                out.replaced.push(match publication.delete {
                    true => fold.delete(key),
                    false => fold.put(key, self.head, Arc::clone(&event), ends_ms),
                });
                None
            }
        };
        self.history.append(now.shard_ms, self.head, Arc::clone(&event), leaves_ms);
        out.events.push(event);
    }

    /// Shard time up to which what was due has happened.
    pub(super) fn settled_ms(&self) -> u64 {
        self.settled_ms
    }

    /// When something should be done about it even if nothing is published.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let fold = self.fold.as_ref().and_then(Fold::next_deadline);
        let history = self.history.next_deadline(&self.policy);
        let idempotency = self.idempotency.next_deadline(&self.policy.idempotency);
        fold.into_iter().chain(history).chain(idempotency).min()
    }

    /// Bytes of history and fold, as the namespace's quota counts them.
    pub(super) fn bytes(&self) -> u64 {
        self.history.bytes() + self.fold.as_ref().map_or(0, Fold::bytes)
    }

    /// What it takes in memory, roughly.
    pub(super) fn memory_bytes(&self) -> u64 {
        let known = self.idempotency.len() as u64 * KNOWN_BYTES;
        TOPIC_BYTES + known + self.history.tail_bytes() + self.fold.as_ref().map_or(0, Fold::bytes)
    }

    /// Tells the next window what it has to write, and gives the topic's own row.
    pub(super) fn collect(&mut self, due_ms: Option<u64>, out: &mut Vec<Change>) -> TopicRow {
        let row = TopicRow {
            number: self.number,
            epoch: self.epoch,
            head: self.head,
            settled_ms: self.settled_ms,
            keys_count: self.fold.as_ref().map_or(0, Fold::keys_count),
            fold_bytes: self.fold.as_ref().map_or(0, Fold::bytes),
            known_count: self.idempotency.len() as u64,
            known_ms: self.idempotency.known_ms(),
            due_ms,
            kind: self.kind,
            counted_by: Arc::clone(&self.counted_by),
            floor: self.history.floor(),
            history_count: self.history.count(),
            history_bytes: self.history.bytes(),
            oldest_ms: self.history.oldest_ms(),
            leaving_count: self.history.leaving_count(),
        };
        self.history.collect(self.number, self.head, out);
        if let Some(fold) = &mut self.fold {
            fold.collect(self.number, out);
        }
        self.idempotency.collect(self.number, out);
        row
    }

    pub(super) fn digest(&self, digest: &mut Digest, stored: Option<&dyn Stored>) -> Result<(), StateFault> {
        digest.number(self.epoch).number(self.head);
        self.history.digest(digest, self.source(stored))?;
        if let Some(fold) = &self.fold {
            fold.digest(digest);
        }
        self.idempotency.digest(digest);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_ne!(self.epoch, 0);
        assert_eq!(self.fold.is_some(), self.kind == Kind::State);
        self.history.check(self.head);
        if let Some(fold) = &self.fold {
            fold.check(self.head);
            assert!(fold.keys_count() <= self.policy.keys_max && fold.bytes() <= self.policy.fold_bytes_max);
        }
        self.idempotency.check_invariants(self.settled_ms, &self.policy.idempotency);
    }
}

/// A value is a slice of the command that brought it. Kept for long it must not keep a whole batch alive.
fn detached(data: Bytes, command_bytes: usize) -> Bytes {
    if command_bytes > data.len() * 2 + PINNED_BYTES_MAX { Bytes::copy_from_slice(&data) } else { data }
}
