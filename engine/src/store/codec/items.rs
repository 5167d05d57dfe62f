//! Publications, many in a row: those of a topic that came in one window lie one behind the other under the offset of the
//! last. A row each would cost a busy topic more than everything else that is done for a publication, when it is stored,
//! when it is compacted and when it is forgotten.

use bytes::{Buf, Bytes};
use fanfare_protocol::Event;
use prost::Message;

use super::event::{HEAD_BYTES_MAX, Head, at, read};
use super::{Value, decoded};
use crate::log::rows::ItemRow;
use crate::store::fault::StoreError;
use crate::store::key;
use crate::store::table::Table;

/// Publications that share a row, ascending, at least one.
pub(in crate::store) struct Run<'a>(pub(in crate::store) &'a [&'a ItemRow]);

impl Run<'_> {
    /// What the row is under.
    pub(in crate::store) fn offset(&self) -> u64 {
        self.0.last().map_or(0, |last| last.offset)
    }
}

impl Value for Run<'_> {
    const TABLE: Table = Table::Items;

    /// A row of the first version is one publication, its event not delimited.
    const VERSION: u8 = 2;

    fn bytes(&self) -> usize {
        // What they count for is about what they take, and costs nothing to know.
        self.0.iter().map(|item| HEAD_BYTES_MAX.saturating_add(item.bytes as usize)).sum()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for item in self.0 {
            let ItemRow { offset, event, bytes, appended_ms, leaves_ms } = item;
            let behind = self.offset() - offset;
            let head =
                Head { bytes: *bytes, appended_ms: *appended_ms, ends_ms: *leaves_ms, behind, ..Head::default() };
            // A vector grows as it is written to, so neither can fail.
            let written = head.encode_length_delimited(out).and_then(|()| event.encode_length_delimited(out));
            debug_assert!(written.is_ok());
        }
    }
}

/// The publications of a row, ascending, of a topic of that epoch: at least one, the last with the offset of the row.
pub(in crate::store) fn open_items(key: &[u8], value: &[u8], epoch: u64) -> Result<Vec<ItemRow>, StoreError> {
    decoded::<Run<'_>, _>(key, value, |version, name, body| {
        let (_, offset) = key::split_number(name)?;
        let offset = key::as_number(offset)?;
        let item = |offset, head, event| {
            let Head { bytes, appended_ms, ends_ms, .. } = head;
            ItemRow { offset, event: at(event, epoch, offset), bytes, appended_ms, leaves_ms: ends_ms }
        };
        if version < Run::VERSION {
            let (head, event) = read(body)?;
            return Some(vec![item(offset, head, event)]);
        }
        // One copy for all texts and data, which are slices of it. It must not be one of the engine's buffers: those
        // hold a whole block of other rows.
        let mut body = Bytes::copy_from_slice(body);
        let mut items = Vec::<ItemRow>::new();
        while body.has_remaining() {
            let head = Head::decode_length_delimited(&mut body).ok()?;
            let event = Event::decode_length_delimited(&mut body).ok()?;
            let offset = offset.checked_sub(head.behind)?;
            if items.last().is_some_and(|before| before.offset >= offset) {
                return None;
            }
            items.push(item(offset, head, event));
        }
        items.last().is_some_and(|last| last.offset == offset).then_some(items)
    })
}
