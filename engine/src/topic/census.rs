//! How many topics there are, so that the door can refuse to create more than may exist.
//!
//! Told by the shards as they commit, asked before a publish that would create a topic. What is in flight between the
//! two is not seen: under a burst of creations a bound may be passed by as many as are being created at that moment.

use std::collections::HashMap;

use fanfare_protocol::{Code, Error};
use parking_lot::Mutex;

use crate::log::{Committed, Policies, Policy};

/// See the module.
#[derive(Debug)]
pub struct Census {
    topics_max: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    by_policy: HashMap<String, u64>,
}

impl Census {
    /// No topic yet; at most `topics_max` may come to be, all namespaces together.
    #[must_use]
    pub fn new(topics_max: usize) -> Self {
        Self { topics_max: topics_max as u64, counts: Mutex::default() }
    }

    /// Counts what was created and deleted.
    pub fn count(&self, batches: &[Committed], policies: &Policies) {
        for committed in batches.iter().filter(|c| c.created != c.deleted) {
            let policy = policies.of(committed.topic.namespace());
            let mut counts = self.counts.lock();
            let change = |count: u64| if committed.created { count + 1 } else { count.saturating_sub(1) };
            counts.total = change(counts.total);
            let of_policy = counts.by_policy.entry(policy.name.clone()).or_default();
            *of_policy = change(*of_policy);
        }
    }

    /// Whether one more topic may be created under a policy.
    ///
    /// # Errors
    /// `TOO_MANY_TOPICS`.
    pub fn admit(&self, policy: &Policy) -> Result<(), Error> {
        let counts = self.counts.lock();
        let of_policy = counts.by_policy.get(&policy.name).copied().unwrap_or_default();
        let (max, what) = if of_policy >= policy.topics_max {
            (policy.topics_max, policy.name.as_str())
        } else if counts.total >= self.topics_max {
            (self.topics_max, "the node")
        } else {
            return Ok(());
        };
        Err(Error::of(Code::TooManyTopics).with_message(format!("`{what}` has {max} topics, as many as it may")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Kind;
    use fanfare_protocol::{ResourceVersion, TopicName};

    fn committed(topic: &str, created: bool, deleted: bool) -> Committed {
        let version = ResourceVersion::new(1, 1);
        let topic = TopicName::parse(topic).unwrap();
        Committed { index: 1, topic, created, after: version, through: version, events: Vec::new(), deleted }
    }

    #[test]
    fn a_policy_counts_its_own_topics_and_the_node_all() {
        let two = Policy { topics_max: 2, ..Policy::new("two", Kind::Stream) };
        let policies = Policies::new([two.clone()]);
        let census = Census::new(3);
        census.count(&[committed("two:a", true, false), committed("two:b", true, false)], &policies);
        assert_eq!(census.admit(&two).unwrap_err().known_code(), Some(Code::TooManyTopics));
        assert!(census.admit(policies.of("other")).is_ok());
        census.count(&[committed("other:a", true, false)], &policies);
        assert!(census.admit(policies.of("other")).is_err());
        census.count(&[committed("two:a", false, true)], &policies);
        assert!(census.admit(&two).is_ok());
    }

    #[test]
    fn what_was_created_and_deleted_in_one_entry_changes_nothing() {
        let census = Census::new(1);
        let policies = Policies::default();
        census.count(&[committed("a", true, true)], &policies);
        assert!(census.admit(policies.of("a")).is_ok());
    }
}
