//! The log as one would write it without a thought for cost: everything that ever happened is kept in plain lists, and
//! every question is answered by going through them. What the real one does must be the same, to the letter.

use std::collections::{BTreeMap, HashMap};

use super::*;

pub(super) struct Model {
    pub(super) policies: Policies,
    pub(super) topics: BTreeMap<String, ModelTopic>,
}

#[derive(Clone)]
pub(super) struct ModelTopic {
    policy: Policy,
    pub(super) epoch: u64,
    /// Every event ever, and at which shard time its `ttl` ends.
    pub(super) events: Vec<(Event, Option<u64>)>,
    /// What retention has left: offset, when it was appended.
    retained: Vec<(u64, u64)>,
    pub(super) floor: u64,
    keys: Vec<(String, String, Vec<Publication>, Published, u64)>,
    producers: Vec<ModelProducer>,
}

#[derive(Clone)]
struct ModelProducer {
    principal: String,
    id: String,
    heard_ms: u64,
    results: Vec<(u64, Vec<Publication>, Result<Published, Refusal>)>,
}

impl Model {
    pub(super) fn new(policies: Policies) -> Self {
        Self { policies, topics: BTreeMap::new() }
    }

    pub(super) fn publish(&mut self, now_ms: u64, publish: &Publish) -> Answer {
        let policy = (**self.policies.of(publish.topic.split_once(':').map_or("default", |(name, _)| name))).clone();
        let exists = self.topics.contains_key(&publish.topic);
        if !exists && publish.publications.iter().all(|publication| publication.delete) {
            return Answer::Refused(Refusal::TopicNotFound);
        }
        let siblings = self.topics.values().filter(|topic| topic.policy.name == policy.name).count() as u64;
        if !exists && siblings >= policy.topics_max {
            return Answer::Refused(Refusal::TooManyTopics { topics_max: policy.topics_max });
        }
        let new = ModelTopic::new(publish.new_epoch, policy);
        let mut topic = self.topics.get(&publish.topic).cloned().unwrap_or(new);
        topic.expire(now_ms);
        let result = topic.publish(now_ms, publish);
        if exists || result.is_ok() {
            self.topics.insert(publish.topic.clone(), topic);
        }
        result.map_or_else(Answer::Refused, Answer::Published)
    }

    pub(super) fn delete(&mut self, topic: &str) -> Answer {
        match self.topics.remove(topic) {
            Some(topic) => Answer::Deleted(Deleted { epoch: topic.epoch, offset: topic.head() }),
            None => Answer::Refused(Refusal::TopicNotFound),
        }
    }

    pub(super) fn expire(&mut self, now_ms: u64, topic: &str) -> Answer {
        let keys = self.topics.get_mut(topic).map_or(0, |topic| topic.expire(now_ms));
        Answer::Expired(Expired { keys })
    }
}

impl ModelTopic {
    fn new(epoch: u64, policy: Policy) -> Self {
        let (events, retained, keys, producers) = Default::default();
        Self { policy, epoch, events, retained, floor: 0, keys, producers }
    }

    pub(super) fn head(&self) -> u64 {
        self.events.len() as u64
    }

    fn is_state(&self) -> bool {
        self.policy.kind == Kind::State
    }

    fn event(&self, offset: u64) -> &Event {
        &self.events[offset as usize - 1].0
    }

    /// The fold is the replay of everything.
    pub(super) fn fold(&self) -> Vec<u64> {
        let mut latest = HashMap::new();
        for (offset, (event, _)) in (1..).zip(&self.events) {
            latest.insert(event.key.clone(), offset);
        }
        let mut live: Vec<_> = latest.into_values().filter(|offset| self.event(*offset).data.is_some()).collect();
        live.sort_unstable();
        live
    }

    /// Retained offsets after one, ascending.
    pub(super) fn after(&self, after: u64) -> Vec<u64> {
        self.retained.iter().map(|(offset, _)| *offset).filter(|offset| *offset > after).collect()
    }

