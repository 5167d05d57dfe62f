//! What an event counts for wherever a topic is bounded in bytes: its own bytes, and what it costs beside them.

use std::collections::BTreeMap;

use bytes::Bytes;
use fanfare_protocol::{Event, Publication};

/// What an event costs beside its own bytes. The struct takes more, but most of that is room for texts counted here.
pub(super) const EVENT_OVERHEAD_BYTES: u64 = 256;

/// Of an event.
pub(super) fn of_event(event: &Event) -> u64 {
    let Event { data, key, attributes, publisher, connection_id, traceparent, .. } = event;
    let signature = text(publisher) + text(connection_id);
    weigh(data.as_ref().map_or(0, Bytes::len), key, attributes, traceparent) + signature
}

/// Of the put that a publication will become; `signature_bytes` are those of publisher and connection.
pub(super) fn of_publication(publication: &Publication, signature_bytes: u64) -> u64 {
    let Publication { data, key, attributes, traceparent, .. } = publication;
    weigh(data.as_ref().map_or(0, Bytes::len), key, attributes, traceparent) + signature_bytes
}

/// Of what a publisher is charged for by `publication_bytes_max`.
pub(super) fn of_payload(publication: &Publication) -> u64 {
    let Publication { data, key, attributes, .. } = publication;
    data.as_ref().map_or(0, |data| data.len() as u64) + text(key) + texts(attributes)
}

/// Of a text that may be absent.
pub(super) fn text(text: &Option<String>) -> u64 {
    text.as_ref().map_or(0, |text| text.len() as u64)
}

fn texts(attributes: &BTreeMap<String, String>) -> u64 {
    attributes.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

fn weigh(
    data_bytes: usize,
    key: &Option<String>,
    attributes: &BTreeMap<String, String>,
    traceparent: &Option<String>,
) -> u64 {
    data_bytes as u64 + text(key) + texts(attributes) + text(traceparent) + EVENT_OVERHEAD_BYTES
}
