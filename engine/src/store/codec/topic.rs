//! A topic, and its place in the queue of deadlines.

use prost::Message;

use super::{Row, Value};
use crate::log::Kind;
use crate::log::rows::TopicRow;
use crate::store::table::Table;

#[derive(Clone, PartialEq, Message)]
struct TopicMessage {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(fixed64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    head: u64,
    #[prost(uint64, tag = "4")]
    floor: u64,
    #[prost(uint64, tag = "5")]
    history_count: u64,
    #[prost(uint64, tag = "6")]
    history_bytes: u64,
    #[prost(uint64, optional, tag = "7")]
    oldest_ms: Option<u64>,
    #[prost(uint64, tag = "8")]
    leaving_count: u64,
    #[prost(uint64, tag = "9")]
    settled_ms: u64,
    #[prost(uint64, tag = "10")]
    keys_count: u64,
    #[prost(uint64, tag = "11")]
    fold_bytes: u64,
    #[prost(uint64, tag = "12")]
    known_count: u64,
    #[prost(uint64, tag = "13")]
    known_ms: u64,
    #[prost(uint64, optional, tag = "14")]
    due_ms: Option<u64>,
    #[prost(enumeration = "KindNumber", tag = "15")]
    kind: i32,
    #[prost(string, tag = "16")]
    counted_by: String,
}

/// Never changes; 0 is none, so that a row without a kind cannot be read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum KindNumber {
    None = 0,
    Stream = 1,
    State = 2,
    Document = 3,
}

impl Value for TopicRow {
    const TABLE: Table = Table::Topics;

    fn bytes(&self) -> usize {
        128
    }

    fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Stream => KindNumber::Stream,
            Kind::State => KindNumber::State,
            Kind::Document => KindNumber::Document,
        };
        let message = TopicMessage {
            number: self.number,
            epoch: self.epoch,
            head: self.head,
            floor: self.floor,
            history_count: self.history_count,
            history_bytes: self.history_bytes,
            oldest_ms: self.oldest_ms,
            leaving_count: self.leaving_count,
            settled_ms: self.settled_ms,
            keys_count: self.keys_count,
            fold_bytes: self.fold_bytes,
            known_count: self.known_count,
            known_ms: self.known_ms,
            due_ms: self.due_ms,
            kind: kind.into(),
            counted_by: self.counted_by.to_string(),
        };
        message.encode_raw(out);
    }
}

impl Row for TopicRow {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        let message = TopicMessage::decode(body).ok()?;
        let kind = match message.kind() {
            KindNumber::None => return None,
            KindNumber::Stream => Kind::Stream,
            KindNumber::State => Kind::State,
            KindNumber::Document => Kind::Document,
        };
        Some(Self {
            number: message.number,
            epoch: message.epoch,
            head: message.head,
            floor: message.floor,
            history_count: message.history_count,
            history_bytes: message.history_bytes,
            oldest_ms: message.oldest_ms,
            leaving_count: message.leaving_count,
            settled_ms: message.settled_ms,
            keys_count: message.keys_count,
            fold_bytes: message.fold_bytes,
            known_count: message.known_count,
            known_ms: message.known_ms,
            due_ms: message.due_ms,
            kind,
            counted_by: message.counted_by.into(),
        })
    }
}

/// That a topic becomes due: all of it is in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct DueMark;

impl Value for DueMark {
    const TABLE: Table = Table::Due;

    fn bytes(&self) -> usize {
        0
    }

    fn write(&self, _out: &mut Vec<u8>) {}
}

impl Row for DueMark {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        body.is_empty().then_some(Self)
    }
}
