//! Events as they are stored: a few numbers, then the event as it goes over the wire. Here live keys; publications are in
//! [runs](super::items).

use std::sync::Arc;

use bytes::{Buf, Bytes};
use fanfare_protocol::{Event, ResourceVersion};
use prost::Message;

use super::{Value, decoded};
use crate::log::rows::FoldRow;
use crate::store::fault::StoreError;
use crate::store::key;
use crate::store::table::Table;

/// What is in front of the event: in a message of its own, so that the event need not be copied to be written.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Head {
    #[prost(uint64, tag = "1")]
    pub(super) bytes: u64,
    /// Of items.
    #[prost(uint64, tag = "2")]
    pub(super) appended_ms: u64,
    /// Of folds.
    #[prost(uint64, tag = "3")]
    pub(super) offset: u64,
    /// When it ends by its own `ttl`.
    #[prost(uint64, optional, tag = "4")]
    pub(super) ends_ms: Option<u64>,
    /// Of items: how far the offset is behind that of the row.
    #[prost(uint64, tag = "5")]
    pub(super) behind: u64,
}

/// Bytes that a [`Head`] takes at most, its length included.
pub(super) const HEAD_BYTES_MAX: usize = 56;

impl Value for FoldRow {
    const TABLE: Table = Table::Folds;

    fn bytes(&self) -> usize {
        HEAD_BYTES_MAX + self.event.encoded_len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { offset, event, bytes, expires_ms } = self;
        let head = Head { bytes: *bytes, offset: *offset, ends_ms: *expires_ms, ..Head::default() };
        // A vector grows as it is written to, so neither can fail.
        let written = head.encode_length_delimited(out).and_then(|()| event.encode(out));
        debug_assert!(written.is_ok());
    }
}

/// A head and what is behind it, to the end.
pub(super) fn read(body: &[u8]) -> Option<(Head, Event)> {
    // One copy for all the texts and data of the event, which are slices of it. It must not be one of the engine's
    // buffers: those hold a whole block of other rows.
    let mut body = Bytes::copy_from_slice(body);
    let head = Head::decode_length_delimited(&mut body).ok()?;
    Some((head, Event::decode(body.copy_to_bytes(body.remaining())).ok()?))
}

/// As of a topic of that epoch.
pub(super) fn at(mut event: Event, epoch: u64, offset: u64) -> Arc<Event> {
    event.resource_version = Some(ResourceVersion::new(epoch, offset));
    Arc::new(event)
}

/// A live key of a topic of that epoch.
pub(in crate::store) fn open_fold(key: &[u8], value: &[u8], epoch: u64) -> Result<FoldRow, StoreError> {
    decoded::<FoldRow, FoldRow>(key, value, |_, name, body| {
        let (_, live_key) = key::split_number(name)?;
        let (Head { bytes, offset, ends_ms, .. }, event) = read(body)?;
        let is_its_put = event.key.as_deref().is_some_and(|key| key.as_bytes() == live_key);
        is_its_put.then(|| FoldRow { offset, event: at(event, epoch, offset), bytes, expires_ms: ends_ms })
    })
}
