//! The segments of a log that is open: the current one, which is written; the change to the next; letting go of the oldest.
//!
//! What is durable when: a file takes a segment's name only after its space, its header and its opening were synced, and
//! counts only after the name was. The segment before is synced in full first, in every mode: so whatever power does, at
//! most the last segment ends in an interrupted write. A segment is let go only when the calls that made it needless are
//! durable, one at a time and the oldest first, so that no crash leaves a gap.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile, read_full_at};
use super::fault::LogFault;
use super::pages::{End, PAGE_BYTES, Pages, Way};
use super::record::{HEAD_BYTES, Head, Kind, Place, Seed, Stamp};
use super::replay::OTHERS;
use super::scan::Tail;
use super::segment::{self, HEADER_BYTES, Header};
use super::settings::{FileLogSettings, SyncMode};
use super::spares::{Fill, Spare, Spares, is_no_space};

/// The files of a log.
#[derive(Debug)]
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    salt: u64,
    /// How often the log was opened, this time included.
    life: u64,
    length: u32,
    spares_max: usize,
    spares: Arc<Spares>,
    pages: Pages,
    /// All but the current one.
    spent: BTreeMap<u64, Spent>,
    current: Option<Current>,
    /// Of a log without a current segment: the number that the next one follows, and where that one ended.
    before: (u64, u32),
    synced: Place,
    /// Segments up to this one are let go together: one of them is damaged, and who is trusted is so by those before it.
    damaged_through: u64,
    /// Segments up to this one hold groups that are at fault, and are set aside when they are let go.
    keep_through: u64,
}

#[derive(Debug)]
struct Spent {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    length: u64,
}

#[derive(Debug)]
struct Current {
    number: u64,
    seed: Seed,
    spent: Spent,
    end: End,
}

/// A segment that has become the current one.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) seed: Seed,
}

/// What a segment opens with: heads (without their place) and payloads.
pub(super) type Openings = Vec<(Head, Vec<u8>)>;

