//! Bringing what is declared to the shards, and moving namespaces from one lane to the other: after every change, and
//! after a start for whatever a crash left behind.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fanfare_cluster::meta::{MetaError, Refused};
use fanfare_cluster::{StateFault, Unavailable};
use fanfare_protocol::TopicName;

use super::change;
use super::declared::{self, BadTable, Declared};
use super::registry::{Namespaces, Progress};
use crate::log::{Answer, DeleteTopic, Durability, Policies, Policy, SetPolicies};

/// Topics that are ended at a time: some milliseconds of a node's work, so that others are not held up.
const TOPICS_AT_ONCE: usize = 512;

/// The first pause after something failed, and the longest; each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Why it is not done yet.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StateFault),
    #[error(transparent)]
    Table(#[from] BadTable),
    #[error("the meta group refuses the row of a namespace: {0}")]
    Refused(Refused),
    #[error("{count} shards do not take their policies")]
    Behind { count: usize },
    #[error("the topic `{topic}` cannot be ended")]
    Topic { topic: TopicName },
}

impl From<MetaError> for Unsettled {
    fn from(error: MetaError) -> Self {
        match error {
            MetaError::Refused(refused) => Self::Refused(refused),
            MetaError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl Namespaces {
    /// Settles whatever changes, until the node shuts down.
    pub async fn run(&self) {
        let mut changes = self.meta.changes();
        let mut pause = PAUSES.0;
        loop {
            changes.mark_unchanged();
            match self.settle().await {
                Ok(()) => {
                    pause = PAUSES.0;
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                Err(Unsettled::Unavailable(Unavailable::ShuttingDown)) => return,
                Err(why) => {
                    tracing::warn!(%why, ?pause, "not every shard follows its namespaces yet");
                    // A change may be what mends it.
                    let _ = tokio::time::timeout(pause, changes.changed()).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// Until nothing is left to do.
    async fn settle(&self) -> Result<(), Unsettled> {
        loop {
            let declared = Arc::new(Declared::read(&self.meta.namespaces())?);
            self.lanes.follow(declared.policies());
            self.tell(&declared).await?;
            self.progress.send_replace(Progress { told: Arc::clone(&declared) });
            let Some((policy, version, _)) = declared.moving() else { return Ok(()) };
            if !self.end_topics(&declared, policy).await? {
                continue;
            }
            tracing::info!(namespace = policy.name, "all topics were ended, the namespace changes its durability");
            let moved = declared::value(&change::moved(policy));
            match self.meta.put_namespace(&policy.name, moved, Some(version)).await {
                // Someone wished for something else meanwhile.
                Ok(_) | Err(MetaError::Refused(Refused::Conflict { .. })) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Tells every shard that has older policies, all at once.
    async fn tell(&self, declared: &Declared) -> Result<(), Unsettled> {
        let version = declared.version();
        let command = SetPolicies::new(version, declared.policies()).into_command();
        let outdated = || {
            let of = |lane| self.lanes.outdated(lane, version).into_iter().map(move |shard| (lane, shard));
            Durability::ALL.into_iter().flat_map(of)
        };
        let propose = |(lane, shard)| ((lane, shard), self.lanes.propose(lane, shard, command.clone()));
        let proposals: Vec<_> = outdated().map(propose).collect();
        let mut failed = HashSet::new();
        for (shard, proposal) in proposals {
            match proposal.await {
                Ok(_) => {}
                // It serves no one until the node restarts, and is told then: it must not hold up the others.
                Err(Unavailable::StorageFault | Unavailable::Stopped) => drop(failed.insert(shard)),
                Err(why) => return Err(why.into()),
            }
        }
        match outdated().filter(|shard| !failed.contains(shard)).count() {
            0 => Ok(()),
            count => Err(Unsettled::Behind { count }),
        }
    }

    /// Ends all topics that a policy covers, in the lane that it has; false when the table changed meanwhile.
    async fn end_topics(&self, declared: &Declared, policy: &Policy) -> Result<bool, Unsettled> {
        let prefixes = match policy.name.as_str() {
            // Whatever is not declared; names that begin with `_` are listed apart.
            Policies::DEFAULT => vec![String::new(), "_".to_owned()],
            name => vec![format!("{name}:")],
        };
        for prefix in prefixes {
            let mut after: Option<TopicName> = None;
            loop {
                let page = self.lanes.list(&prefix, after.as_ref().map(TopicName::as_str), TOPICS_AT_ONCE).await?;
                let Some(last) = page.last().cloned() else { break };
                let covered = |topic: &TopicName| declared.policies().of(topic.namespace()).name == policy.name;
                self.end(policy.durability, page.into_iter().filter(covered)).await?;
                after = Some(last);
                if self.meta.namespaces().version() != declared.version() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn end(&self, lane: Durability, topics: impl Iterator<Item = TopicName>) -> Result<(), Unsettled> {
        let propose = |topic: TopicName| {
            let command = DeleteTopic { topic: topic.as_str().to_owned() }.into_command();
            (self.lanes.propose(lane, self.lanes.shard_of(&topic), command), topic)
        };
        let proposals: Vec<_> = topics.map(propose).collect();
        for (proposal, topic) in proposals {
            match Answer::decode(proposal.await?) {
                // Refused: it had ended already.
                Ok(Answer::Deleted(_) | Answer::Refused(_)) => {}
                Ok(Answer::Published(_) | Answer::Expired(_) | Answer::PoliciesSet(_)) | Err(_) => {
                    return Err(Unsettled::Topic { topic });
                }
            }
        }
        Ok(())
    }
}
