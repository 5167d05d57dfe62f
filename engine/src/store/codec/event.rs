//! Publications and live keys: a few numbers, then the event as it goes over the wire.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use fanfare_protocol::{Event, ResourceVersion};
use prost::Message;

use super::{Value, decoded};
use crate::log::rows::{FoldRow, ItemRow};
use crate::store::fault::StoreError;
use crate::store::key;
use crate::store::table::Table;

/// What is in front of the event: in a message of its own, so that the event need not be copied to be written.
#[derive(Clone, Copy, PartialEq, Message)]
struct Head {
    #[prost(uint64, tag = "1")]
    bytes: u64,
    /// Of items.
    #[prost(uint64, tag = "2")]
    appended_ms: u64,
    /// Of folds.
    #[prost(uint64, tag = "3")]
    offset: u64,
    /// When it ends by its own `ttl`.
    #[prost(uint64, optional, tag = "4")]
    ends_ms: Option<u64>,
}

/// Bytes that a [`Head`] takes at most, its length included.
const HEAD_BYTES_MAX: usize = 48;

impl Value for ItemRow {
    const TABLE: Table = Table::Items;

    fn bytes(&self) -> usize {
        HEAD_BYTES_MAX + self.event.encoded_len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { offset: _, event, bytes, appended_ms, leaves_ms } = self;
        write(Head { bytes: *bytes, appended_ms: *appended_ms, offset: 0, ends_ms: *leaves_ms }, event, out);
    }
}

impl Value for FoldRow {
    const TABLE: Table = Table::Folds;

    fn bytes(&self) -> usize {
        HEAD_BYTES_MAX + self.event.encoded_len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { offset, event, bytes, expires_ms } = self;
        write(Head { bytes: *bytes, appended_ms: 0, offset: *offset, ends_ms: *expires_ms }, event, out);
    }
}

fn write(head: Head, event: &Event, out: &mut Vec<u8>) {
    // A vector grows as it is written to, so neither can fail.
    let written = head.encode_length_delimited(out).and_then(|()| event.encode(out));
    debug_assert!(written.is_ok());
}

fn read(body: &[u8]) -> Option<(Head, Event)> {
    // One copy for all the texts and data of the event, which are slices of it. It must not be one of the engine's
    // buffers: those hold a whole block of other rows.
    let mut body = Bytes::copy_from_slice(body);
    let head = Head::decode_length_delimited(&mut body).ok()?;
    Some((head, Event::decode(body.copy_to_bytes(body.remaining())).ok()?))
}

fn at(mut event: Event, epoch: u64, offset: u64) -> Arc<Event> {
    event.resource_version = Some(ResourceVersion::new(epoch, offset));
    Arc::new(event)
}

/// A publication of a topic of that epoch.
pub(in crate::store) fn open_item(key: &[u8], value: &[u8], epoch: u64) -> Result<ItemRow, StoreError> {
    decoded::<ItemRow, ItemRow>(key, value, |name, body| {
        let (_, offset) = key::split_number(name)?;
        let offset = key::as_number(offset)?;
        let (Head { bytes, appended_ms, ends_ms, .. }, event) = read(body)?;
        Some(ItemRow { offset, event: at(event, epoch, offset), bytes, appended_ms, leaves_ms: ends_ms })
    })
}

/// A live key of a topic of that epoch.
pub(in crate::store) fn open_fold(key: &[u8], value: &[u8], epoch: u64) -> Result<FoldRow, StoreError> {
    decoded::<FoldRow, FoldRow>(key, value, |name, body| {
        let (_, live_key) = key::split_number(name)?;
        let (Head { bytes, offset, ends_ms, .. }, event) = read(body)?;
        let is_its_put = event.key.as_deref().is_some_and(|key| key.as_bytes() == live_key);
        is_its_put.then(|| FoldRow { offset, event: at(event, epoch, offset), bytes, expires_ms: ends_ms })
    })
}