impl Segments {
    /// A log without segments; the salt and the life of what it writes.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: &FileLogSettings,
        spares: Arc<Spares>,
        (salt, life): (u64, u64),
    ) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            salt,
            life,
            length: settings.segment_length(),
            spares_max: settings.spare_segments_max,
            spares,
            pages: Pages::new(if settings.sync == SyncMode::Always { Way::Direct } else { Way::Cached }),
            spent: BTreeMap::new(),
            current: None,
            before: (0, 0),
            synced: Place { segment: 0, offset: 0 },
            damaged_through: 0,
            keep_through: 0,
        }
    }

    /// A segment that was read back; in ascending order.
    pub(super) fn insert(&mut self, number: u64, path: PathBuf, file: Arc<dyn DiskFile>, length: u64, end: u32) {
        self.before = (number, end);
        self.spent.insert(number, Spent { path, file, length });
    }

    /// Goes on with the last one that was inserted, after making durable what was read of it, with a mark of the new life:
    /// nothing that was not read of it can come back behind that. Without room for the mark there is none for a record
    /// either, and the next one goes to another segment, as it does after a damaged one. What an interrupted run wrote
    /// since the last sync that is known of is written once more: if that run ended because a sync failed, the system
    /// holds those pages for clean, and would not write them.
    pub(super) fn go_on(&mut self, tail: Tail) -> Result<(), LogFault> {
        let Some((number, spent)) = self.spent.pop_last() else { return Ok(()) };
        let seed = Seed::new(self.salt, number);
        let failed = |error| LogFault::io("read", &spent.path, error);
        let mut bytes = vec![0; tail.end.saturating_sub(tail.synced) as usize];
        read_full_at(&*spent.file, &mut bytes, tail.synced.into()).map_err(failed)?;
        let mut end = End::read(&*spent.file, tail.synced).map_err(failed)?;
        if has_room_for_mark(tail.end, &spent) && number > self.damaged_through {
            // What it follows is not durable before it is itself.
            let stamp = Stamp { synced: tail.synced, life: self.life };
            Head::new(Kind::Mark, OTHERS, 0, 0, stamp, &[]).encode(&seed, tail.end, &[], &mut bytes);
        }
        let written = self.pages.write(&*spent.file, &mut end, &bytes, spent.length);
        written.map_err(|error| LogFault::io("write", &spent.path, error))?;
        spent.file.sync_data().map_err(|error| LogFault::io("sync", &spent.path, error))?;
        self.current = Some(Current { number, seed, spent, end });
        self.synced = self.end();
        Ok(())
    }

    /// A segment up to this one is damaged.
    pub(super) fn damaged_through(&mut self, number: u64) {
        self.damaged_through = number;
    }

    /// Whether there is a current segment and no damage in it.
    pub(super) fn is_current_sound(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.number > self.damaged_through)
    }

    /// Everything that is there so far is set aside rather than used again when its time comes.
    pub(super) fn keep_all(&mut self) {
        self.keep_through = self.before.0;
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn count(&self) -> usize {
        self.spent.len() + usize::from(self.current.is_some())
    }

    /// Bytes of the files.
    pub(super) fn bytes(&self) -> u64 {
        let all = self.spent.values().chain(self.current.as_ref().map(|current| &current.spent));
        all.map(|spent| spent.length).sum()
    }

    pub(super) fn oldest(&self) -> Option<u64> {
        self.spent.keys().next().copied().or(self.current.as_ref().map(|current| current.number))
    }

    /// What a record says that is written now.
    pub(super) fn stamp(&self) -> Stamp {
        let synced = if self.synced.segment == self.end().segment { self.synced.offset } else { 0 };
        Stamp { synced, life: self.life }
    }

    /// What the records say that the next segment opens with.
    pub(super) fn opening_stamp(&self) -> Stamp {
        Stamp { synced: 0, life: self.life }
    }

    /// Everything before this is durable.
    pub(super) fn synced(&self) -> Place {
        self.synced
    }

    /// Where the next record goes.
    pub(super) fn end(&self) -> Place {
        let (segment, offset) =
            self.current.as_ref().map_or(self.before, |current| (current.number, current.end.offset));
        Place { segment, offset }
    }

    /// Begins the checksums of the current segment.
    pub(super) fn seed(&self) -> Option<&Seed> {
        self.current.as_ref().map(|current| &current.seed)
    }

    /// Bytes of records that fit into the current segment. Room for a mark is left at its end.
    pub(super) fn room(&self) -> usize {
        let length = self.current.as_ref().map_or(0, |current| current.spent.length);
        usize::try_from(length).unwrap_or(0).saturating_sub(self.end().offset as usize + HEAD_BYTES)
    }

    /// Whether a mark fits. It does after every record that was written since the log was opened.
    pub(super) fn has_room_for_mark(&self) -> bool {
        self.current.as_ref().is_some_and(|current| has_room_for_mark(current.end.offset, &current.spent))
    }

    /// Writes at the end. `Ok(false)`: there is no space; nothing counts of what was written, try the same again later.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<bool, LogFault> {
        let Some(current) = &mut self.current else { return Ok(false) };
        match self.pages.write(&*current.spent.file, &mut current.end, bytes, current.spent.length) {
            Ok(()) => {
                let (end, length) = (u64::from(current.end.offset), current.spent.length);
                if end > length / 2 {
                    self.spares.want(end > length / 4 * 3);
                }
                Ok(true)
            }
            Err(error) if is_no_space(&error) => Ok(false),
            Err(error) => Err(LogFault::io("write", &current.spent.path, error)),
        }
    }

    /// Makes everything durable that was written.
    pub(super) fn sync(&mut self) -> Result<(), LogFault> {
        if let Some(current) = &self.current {
            let failed = |error| LogFault::io("sync", &current.spent.path, error);
            current.spent.file.sync_data().map_err(failed)?;
        }
        self.synced = self.end();
        Ok(())
    }

    /// Changes to the next segment, with room for a record of `room` bytes behind its opening. `None`: there is no space.
    pub(super) fn advance(&mut self, openings: &Openings, room: usize) -> Result<Option<Opened>, LogFault> {
        if self.synced != self.end() {
            self.sync()?;
        }
        let before = self.end();
        let number = before.segment + 1;
        let seed = Seed::new(self.salt, number);
        let mut bytes = vec![0; HEADER_BYTES];
        for (head, payload) in openings {
            head.encode(&seed, bytes.len() as u32, payload, &mut bytes);
        }
        let Some(spare) = self.spare(bytes.len() + room + HEAD_BYTES)? else { return Ok(None) };
        let header = Header {
            number,
            salt: self.salt,
            length: spare.length,
            previous_end: before.offset,
            opening_end: bytes.len() as u32,
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        let mut end = End::default();
        match self.pages.write(&*spare.file, &mut end, &bytes, spare.length.into()) {
            Err(error) if is_no_space(&error) => {
                self.spares.put(spare);
                return Ok(None);
            }
            written => written.map_err(|error| LogFault::io("write", &spare.path, error))?,
        }
        spare.file.sync_data().map_err(|error| LogFault::io("sync", &spare.path, error))?;
        let path = self.dir.join(segment::name(number));
        self.rename(&spare.path, &path)?;
        let spent = Spent { path, file: Arc::clone(&spare.file), length: spare.length.into() };
        let current = Current { number, seed: seed.clone(), spent, end };
        if let Some(last) = self.current.replace(current) {
            self.spent.insert(last.number, last.spent);
        }
        self.synced = self.end();
        Ok(Some(Opened { number, file: spare.file, seed }))
    }

    /// A file of at least so many bytes: a spare, or a new one.
    fn spare(&self, bytes: usize) -> Result<Option<Spare>, LogFault> {
        let is_first = self.before == (0, 0) && self.current.is_none();
        let length = if is_first { self.length.min(super::settings::FIRST_SEGMENT_BYTES_MAX) } else { self.length };
        let needed = u32::try_from(bytes.next_multiple_of(PAGE_BYTES)).unwrap_or(u32::MAX);
        if needed > length {
            return self.spares.make(needed, Fill::Nothing);
        }
        match self.spares.take() {
            Some(spare) => Ok(Some(spare)),
            None => self.spares.make(length, if is_first { Fill::Zeros } else { Fill::Nothing }),
        }
    }

    /// Lets go of the segments below `needed`, the oldest first; their numbers.
    pub(super) fn release(&mut self, needed: u64) -> Result<Vec<u64>, LogFault> {
        let mut released = Vec::new();
        if needed <= self.damaged_through {
            return Ok(released);
        }
        while let Some(entry) = self.spent.first_entry().filter(|entry| *entry.key() < needed) {
            let (number, spent) = entry.remove_entry();
            if number <= self.keep_through {
                self.rename(&spent.path, &self.dir.join(segment::kept_name(number)))?;
            } else if spent.length == u64::from(self.length) && self.spares.len() < self.spares_max {
                let path = self.spares.next_path();
                self.rename(&spent.path, &path)?;
                self.spares.put(Spare { path, file: spent.file, length: self.length });
            } else {
                self.disk.remove(&spent.path).map_err(|error| LogFault::io("remove", &spent.path, error))?;
                self.sync_dir()?;
            }
            released.push(number);
        }
        Ok(released)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), LogFault> {
        self.disk.rename(from, to).map_err(|error| LogFault::io("rename", from, error))?;
        self.sync_dir()
    }

    /// Makes names durable.
    pub(super) fn sync_dir(&self) -> Result<(), LogFault> {
        self.disk.sync_dir(&self.dir).map_err(|error| LogFault::io("sync", &self.dir, error))
    }
}

fn has_room_for_mark(end: u32, segment: &Spent) -> bool {
    u64::from(end) + HEAD_BYTES as u64 <= segment.length
}
