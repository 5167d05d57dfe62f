//! EVENT and what it holds. Writing is the hot path of JSON subscribers: once per view and event, straight into the frame.

use std::sync::Arc;

use serde::de::MapAccess;

use super::data::{self, Content};
use super::serde_impls::serde_impls;
use super::{Members, Object, ToJson, Value};
use crate::codec::EventBatchRef;
use crate::wire::{Event, EventBatch, EventType, ResourceVersion};

const EVENT_TYPES: &[(&str, EventType)] = &[
    ("put", EventType::Put),
    ("delete", EventType::Delete),
    ("patch", EventType::Patch),
    ("bookmark", EventType::Bookmark),
    ("gone", EventType::Gone),
    ("snapshot-end", EventType::SnapshotEnd),
    ("failure", EventType::Failure),
];

impl EventType {
    /// The name in JSON and in the `event:` lines of SSE; empty for an unspecified type.
    #[must_use]
    pub fn name(self) -> &'static str {
        EVENT_TYPES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

/// Appends the JSON form of an event. An unspecified type is left out: so look the items of a snapshot over HTTP.
pub fn write_event(event: &Event, out: &mut Vec<u8>) {
    Object::whole(event, out);
}

/// What the events of an answer over HTTP say of it: there is no frame, and no SUBSCRIBED, beside which it could stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// The snapshot of a `stream` left out older publications.
    pub limited: bool,
    /// It was asked for with `consistency=local`.
    pub stale: bool,
}

/// As [`write_event`], with remarks on the answer behind the members of the event (SPEC.md W9).
pub fn write_remarked_event(event: &Event, remarks: Remarks, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    event.write(&mut object);
    object.flag("limited", remarks.limited);
    object.flag("stale", remarks.stale);
    object.close();
}

/// Writes the payload of EVENT without owning its events.
pub(crate) fn write_batch(batch: &EventBatchRef<'_>, object: &mut Object<'_>) {
    write_head(object, batch.view, batch.after, batch.through, batch.limited);
    object.list("events", batch.events, |out, event: &Arc<Event>| write_event(event, out));
}

fn write_head(object: &mut Object<'_>, view: u32, after: ResourceVersion, through: ResourceVersion, limited: bool) {
    object.scalar("view", &view);
    object.version("after", Some(after));
    object.version("through", Some(through));
    object.flag("limited", limited);
}

impl ToJson for Event {
    fn write(&self, object: &mut Object<'_>) {
        object.one_of("type", self.r#type(), EVENT_TYPES);
        object.optional("topic", self.topic.as_ref());
        object.version("resourceVersion", self.resource_version);
        object.optional("key", self.key.as_ref());
        data::write(object, self.data.as_ref(), self.content_type());
        object.texts("attributes", &self.attributes);
        object.optional("publisher", self.publisher.as_ref());
        object.optional("connectionId", self.connection_id.as_ref());
        object.optional("time", self.time.as_ref());
        object.optional("originTime", self.origin_time.as_ref());
        object.optional("traceparent", self.traceparent.as_ref());
        object.object("error", self.error.as_deref());
    }
}

impl Members for Event {
    const NAMES: &'static [&'static str] = &[
        "type",
        "topic",
        "resourceVersion",
        "key",
        "data",
        "dataBase64",
        "contentType",
        "attributes",
        "publisher",
        "connectionId",
        "time",
        "originTime",
        "traceparent",
        "error",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let content = Content { data: &mut self.data, content_type: &mut self.content_type };
        match name {
            "type" => self.r#type = value.known(EVENT_TYPES)?.unwrap_or_default() as i32,
            "topic" => self.topic = value.get()?,
            "resourceVersion" => self.resource_version = value.version()?,
            "key" => self.key = value.get()?,
            "data" => content.read_json(value)?,
            "dataBase64" => content.read_base64(value)?,
            "contentType" => content.read_type(value)?,
            "attributes" => self.attributes = value.get()?,
            "publisher" => self.publisher = value.get()?,
            "connectionId" => self.connection_id = value.get()?,
            "time" => self.time = value.get()?,
            "originTime" => self.origin_time = value.get()?,
            "traceparent" => self.traceparent = value.get()?,
            "error" => self.error = value.object()?.map(Box::new),
            _ => value.unknown()?,
        }
        Ok(())
    }
}

impl ToJson for EventBatch {
    fn write(&self, object: &mut Object<'_>) {
        write_head(object, self.view, self.after.unwrap_or_default(), self.through.unwrap_or_default(), self.limited);
        object.objects("events", &self.events);
    }
}

impl Members for EventBatch {
    const NAMES: &'static [&'static str] = &["view", "after", "through", "limited", "events"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "view" => self.view = value.get()?,
            "after" => self.after = value.version()?,
            "through" => self.through = value.version()?,
            "limited" => self.limited = value.get()?,
            "events" => self.events = value.items()?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

serde_impls!(Event);
serde_impls!(EventBatch);
