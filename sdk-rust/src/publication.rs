//! What is published, before it has a version.

use std::time::Duration;

use bytes::Bytes;
use fanfare_protocol::{ContentType, ResourceVersion};
use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// A publication to be. [`Topic::publish`](crate::Topic::publish) makes one by itself; several at once are made here.
#[derive(Clone, Debug)]
pub struct Publication(Result<fanfare_protocol::Publication, Error>);

impl Publication {
    /// Of JSON. Data that cannot be written as JSON is told when it is sent.
    #[must_use]
    pub fn json<T: Serialize>(data: T) -> Self {
        let written = serde_json::to_vec(&data).map_err(|error| Error::with_source(ErrorKind::Input, error));
        Self(written.map(|data| fanfare_protocol::Publication { data: Some(data.into()), ..Default::default() }))
    }

    /// Of bytes that are not JSON.
    #[must_use]
    pub fn bytes(data: impl Into<Bytes>) -> Self {
        let content_type = ContentType::Bytes.into();
        let data = Some(data.into());
        Self(Ok(fanfare_protocol::Publication { data, content_type, ..Default::default() }))
    }

    /// That deletes a key of a `state` topic.
    #[must_use]
    pub fn delete(key: impl Into<String>) -> Self {
        Self(Ok(fanfare_protocol::Publication { delete: true, ..Default::default() })).key(key)
    }

    /// The key whose value it is, in a `state` topic.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.with(|publication| publication.key = Some(key.into()))
    }

    /// An attribute, which filters can look at without reading the data.
    #[must_use]
    pub fn attribute(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|publication| {
            publication.attributes.insert(name.into(), value.into());
        })
    }

    /// How long it lives: then the key is deleted, or a publication of a `stream` leaves the history.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|publication| publication.ttl_ms = Some(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Refused with `VERSION_CONFLICT` unless this is the current version, of the key or else of the topic. `EPOCH.0`
    /// and `0.0` mean that there must be none.
    #[must_use]
    pub fn if_version(self, version: ResourceVersion) -> Self {
        self.with(|publication| publication.if_version = Some(version))
    }

    /// Milliseconds since 1970 at the source; handed on, never looked at.
    #[must_use]
    pub fn origin_time_ms(self, ms: i64) -> Self {
        self.with(|publication| publication.origin_time = Some(ms))
    }

    /// A W3C Trace Context, handed on to whoever watches.
    #[must_use]
    pub fn traceparent(self, traceparent: impl Into<String>) -> Self {
        self.with(|publication| publication.traceparent = Some(traceparent.into()))
    }

    pub(crate) fn into_wire(self) -> Result<fanfare_protocol::Publication, Error> {
        self.0
    }

    fn with(mut self, change: impl FnOnce(&mut fanfare_protocol::Publication)) -> Self {
        if let Ok(publication) = &mut self.0 {
            change(publication);
        }
        self
    }
}
