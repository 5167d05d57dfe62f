//! What a watch delivers, and what a page of history holds.

use std::collections::BTreeMap;

use bytes::Bytes;
use fanfare_protocol::{ContentType, EventType, ResourceVersion};
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A publication; of a `state` topic the new value of its key.
    Put,
    /// A key of a `state` topic was deleted.
    Delete,
    /// A JSON merge patch (RFC 7396) against the previous value of the key. Watches deliver the [`Put`](Self::Put) that
    /// it stands for.
    Patch,
    /// The line could not be continued: forget what was built from it, a snapshot follows. [`Event::error`] says why:
    /// [`Code::Gone`](crate::Code::Gone) when the watch was away for longer than the topic retains,
    /// [`Code::EpochChanged`](crate::Code::EpochChanged) when the topic began anew.
    Gone,
    /// The snapshot is complete; what follows is live.
    SnapshotEnd,
    /// Something went wrong with the view, which goes on: for instance could not be changed as
    /// [`Watch::update`](crate::Watch::update) asked. [`Event::error`] says what.
    Failure,
    /// From here on the watch shows what [`Watch::update`](crate::Watch::update) asked for last. Unless
    /// [`Event::is_resumed`], forget what was built from it, a snapshot follows.
    ViewChanged,
}

/// An event of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    kind: EventKind,
    is_limited: bool,
    is_resumed: bool,
    error: Option<Error>,
    wire: fanfare_protocol::Event,
}

/// What an event takes in memory besides its bytes, roughly: the struct, its strings and its place in a buffer.
const EVENT_OVERHEAD_BYTES: usize = 512;

