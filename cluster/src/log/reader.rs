//! Reads entries back: from memory, else from their segments, with their checksum.
//!
//! No lock is held while the disk is read. So a segment may be let go and written again in between: what was read counts
//! only if the entry is still held afterwards, and is looked up again otherwise.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

use super::disk::read_full_at;
use super::engine::{GroupId, GroupLog, LogEntry};
use super::fault::LogFault;
use super::groups::Found;
use super::record::{HEAD_BYTES, Head, Kind, Place, record_bytes};
use super::segment;
use super::shared::{Readable, Shared};

/// Answers the questions of one log.
pub(super) struct Reader<'a> {
    pub(super) shared: &'a Shared,
    pub(super) dir: &'a Path,
}

impl Reader<'_> {
    pub(super) fn group(&self, group: GroupId) -> Result<GroupLog, LogFault> {
        loop {
            let state = self.shared.state.lock();
            state.is_readable()?;
            state.groups.fault(group)?;
            let Some(summary) = state.groups.summary(group).cloned() else { return Ok(GroupLog::default()) };
            let last = state.groups.last(group);
            let readable = last.as_ref().and_then(|last| state.readable.get(&last.place?.segment)).cloned();
            drop(state);
            let held = GroupLog { vote: summary.vote, purged: summary.purged, last: None };
            let Some(last) = last else { return Ok(held) };
            if let Some(last) = self.fetch(group, last, readable.as_ref())? {
                return Ok(GroupLog { last: Some(last), ..held });
            }
        }
    }

    pub(super) fn read(
        &self,
        group: GroupId,
        indexes: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<LogEntry>, LogFault> {
        'again: loop {
            let state = self.shared.state.lock();
            state.is_readable()?;
            state.groups.fault(group)?;
            let found = state.groups.find(group, indexes.clone(), bytes_max);
            let mut readable: BTreeMap<u64, Readable> = BTreeMap::new();
            for place in found.iter().filter(|found| found.bytes.is_none()).filter_map(|found| found.place) {
                let file = state.readable.get(&place.segment).filter(|_| !readable.contains_key(&place.segment));
                readable.extend(file.map(|file| (place.segment, file.clone())));
            }
            drop(state);
            let mut entries = Vec::with_capacity(found.len());
            for found in found {
                let readable = found.place.and_then(|place| readable.get(&place.segment));
                match self.fetch(group, found, readable)? {
                    Some(entry) => entries.push(entry),
                    None => continue 'again,
                }
            }
            return Ok(entries);
        }
    }

    /// An entry that was found; `Ok(None)` if it was dropped meanwhile.
    fn fetch(&self, group: GroupId, found: Found, readable: Option<&Readable>) -> Result<Option<LogEntry>, LogFault> {
        let index = found.index;
        if let Some(bytes) = found.bytes {
            return Ok(Some(LogEntry { index, bytes }));
        }
        let place = found.place.unwrap_or(Place { segment: 0, offset: 0 });
        let read = readable.map_or(Ok(None), |readable| read_entry(readable, place.offset, &found, group));
        if !self.shared.state.lock().groups.holds(group, &found) {
            return Ok(None);
        }
        let path = self.dir.join(segment::name(place.segment));
        match read {
            Ok(Some(bytes)) => Ok(Some(LogEntry { index, bytes })),
            Ok(None) => {
                let what = "an entry does not have the checksum that it was written with";
                Err(LogFault::Corrupt { path, offset: place.offset.into(), what, group: Some(group) })
            }
            Err(error) => Err(LogFault::io("read", &path, error)),
        }
    }
}

/// `None`: it is not the one that was written.
fn read_entry(readable: &Readable, offset: u32, found: &Found, group: GroupId) -> io::Result<Option<Bytes>> {
    let mut bytes = vec![0; record_bytes(found.length as usize)];
    let read = read_full_at(&*readable.file, &mut bytes, offset.into())?;
    bytes.truncate(read);
    let head = Head::decode(&readable.seed, offset, &bytes).filter(|head| {
        let expected = (Kind::Entry, group, found.turn, found.index, found.length);
        (head.kind, head.group, head.turn, head.index, head.length) == expected
    });
    let length = head.and_then(|head| head.payload(&bytes).map(<[u8]>::len));
    let bytes = Bytes::from(bytes);
    Ok(length.map(|length| bytes.slice(HEAD_BYTES..HEAD_BYTES + length)))
}
