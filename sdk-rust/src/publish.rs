//! Publishing: one publication, or several at once.
//!
//! Publications of one client to one topic take effect in the order in which they were sent, once each: they carry a
//! producer's sequence, so that the client can repeat what got no answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fanfare_protocol::{Published, ResourceVersion, TopicName};

use crate::client::{Handle, Pending};
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::publication::Publication;
use crate::session::{Answer, raw_bytes};

/// A publish to be. Made by [`Topic::publish`](crate::Topic::publish) and its siblings.
#[derive(Debug)]
#[must_use = "nothing is published until `send`"]
pub struct Publish {
    request: Request,
    publication: Publication,
}

/// A publish of several, all or nothing. Made by [`Topic::publish_all`](crate::Topic::publish_all).
#[derive(Debug)]
#[must_use = "nothing is published until `send`"]
pub struct PublishAll {
    request: Request,
    publications: Vec<Publication>,
}

#[derive(Debug)]
struct Request {
    handle: Arc<Handle>,
    topic: Result<TopicName, Error>,
    idempotency_key: Option<String>,
}

impl Publish {
    pub(crate) fn new(handle: Arc<Handle>, topic: Result<TopicName, Error>, publication: Publication) -> Self {
        Self { request: Request { handle, topic, idempotency_key: None }, publication }
    }

    /// See [`Publication::key`].
    pub fn key(self, key: impl Into<String>) -> Self {
        self.with(|publication| publication.key(key))
    }

    /// See [`Publication::attribute`].
    pub fn attribute(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|publication| publication.attribute(name, value))
    }

    /// See [`Publication::ttl`].
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|publication| publication.ttl(ttl))
    }

    /// See [`Publication::if_version`].
    pub fn if_version(self, version: ResourceVersion) -> Self {
        self.with(|publication| publication.if_version(version))
    }

    /// See [`Publication::origin_time_ms`].
    pub fn origin_time_ms(self, ms: i64) -> Self {
        self.with(|publication| publication.origin_time_ms(ms))
    }

    /// See [`Publication::traceparent`].
    pub fn traceparent(self, traceparent: impl Into<String>) -> Self {
        self.with(|publication| publication.traceparent(traceparent))
    }

    /// A key under which the same publish, sent again even by another program, is answered as the first time.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.request.idempotency_key = Some(key.into());
        self
    }

    /// Queues the publication now, in the order of these calls, and gives a future of its version. Dropping the future
    /// does not take the publication back. Without a connection it waits for one.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the node's code; [`ErrorKind::QueueFull`] and [`ErrorKind::TooLarge`], after which
    /// nothing was sent; [`ErrorKind::Timeout`] and [`ErrorKind::Closed`], after which it may have been.
    pub fn send(self) -> impl Future<Output = Result<ResourceVersion, Error>> + Send + 'static {
        let Self { request, publication } = self;
        let pending = publication.into_wire().and_then(|publication| request.send(Some(publication), Vec::new()));
        async move {
            let published = pending?.answer().await.and_then(published)?;
            published.resource_version.ok_or_else(misfit)
        }
    }

    fn with(mut self, change: impl FnOnce(Publication) -> Publication) -> Self {
        self.publication = change(self.publication);
        self
    }
}

impl PublishAll {
    pub(crate) fn new(handle: Arc<Handle>, topic: Result<TopicName, Error>, publications: Vec<Publication>) -> Self {
        Self { request: Request { handle, topic, idempotency_key: None }, publications }
    }

    /// As [`Publish::idempotency_key`]; one key covers all.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.request.idempotency_key = Some(key.into());
        self
    }

    /// As [`Publish::send`], with the versions in the order of the publications.
    ///
    /// # Errors
    /// As [`Publish::send`]. A batch has to fit into one frame.
    pub fn send(self) -> impl Future<Output = Result<Vec<ResourceVersion>, Error>> + Send + 'static {
        let Self { request, publications } = self;
        let publications: Result<Vec<_>, _> = publications.into_iter().map(Publication::into_wire).collect();
        let pending = publications.and_then(|publications| request.send(None, publications));
        async move { Ok(pending?.answer().await.and_then(published)?.resource_versions) }
    }
}

impl Request {
    fn send(
        self,
        publication: Option<fanfare_protocol::Publication>,
        publications: Vec<fanfare_protocol::Publication>,
    ) -> Result<Pending, Error> {
        let Self { handle, topic, idempotency_key } = self;
        let topic = topic?.as_str().to_owned();
        let bytes = publications.iter().chain(&publication).map(raw_bytes).sum();
        let publication = publication.map(Box::new);
        let publish =
            fanfare_protocol::Publish { topic, publication, publications, idempotency_key, ..Default::default() };
        Pending::ask(&handle, bytes, |ticket, reply| Command::Publish(ticket, Box::new(publish), reply))
    }
}

fn published(answer: Answer) -> Result<Published, Error> {
    match answer {
        Answer::Published(published) => Ok(published),
        Answer::Page(_) => Err(misfit()),
    }
}

fn misfit() -> Error {
    Error::with_context(ErrorKind::Protocol, "a publish was answered without its version")
}