    fn append(&mut self, now_ms: u64, event: Event, ends_ms: Option<u64>) {
        let version = ResourceVersion::new(self.epoch, self.head() + 1);
        self.events.push((Event { resource_version: Some(version), time: Some(WALL_MS), ..event }, ends_ms));
        self.retained.push((self.head(), now_ms));
    }

    fn expire(&mut self, now_ms: u64) -> u64 {
        let mut keys = 0;
        if self.is_state() {
            let ends = |topic: &Self, offset: u64| topic.events[offset as usize - 1].1.filter(|at_ms| *at_ms <= now_ms);
            let mut due: Vec<_> =
                self.fold().into_iter().filter_map(|offset| Some((ends(self, offset)?, offset))).collect();
            due.sort_unstable();
            keys = due.len() as u64;
            for (_, offset) in due {
                let key = self.event(offset).key.clone();
                self.append(now_ms, Event { r#type: EventType::Delete.into(), key, ..Event::default() }, None);
            }
        } else {
            let events = &self.events;
            self.retained.retain(|(offset, _)| events[*offset as usize - 1].1.is_none_or(|at_ms| at_ms > now_ms));
        }
        self.trim(now_ms);
        let window_ms = self.policy.idempotency.window_ms;
        self.keys.retain(|(.., at_ms)| at_ms + window_ms > now_ms);
        self.producers.retain(|producer| producer.heard_ms + window_ms > now_ms);
        keys
    }

    fn trim(&mut self, now_ms: u64) {
        let Policy { history_count, history_bytes, history_age_ms, .. } = self.policy;
        while let Some((oldest, appended_ms)) = self.retained.first().copied() {
            let bytes: u64 = self.retained.iter().map(|(offset, _)| bytes(self.event(*offset))).sum();
            if self.retained.len() as u64 <= history_count
                && bytes <= history_bytes
                && now_ms - appended_ms < history_age_ms
            {
                break;
            }
            self.floor = oldest;
            self.retained.remove(0);
        }
    }

    fn publish(&mut self, now_ms: u64, publish: &Publish) -> Result<Published, Refusal> {
        let body: Vec<_> =
            publish.publications.iter().map(|p| Publication { traceparent: None, ..p.clone() }).collect();
        let repeated = |result: &Result<Published, Refusal>| {
            result.clone().map(|published| Published { repeated: true, ..published })
        };
        let bounds = self.policy.idempotency;
        if let Some(Producer { id, sequence }) = &publish.producer {
            let full = self.producers.len() >= bounds.producers_max;
            let known = self.producers.iter_mut().find(|p| p.principal == publish.principal && p.id == *id);
            match known {
                None if full => return Err(Refusal::IdempotencyFull { retry_after_ms: 0 }),
                None => {}
                Some(producer) => {
                    producer.heard_ms = now_ms;
                    let expected = producer.results.last().map_or(0, |(last, ..)| last + 1);
                    if let Some((_, stored, result)) = producer.results.iter().find(|(stored, ..)| stored == sequence) {
                        return if *stored == body { repeated(result) } else { Err(Refusal::IdempotencyMismatch) };
                    }
                    if *sequence != expected {
                        return Err(Refusal::OutOfSequence { expected });
                    }
                }
            }
        }
        let known = publish.idempotency_key.as_ref().and_then(|key| {
            self.keys.iter().find(|(principal, stored, ..)| *principal == publish.principal && stored == key)
        });
        let result = match known {
            Some((_, _, stored, published, _)) if *stored == body => repeated(&Ok(*published)),
            Some(_) => Err(Refusal::IdempotencyMismatch),
            None if publish.idempotency_key.is_some() && self.keys.len() >= bounds.entries_max => {
                return Err(Refusal::IdempotencyFull { retry_after_ms: 0 });
            }
            None => self.try_append(now_ms, publish),
        };
        if let (Some(key), Ok(published)) = (&publish.idempotency_key, &result)
            && !published.repeated
        {
            self.keys.push((publish.principal.clone(), key.clone(), body.clone(), *published, now_ms));
        }
        if let Some(Producer { id, sequence }) = &publish.producer {
            self.remember(now_ms, &publish.principal, id, (*sequence, body, result.clone()));
        }
        result
    }

    fn remember(
        &mut self,
        now_ms: u64,
        principal: &str,
        id: &str,
        result: (u64, Vec<Publication>, Result<Published, Refusal>),
    ) {
        let kept = self.policy.idempotency.producer_results_max;
        let known = self.producers.iter_mut().find(|p| p.principal == principal && p.id == id);
        match known {
            Some(producer) => {
                producer.results.push(result);
                producer.results.drain(..producer.results.len().saturating_sub(kept));
            }
            None => self.producers.push(ModelProducer {
                principal: principal.to_owned(),
                id: id.to_owned(),
                heard_ms: now_ms,
                results: vec![result],
            }),
        }
    }

    /// All or nothing: tried on a copy, one publication after the other.
    fn try_append(&mut self, now_ms: u64, publish: &Publish) -> Result<Published, Refusal> {
        let mut tried = self.clone();
        for publication in &publish.publications {
            tried.append_one(now_ms, publish, publication)?;
        }
        tried.trim(now_ms);
        let first_offset = self.head() + 1;
        *self = tried;
        let count = publish.publications.len() as u32;
        Ok(Published { epoch: self.epoch, first_offset, count, repeated: false })
    }

    fn append_one(&mut self, now_ms: u64, publish: &Publish, publication: &Publication) -> Result<(), Refusal> {
        let Publication { data, key, delete, .. } = publication;
        let size = data.as_ref().map_or(0, Bytes::len) + key.as_ref().map_or(0, String::len);
        let bytes_max = self.policy.publication_bytes_max;
        if size as u64 > bytes_max {
            return Err(Refusal::PublicationTooLarge { bytes: size as u64, bytes_max });
        }
        let current = match (self.is_state(), key) {
            (false, _) if *delete => return Err(Refusal::WrongKind(KindFault::DeleteNotTaken)),
            (false, Some(_)) => return Err(Refusal::WrongKind(KindFault::KeyNotTaken)),
            (true, None) => return Err(Refusal::WrongKind(KindFault::KeyMissing)),
            (false, None) => self.head(),
            (true, Some(_)) => self.fold().into_iter().find(|offset| self.event(*offset).key == *key).unwrap_or(0),
        };
        let current = if current == 0 { ResourceVersion::NONE } else { ResourceVersion::new(self.epoch, current) };
        if let Some(wanted) = publication.if_version
            && wanted != current
            && !(wanted.offset == 0 && current.is_none())
        {
            return Err(Refusal::VersionConflict { current });
        }
        let event = Event {
            r#type: if *delete { EventType::Delete } else { EventType::Put }.into(),
            key: key.clone(),
            data: data.clone().filter(|_| !delete),
            publisher: publish.publisher.clone(),
            traceparent: publication.traceparent.clone(),
            ..Event::default()
        };
        self.append(now_ms, event, publication.ttl_ms.filter(|_| !delete).map(|ttl_ms| now_ms + ttl_ms.max(1)));
        let Policy { keys_max, fold_bytes_max: bytes_max, .. } = self.policy;
        let fold = self.fold();
        let folded: u64 = fold.iter().map(|offset| bytes(self.event(*offset))).sum();
        if self.is_state() && !delete && (fold.len() as u64 > keys_max || folded > bytes_max) {
            return Err(Refusal::TopicFull { keys_max, bytes_max });
        }
        Ok(())
    }
}

/// What `history_bytes` counts, for the members that the property uses.
fn bytes(event: &Event) -> u64 {
    let texts = [&event.key, &event.publisher, &event.traceparent];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    (event.data.as_ref().map_or(0, Bytes::len) + texts + 256) as u64
}
