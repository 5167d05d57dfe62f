//! The door for publications: what arrives from a session or over HTTP becomes a command of a shard.
//!
//! Everything that can be judged without the topic's state is judged here, on the thread that read it. JSON is
//! validated and compacted here, once; nothing behind this door looks into it again.

use std::time::Instant;

use bytes::Bytes;
use fanfare_cluster::{Ticket, Unavailable};
use fanfare_protocol::{
    Code, ContentType, Error, Publication, Publish, Published, ResourceVersion, TopicName, compact, limits,
};

use super::fetch::faulted;
use super::plan;
use crate::log::{self, Answer};
use crate::namespace::takes_publications;
use crate::node::Node;
use crate::telemetry::Telemetry;

impl Node {
    /// Checks and proposes at once, in the caller's order. The ticket, drawn once nothing speaks against it, gets the shard's
    /// answer, for [`Publishing::end`].
    ///
    /// # Errors
    /// `BAD_TOPIC`, `MALFORMED`, `BAD_PARAMETER` and whatever else needs no look at the topic.
    pub fn publish(
        &self,
        publish: Publish,
        origin: Origin<'_>,
        ticket: impl FnOnce() -> Ticket<Bytes>,
    ) -> Result<Publishing, Error> {
        let topic = self.topic_of(&publish.topic)?;
        let policies = self.log.policies();
        let policy = policies.of(topic.namespace());
        takes_publications(policy)?;
        self.admit_write(policy.durability)?;
        let is_batch = publish.publication.is_none();
        let publications =
            publications(publish.publication, publish.publications, self.config.limits.batch_publications_max)?;
        let is_new = || Ok(self.log.head(&topic).map_err(|fault| faulted(&fault))?.is_none());
        self.census.admit(policy, &publications, is_new, || self.log.usage())?;
        let command = log::Publish {
            topic: topic.as_str().to_owned(),
            new_epoch: fastrand::u64(1..),
            publications,
            connection_id: origin.connection_id.map(str::to_owned),
            idempotency_key: publish.idempotency_key,
            producer: publish.producer,
            ..log::Publish::default()
        };
        self.propose_for(policy.durability, &topic, command.into_command(), ticket());
        Ok(Publishing { topic, is_batch, heard_at: origin.heard_at })
    }

    /// Ends a topic. Resolves to the last version of the epoch that ended.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such topic.
    pub async fn delete_topic(&self, topic: &TopicName) -> Result<ResourceVersion, Error> {
        let command = log::DeleteTopic { topic: topic.as_str().to_owned() };
        let answer = self.propose(topic, command.into_command()).await.map_err(unavailable)?;
        match Answer::decode(answer) {
            Ok(Answer::Deleted(deleted)) => Ok(ResourceVersion::new(deleted.epoch, deleted.offset)),
            Ok(Answer::Refused(refusal)) => Err(refusal.to_error(topic.as_str())),
            Ok(Answer::Published(_) | Answer::Expired(_) | Answer::PoliciesSet(_)) | Err(_) => {
                Err(Error::of(Code::Internal))
            }
        }
    }

    /// The topic of a request.
    ///
    /// # Errors
    /// See [`plan::topic`].
    pub fn topic_of(&self, name: &str) -> Result<TopicName, Error> {
        plan::topic(name)
    }
}

/// What a publish carries, sealed.
fn publications(
    one: Option<Box<Publication>>,
    several: Vec<Publication>,
    max: usize,
) -> Result<Vec<Publication>, Error> {
    let mut publications = match (one, several) {
        (Some(_), several) if !several.is_empty() => {
            return Err(bad("publications", "give one publication or `publications`, not both"));
        }
        (Some(one), _) => vec![*one],
        (None, several) => several,
    };
    if publications.is_empty() {
        return Err(bad("data", "there is nothing to publish"));
    }
    if publications.len() > max {
        return Err(bad("publications", &format!("at most {max} in one batch (`limits.batch_publications_max`)")));
    }
    publications.iter_mut().try_for_each(seal)?;
    Ok(publications)
}

/// Makes of a publication what is stored: its JSON valid and compact.
fn seal(publication: &mut Publication) -> Result<(), Error> {
    if publication.content_type() == ContentType::Json
        && let Some(data) = publication.data.take()
    {
        let compacted = compact(data, limits::JSON_DEPTH_MAX)
            .map_err(|e| Error::of(Code::Malformed).with_message(format!("`data`: {e}")))?;
        publication.data = Some(compacted);
    }
    Ok(())
}

/// Where a publish comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The connection, if it is one that others may know.
    pub connection_id: Option<&'a str>,
    /// When its bytes were there.
    pub heard_at: Instant,
}

/// A publish on its way.
#[derive(Debug)]
pub struct Publishing {
    topic: TopicName,
    is_batch: bool,
    heard_at: Instant,
}

impl Publishing {
    /// What the shard's answer, which came at `now`, means to whoever published.
    ///
    /// # Errors
    /// Why nothing was published; after `UNAVAILABLE`, `STORAGE_FAULT` or `NO_QUORUM` it may have been all the same.
    pub fn end(
        self,
        answer: Result<Bytes, Unavailable>,
        now: Instant,
        telemetry: &Telemetry,
    ) -> Result<Published, Error> {
        telemetry.commit.observe(now.saturating_duration_since(self.heard_at).as_secs_f64());
        match Answer::decode(answer.map_err(unavailable)?) {
            Ok(Answer::Published(published)) => {
                if published.repeated {
                    telemetry.publications_repeated.inc_by(u64::from(published.count));
                }
                let one = (!self.is_batch).then(|| published.first());
                let several = if self.is_batch { published.versions().collect() } else { Vec::new() };
                Ok(Published { resource_version: one, resource_versions: several })
            }
            Ok(Answer::Refused(refusal)) => Err(refusal.to_error(self.topic.as_str())),
            Ok(Answer::Deleted(_) | Answer::Expired(_) | Answer::PoliciesSet(_)) | Err(_) => {
                Err(Error::of(Code::Internal))
            }
        }
    }
}

/// What a shard that cannot answer means to a client.
#[must_use]
pub fn unavailable(why: Unavailable) -> Error {
    match why {
        Unavailable::Overloaded { retry_after_ms } => Error::of(Code::Overloaded).with_retry_after_ms(retry_after_ms),
        Unavailable::NoLeader { retry_after_ms } => Error::of(Code::NoQuorum).with_retry_after_ms(retry_after_ms),
        Unavailable::StorageFault => Error::of(Code::StorageFault),
        Unavailable::ShuttingDown => Error::of(Code::GoingAway),
        Unavailable::Stopped => Error::of(Code::Unavailable),
    }
}

fn bad(parameter: &str, message: &str) -> Error {
    Error::of(Code::BadParameter).with_parameter(parameter).with_message(message)
}
