//! Reads what a folder holds, and changes nothing: the same eyes for a start and for an offline check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::damage::{Damage, What};
use super::disk::{Access, Disk, DiskFile, read_full_at};
use super::fault::LogFault;
use super::record::Place;
use super::replay::{Replay, Verdict};
use super::scan::{Piece, Scan, Tail};
use super::segment::{self, FORMAT, HEADER_BYTES, Header, Named, NoHeader};

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) segments: BTreeMap<u64, Part>,
    pub(super) kept: Vec<u64>,
    pub(super) spares: Vec<u64>,
    pub(super) verdict: Verdict,
    /// The end of the last segment, if it can be gone on with.
    pub(super) tail: Option<Tail>,
    /// The greatest life of any record.
    pub(super) life: u64,
}

/// One segment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    /// Bytes of the file.
    pub(super) length: u64,
    /// Its header, if it has a sound one of its own.
    pub(super) header: Option<Header>,
    /// Where its records end.
    pub(super) end: u32,
    /// Sound records, openings and marks among them.
    pub(super) records: u64,
    /// The greatest life of any of them.
    life: u64,
}

impl Recovered {
    /// The salt of the log, as far as a header tells it.
    pub(super) fn salt(&self) -> Option<u64> {
        self.segments.values().rev().find_map(|part| part.header.as_ref()).map(|header| header.salt)
    }

    pub(super) fn last(&self) -> Option<(u64, &Part)> {
        self.segments.last_key_value().map(|(number, part)| (*number, part))
    }
}

/// Reads a folder.
///
/// # Errors
/// When something cannot be read, or is of a newer format. Damage is no error, it is in the verdict.
pub(super) fn recover(disk: &dyn Disk, dir: &Path, access: Access) -> Result<Recovered, LogFault> {
    let mut recovered = Recovered::default();
    for name in disk.list(dir).map_err(|error| LogFault::io("list", dir, error))? {
        match Named::parse(&name) {
            Some(Named::Segment(number)) => {
                recovered.segments.insert(number, Part::open(disk, dir, number, access)?);
            }
            Some(Named::Kept(number)) => recovered.kept.push(number),
            Some(Named::Spare(count)) => recovered.spares.push(count),
            None => {}
        }
    }
    recovered.replay()?;
    Ok(recovered)
}

impl Part {
    fn open(disk: &dyn Disk, dir: &Path, number: u64, access: Access) -> Result<Self, LogFault> {
        let path = dir.join(segment::name(number));
        let file = disk.open(&path, access).map_err(|error| LogFault::io("open", &path, error))?;
        let length = file.length().map_err(|error| LogFault::io("read", &path, error))?;
        let mut bytes = [0; HEADER_BYTES];
        let read = read_full_at(&*file, &mut bytes, 0).map_err(|error| LogFault::io("read", &path, error))?;
        let header = match Header::decode(&bytes[..read]) {
            Err(NoHeader::Newer { format }) => return Err(LogFault::Format { path, found: format, known: FORMAT }),
            header => header.ok().filter(|header| header.number == number),
        };
        Ok(Self { path, file, length, header, end: 0, records: 0, life: 0 })
    }

    /// The segment before this one, and where its records end, if that was written down.
    fn ends(&self, number: u64) -> Option<(u64, u32)> {
        let end = self.header.as_ref().map(|header| header.previous_end).filter(|end| *end > 0)?;
        Some((number.checked_sub(1)?, end))
    }

    /// Reads as much as there is of the `length` that it was made with.
    fn read(&self, length: u32, bytes: &mut Vec<u8>) -> Result<(), LogFault> {
        bytes.resize(u32::try_from(self.length).unwrap_or(u32::MAX).min(length) as usize, 0);
        let read = read_full_at(&*self.file, bytes, 0).map_err(|error| LogFault::io("read", &self.path, error))?;
        bytes.truncate(read);
        Ok(())
    }

    /// Replays its records; `end` is where they end, if the next segment says so. The tail that was found otherwise.
    fn replay(&mut self, scan: &Scan<'_>, header: &Header, end: Option<u32>, replay: &mut Replay) -> Option<Tail> {
        let tail = end.is_none().then(|| scan.tail());
        self.end = end.or(tail.map(|tail| tail.end)).unwrap_or_default();
        let durable = end.or(tail.map(|tail| tail.synced)).unwrap_or_default();
        let mut is_open = false;
        for (offset, piece) in scan.pieces(durable, self.end) {
            if !is_open && offset >= header.opening_end {
                replay.opened();
                is_open = true;
            }
            let place = Place { segment: header.number, offset };
            match piece {
                Piece::Record { head, payload } => {
                    self.records += 1;
                    self.life = self.life.max(head.stamp.life);
                    replay.record(place, &head, payload);
                }
                Piece::Damaged { head } => replay.damaged(place, &head),
                Piece::Hole => replay.hole(Damage::new(header.number, offset.into(), What::Record)),
            }
        }
        if !is_open {
            replay.opened();
        }
        tail
    }
}

impl Recovered {
    fn replay(&mut self) -> Result<(), LogFault> {
        let mut replay = Replay::default();
        let mut bytes = Vec::new();
        let ends: BTreeMap<u64, u32> = self.segments.iter().filter_map(|(number, part)| part.ends(*number)).collect();
        let mut before: Option<u64> = None;
        let newest = self.last().map(|(number, _)| number);
        for (&number, part) in &mut self.segments {
            let is_oldest = before.is_none();
            if let Some(missing) = before.map(|before| before.saturating_add(1)).filter(|missing| *missing < number) {
                replay.hole(Damage::new(missing, 0, What::Missing));
            }
            before = Some(number);
            let Some(header) = part.header.clone() else {
                replay.hole(Damage::new(number, 0, What::Header));
                continue;
            };
            part.read(header.length, &mut bytes)?;
            replay.begin(number, is_oldest);
            let end = ends.get(&number).copied();
            let tail = part.replay(&Scan::new(&bytes, &header), &header, end, &mut replay);
            self.life = self.life.max(part.life).max(tail.map_or(0, |tail| tail.life));
            if part.length < header.length.into() {
                replay.hole(Damage::new(number, part.length, What::Short));
            } else if Some(number) == newest {
                self.tail = tail;
            }
            if part.length > header.length.into() {
                replay.oddity(Damage::new(number, header.length.into(), What::Long));
            }
        }
        self.verdict = replay.finish();
        Ok(())
    }
}
