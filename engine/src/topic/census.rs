//! What the topics of each namespace take, so that the door can refuse to create more than may exist and to store more
//! than a namespace may hold.
//!
//! Told by the shards as they commit, asked before a publish. The number of topics is exact but for what is in flight:
//! under a burst of creations a bound may be passed by as many as are being created at that moment. Bytes are only ever
//! added here, because what retention frees is known to the shards alone; so before anyone is refused for them, the
//! shards are asked. That costs some microseconds, once for each time that a namespace has written the rest of its quota.

use std::collections::BTreeMap;

use fanfare_protocol::{Code, Error, Event, Publication};
use parking_lot::Mutex;

use crate::hash::HashMap;
use crate::log::rows::Usage;
use crate::log::{Committed, Kind, Policies, Policy};

/// What an event takes beside its data, key and attributes.
const EVENT_OVERHEAD_BYTES: u64 = 256;

/// What a publisher is told to wait for a namespace that is full: retention frees what grows old, and people delete.
const QUOTA_RETRY_MS: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub struct Census {
    topics_max: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    topics: u64,
    by_policy: HashMap<String, Usage>,
}

impl From<BTreeMap<String, Usage>> for Counts {
    fn from(usage: BTreeMap<String, Usage>) -> Self {
        Self { topics: usage.values().map(|usage| usage.topics).sum(), by_policy: usage.into_iter().collect() }
    }
}

impl Counts {
    fn of(&self, policy: &Policy) -> Usage {
        self.by_policy.get(&policy.name).copied().unwrap_or_default()
    }
}

impl Census {
    /// Begins with what the shards hold, by the policy that counts it; at most `topics_max` topics may come to be, all
    /// namespaces together.
    #[must_use]
    pub fn new(topics_max: usize, usage: BTreeMap<String, Usage>) -> Self {
        Self { topics_max: topics_max as u64, counts: Mutex::new(usage.into()) }
    }

    /// Counts what was created, deleted and published.
    pub fn count(&self, batches: &[Committed], policies: &Policies) {
        let mut counts = self.counts.lock();
        for committed in batches {
            let policy = policies.of(committed.topic.namespace());
            let change = |count: u64| match (committed.created, committed.deleted) {
                (true, false) => count + 1,
                (false, true) => count.saturating_sub(1),
                (true, true) | (false, false) => count,
            };
            counts.topics = change(counts.topics);
            if !counts.by_policy.contains_key(&policy.name) {
                counts.by_policy.insert(policy.name.clone(), Usage::default());
            }
            if let Some(usage) = counts.by_policy.get_mut(&policy.name) {
                usage.topics = change(usage.topics);
                usage.bytes += committed.events.iter().map(|event| growth(event, policy.kind)).sum::<u64>();
            }
        }
    }

    /// Whether publications to a topic may be stored under a policy: the topic created if it `is_new`, which is only asked
    /// where one more would be too many; and before retention makes room for them. `recount` asks the shards what they hold,
    /// and is asked when there seems to be no room. Deletes of keys always may: they are a way out.
    ///
    /// # Errors
    /// `TOO_MANY_TOPICS`, `QUOTA_EXCEEDED`, those of `is_new`.
    pub fn admit(
        &self,
        policy: &Policy,
        publications: &[Publication],
        is_new: impl FnOnce() -> Result<bool, Error>,
        recount: impl FnOnce() -> BTreeMap<String, Usage>,
    ) -> Result<(), Error> {
        let bytes: u64 = publications.iter().filter(|publication| !publication.delete).map(weight).sum();
        let fits = |usage: Usage| usage.bytes.saturating_add(bytes) <= policy.bytes_max;
        let (usage, topics) = {
            let counts = self.counts.lock();
            (counts.of(policy), counts.topics)
        };
        if let Some(refused) = self.full_of_topics(policy, usage.topics, topics)
            && is_new()?
        {
            return Err(refused);
        }
        if bytes == 0 || fits(usage) {
            return Ok(());
        }
        // Not under the lock: who commits has to count meanwhile. What it counts between the two is seen next time.
        let counted = Counts::from(recount());
        let is_room = fits(counted.of(policy));
        *self.counts.lock() = counted;
        if is_room {
            return Ok(());
        }
        let Policy { name, bytes_max, .. } = policy;
        let message =
            format!("the namespace `{name}` holds nearly {bytes_max} bytes, as many as it may (its `bytes_max`)");
        Err(Error::of(Code::QuotaExceeded).with_message(message).with_retry_after_ms(QUOTA_RETRY_MS))
    }

