//! What is published in the cases: a trade of 128 bytes.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Entry, EntryTime};
use fanfare_protocol::{Event, EventType, Publication, ResourceVersion};

use crate::log::{Committed, Publish};

/// Where a case's topic is.
pub(crate) const TOPIC: &str = "market:trades";

/// The epoch of the topic.
pub(crate) const EPOCH: u64 = 7;

/// Its symbol is one of a thousand.
pub(crate) fn data(n: u64) -> Bytes {
    let symbol = n % 1_000;
    let text = format!(
        r#"{{"symbol":"S{symbol:03}","price":{},"size":{},"venue":{{"name":"north","lane":4}},"note":"a trade as it was told, no more"}}"#,
        100 + n % 50,
        10 + n % 7
    );
    debug_assert!((100..=140).contains(&text.len()), "{} bytes", text.len());
    text.into()
}

/// The same without a topic around it.
pub(crate) fn publication(n: u64) -> Publication {
    Publication { data: Some(data(n)), ..Publication::default() }
}

/// As a watcher is told of it.
pub(crate) fn event(offset: u64) -> Arc<Event> {
    Arc::new(Event {
        r#type: EventType::Put.into(),
        resource_version: Some(version(offset)),
        data: Some(data(offset)),
        connection_id: Some("00c0ffee00c0ffee".to_owned()),
        time: Some(1_763_715_600_000),
        ..Event::default()
    })
}

/// Events up to an offset, so many of them.
pub(crate) fn events(through: u64, count: u64) -> Vec<Arc<Event>> {
    (through + 1 - count..=through).map(event).collect()
}

/// Of the topic.
pub(crate) fn version(offset: u64) -> ResourceVersion {
    ResourceVersion::new(EPOCH, offset)
}

/// What an entry of one publication did to a `stream`.
pub(crate) fn committed(event: Arc<Event>) -> Committed {
    let through = event.resource_version.expect("a sample has one");
    Committed {
        index: through.offset,
        topic: fanfare_protocol::TopicName::parse(TOPIC).expect("a good name"),
        created: false,
        after: version(through.offset - 1),
        through,
        events: vec![event],
        replaced: Vec::new(),
        deleted: false,
    }
}

/// A command that publishes one.
pub(crate) fn command(publication: Publication) -> Bytes {
    Publish {
        topic: TOPIC.to_owned(),
        new_epoch: EPOCH,
        publications: vec![publication],
        connection_id: Some("00c0ffee00c0ffee".to_owned()),
        ..Publish::default()
    }
    .into_command()
}

/// An entry a millisecond.
pub(crate) fn entry(index: u64, commands: Vec<Bytes>) -> Entry {
    let time = EntryTime { shard_ms: index, wall_ms: 1_763_715_600_000 };
    Entry { index, time, commands }
}