impl Event {
    /// An event as it came; `None` for bookmarks, which move cursors only, and for types of later versions.
    pub(crate) fn read(wire: &fanfare_protocol::Event) -> Option<Self> {
        let kind = match wire.r#type() {
            EventType::Put => EventKind::Put,
            EventType::Delete => EventKind::Delete,
            EventType::Patch => EventKind::Patch,
            EventType::Gone => EventKind::Gone,
            EventType::SnapshotEnd => EventKind::SnapshotEnd,
            EventType::Failure => EventKind::Failure,
            EventType::Bookmark | EventType::Unspecified => return None,
        };
        let mut wire = wire.clone();
        // A slice would keep the whole frame in memory for as long as the caller keeps the event.
        wire.data = wire.data.map(|data| Bytes::copy_from_slice(&data));
        let error = wire.error.take().map(|error| Error::from(*error));
        Some(Self { kind, is_limited: false, is_resumed: false, error, wire })
    }

    pub(crate) fn gone(error: Error) -> Self {
        let wire = fanfare_protocol::Event { r#type: EventType::Gone.into(), ..Default::default() };
        Self { kind: EventKind::Gone, is_limited: false, is_resumed: false, error: Some(error), wire }
    }

    pub(crate) fn failure(error: Error) -> Self {
        let wire = fanfare_protocol::Event { r#type: EventType::Failure.into(), ..Default::default() };
        Self { kind: EventKind::Failure, is_limited: false, is_resumed: false, error: Some(error), wire }
    }

    pub(crate) fn view_changed(is_resumed: bool) -> Self {
        let wire = fanfare_protocol::Event::default();
        Self { kind: EventKind::ViewChanged, is_limited: false, is_resumed, error: None, wire }
    }

    pub(crate) fn snapshot_end(version: ResourceVersion, is_limited: bool) -> Self {
        let kind = EventType::SnapshotEnd.into();
        let wire = fanfare_protocol::Event { r#type: kind, resource_version: Some(version), ..Default::default() };
        Self { kind: EventKind::SnapshotEnd, is_limited, is_resumed: false, error: None, wire }
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Its version: watching after it resumes right behind it. `0.0` of [`Gone`](EventKind::Gone) and
    /// [`Failure`](EventKind::Failure), which have none.
    #[must_use]
    pub fn version(&self) -> ResourceVersion {
        self.wire.resource_version.unwrap_or(ResourceVersion::NONE)
    }

    /// The key, of `state` topics.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.wire.key.as_deref()
    }

    /// The data as published: JSON text, or any bytes where [`Event::is_json`] says no. Empty if there is none.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.wire.data.as_deref().unwrap_or_default()
    }

    /// Whether the data is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.wire.data.is_some() && self.wire.content_type() == ContentType::Json
    }

    /// The data as a `T`.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] when there is none, when it is bytes and not JSON, or when it is no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.is_json() {
            return Err(Error::with_context(ErrorKind::Data, "there is no JSON in this event"));
        }
        serde_json::from_slice(self.data()).map_err(|error| Error::with_source(ErrorKind::Data, error))
    }

    /// The attributes that it was published with.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.wire.attributes
    }

    /// `sub` of the publisher's token.
    #[must_use]
    pub fn publisher(&self) -> Option<&str> {
        self.wire.publisher.as_deref()
    }

    /// The connection that published it, if it was published on a session.
    #[must_use]
    pub fn connection_id(&self) -> Option<&str> {
        self.wire.connection_id.as_deref()
    }

    /// Milliseconds since 1970 by the wall clock of the node that accepted it. Versions make the order, never this.
    #[must_use]
    pub fn time_ms(&self) -> Option<i64> {
        self.wire.time
    }

    /// Milliseconds since 1970 at the source, as the publisher gave it.
    #[must_use]
    pub fn origin_time_ms(&self) -> Option<i64> {
        self.wire.origin_time
    }

    /// The W3C Trace Context that it was published with.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.wire.traceparent.as_deref()
    }

    /// Of [`SnapshotEnd`](EventKind::SnapshotEnd): the topic retains older publications than the snapshot's first;
    /// [`Topic::history`](crate::Topic::history) has them.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Of [`ViewChanged`](EventKind::ViewChanged): the watch goes on where it was, without a snapshot.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Why, of [`Gone`](EventKind::Gone) and [`Failure`](EventKind::Failure).
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The event as the protocol has it, for instance to write it as JSON with `fanfare_protocol::json`.
    #[must_use]
    pub fn to_wire(&self) -> fanfare_protocol::Event {
        let error = self.error.as_ref().and_then(Error::wire).cloned().map(Box::new);
        fanfare_protocol::Event { error, ..self.wire.clone() }
    }

    /// The data, shared, if it is JSON.
    pub(crate) fn json_bytes(&self) -> Option<Bytes> {
        self.wire.data.clone().filter(|_| self.is_json())
    }

    /// A patch becomes the put that it stands for.
    pub(crate) fn make_whole(&mut self, data: Bytes) {
        self.kind = EventKind::Put;
        self.wire.r#type = EventType::Put.into();
        self.wire.data = Some(data);
    }

    /// What it takes in memory, roughly.
    pub(crate) fn weight_bytes(&self) -> usize {
        let wire = &self.wire;
        let attributes: usize = wire.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.data().len() + wire.key.as_ref().map_or(0, String::len) + attributes + EVENT_OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(data: &'static str) -> Event {
        let data = Some(Bytes::from_static(data.as_bytes()));
        Event::read(&fanfare_protocol::Event { r#type: EventType::Put.into(), data, ..Default::default() }).unwrap()
    }

    #[test]
    fn data_is_read_as_what_the_caller_expects_or_refused_with_a_kind() {
        assert_eq!(put("[1,2]").json::<Vec<u8>>().unwrap(), [1, 2]);
        assert_eq!(put("{}").json::<Vec<u8>>().unwrap_err().kind(), ErrorKind::Data);
        let deleted = fanfare_protocol::Event { r#type: EventType::Delete.into(), ..Default::default() };
        assert_eq!(Event::read(&deleted).unwrap().json::<u8>().unwrap_err().kind(), ErrorKind::Data);
    }

    /// W13: unknown types are skipped.
    #[test]
    fn bookmarks_and_types_of_later_versions_are_no_events() {
        for kind in [EventType::Bookmark as i32, 0, 99] {
            let wire = fanfare_protocol::Event { r#type: kind, ..Default::default() };
            assert_eq!(Event::read(&wire), None);
        }
    }

    #[test]
    fn why_a_line_is_gone_survives_the_way_back_to_the_wire() {
        let error = fanfare_protocol::Error::of(fanfare_protocol::Code::Gone);
        let event = Event::gone(error.clone().into());
        assert_eq!(event.to_wire().error, Some(Box::new(error)));
    }
}