    /// What a topic too many is told: with so many under its policy, and on the node.
    fn full_of_topics(&self, policy: &Policy, under_policy: u64, on_node: u64) -> Option<Error> {
        let message = if under_policy >= policy.topics_max {
            let Policy { name, topics_max, .. } = policy;
            format!("the namespace `{name}` has {topics_max} topics, as many as it may (its `topics_max`)")
        } else if on_node >= self.topics_max {
            format!("the node has {} topics, as many as it may (`limits.topics_max`)", self.topics_max)
        } else {
            return None;
        };
        Some(Error::of(Code::TooManyTopics).with_message(message))
    }
}

/// What an event adds at most: a put of a `state` topic stands in the history and in the fold.
fn growth(event: &Event, kind: Kind) -> u64 {
    let Event { data, key, attributes, .. } = event;
    let bytes = bytes(data.as_ref().map_or(0, bytes::Bytes::len), key.as_deref(), attributes);
    if kind == Kind::State { bytes * 2 } else { bytes }
}

fn weight(publication: &Publication) -> u64 {
    let Publication { data, key, attributes, .. } = publication;
    bytes(data.as_ref().map_or(0, bytes::Bytes::len), key.as_deref(), attributes)
}

fn bytes(data_bytes: usize, key: Option<&str>, attributes: &BTreeMap<String, String>) -> u64 {
    let attributes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    (data_bytes + key.map_or(0, str::len) + attributes) as u64 + EVENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use fanfare_protocol::{ResourceVersion, TopicName};

    use super::*;

    fn committed(topic: &str, created: bool, deleted: bool) -> Committed {
        let version = ResourceVersion::new(1, 1);
        let topic = TopicName::parse(topic).unwrap();
        Committed {
            index: 1,
            topic,
            created,
            after: version,
            through: version,
            events: Vec::new(),
            replaced: Vec::new(),
            deleted,
        }
    }

    fn event(bytes: usize) -> Arc<Event> {
        Arc::new(Event { data: Some(Bytes::from(vec![b'1'; bytes])), ..Event::default() })
    }

    fn publication(bytes: usize) -> Publication {
        Publication { data: Some(Bytes::from(vec![b'1'; bytes])), ..Publication::default() }
    }

    /// A publish that would create its topic.
    fn admit(census: &Census, policy: &Policy) -> Result<(), Error> {
        census.admit(policy, &[publication(1)], || Ok(true), || unreachable!("there is room for its bytes"))
    }

    /// A publish to a topic that is there.
    fn admit_bytes(
        census: &Census,
        policy: &Policy,
        publications: &[Publication],
        recount: impl FnOnce() -> BTreeMap<String, Usage>,
    ) -> Result<(), Error> {
        census.admit(policy, publications, || unreachable!("there is room for a topic"), recount)
    }

    fn empty(topics_max: usize) -> Census {
        Census::new(topics_max, BTreeMap::new())
    }

    fn usage(policy: &str, topics: u64, bytes: u64) -> BTreeMap<String, Usage> {
        BTreeMap::from([(policy.to_owned(), Usage { topics, bytes })])
    }

    #[test]
    fn a_policy_counts_its_own_topics_and_the_node_all() {
        let two = Policy { topics_max: 2, ..Policy::new("two", Kind::Stream) };
        let policies = Policies::new([two.clone()]);
        let census = empty(3);
        census.count(&[committed("two:a", true, false), committed("two:b", true, false)], &policies);
        assert_eq!(admit(&census, &two).unwrap_err().known_code(), Some(Code::TooManyTopics));
        assert!(admit(&census, policies.of("other")).is_ok());
        census.count(&[committed("other:a", true, false)], &policies);
        assert!(admit(&census, policies.of("other")).is_err());
        census.count(&[committed("two:a", false, true)], &policies);
        assert!(admit(&census, &two).is_ok());
    }

    #[test]
    fn a_topic_that_is_there_takes_publications_when_no_other_may_be_created() {
        let one = Policy { topics_max: 1, ..Policy::new("one", Kind::Stream) };
        let census = Census::new(10, usage("one", 1, 0));
        let held = || unreachable!("there is room for its bytes");
        assert!(census.admit(&one, &[publication(1)], || Ok(false), held).is_ok());
    }

    #[test]
    fn what_was_created_and_deleted_in_one_entry_changes_nothing() {
        let census = empty(1);
        let policies = Policies::default();
        census.count(&[committed("a", true, true)], &policies);
        assert!(admit(&census, policies.of("a")).is_ok());
    }

    #[test]
    fn what_the_shards_hold_counts_from_the_start() {
        let one = Policy { topics_max: 1, ..Policy::new("one", Kind::Stream) };
        assert!(admit(&Census::new(10, usage("one", 1, 0)), &one).is_err());
        assert!(admit(&Census::new(1, usage("other", 1, 0)), &one).is_err());
    }

    #[test]
    fn a_publish_that_would_pass_the_quota_is_told_to_wait() {
        let policy = Policy { bytes_max: 1_000, ..Policy::new("a", Kind::Stream) };
        let census = Census::new(10, usage("a", 1, 400));
        let held = || usage("a", 1, 400);
        assert!(admit_bytes(&census, &policy, &[publication(344)], held).is_ok(), "400 + 344 + 256");
        let refused = admit_bytes(&census, &policy, &[publication(345)], held).unwrap_err();
        assert_eq!((refused.known_code(), refused.retry_after_ms), (Some(Code::QuotaExceeded), Some(QUOTA_RETRY_MS)));
        let deletes = [Publication { key: Some("k".to_owned()), delete: true, ..Publication::default() }];
        let full = Census::new(10, usage("a", 1, 5_000));
        assert!(admit_bytes(&full, &policy, &deletes, || usage("a", 1, 5_000)).is_ok());
    }

    #[test]
    fn the_shards_are_asked_only_when_there_seems_to_be_no_room() {
        let policy = Policy { bytes_max: 2_000, ..Policy::new("a", Kind::Stream) };
        let policies = Policies::new([policy.clone()]);
        let census = empty(10);
        let never = || unreachable!("there is room");
        assert!(admit_bytes(&census, &policy, &[publication(100)], never).is_ok());
        let batch = Committed { events: vec![event(1_000)], ..committed("a:x", true, false) };
        census.count(std::slice::from_ref(&batch), &policies);
        assert!(admit_bytes(&census, &policy, &[publication(100)], never).is_ok());
        census.count(&[Committed { created: false, ..batch }], &policies);
        // Retention has let go of the first: the shards know, the census does not.
        assert!(admit_bytes(&census, &policy, &[publication(100)], || usage("a", 1, 1_256)).is_ok());
        assert!(admit_bytes(&census, &policy, &[publication(100)], never).is_ok(), "it has learned it");
    }

    #[test]
    fn a_put_of_a_state_topic_counts_in_history_and_fold() {
        let policy = Policy { bytes_max: 1_000, ..Policy::new("a", Kind::State) };
        let policies = Policies::new([policy.clone()]);
        let census = empty(10);
        census.count(&[Committed { events: vec![event(200)], ..committed("a:x", true, false) }], &policies);
        assert!(admit_bytes(&census, &policy, &[publication(1)], || usage("a", 1, 912)).is_err());
    }
}
