//! Looks at the log of a node that is stopped, and changes nothing: for `storage check` and `storage stat`.
//!
//! It reads with the eyes of a start, so what it finds damaged is what a start would find damaged. Of a running node it
//! sees a moment: what is being written may look interrupted.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::disk::{Access, Disk, RealDisk};
use super::engine::GroupId;
use super::fault::LogFault;
use super::recovery::{Recovered, recover};
use super::replay::Judged;

/// What is in the folder of a log.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Groups, in order.
    pub groups: Vec<GroupReport>,
    /// Files that are kept to become segments.
    pub spares_count: usize,
    /// Damaged segments that were set aside.
    pub kept: Vec<PathBuf>,
    /// Everything that is damaged, with its place. None: every record of every segment is sound, and no segment is missing.
    pub faults: Vec<LogFault>,
    /// Why groups that are not listed may have been lost.
    pub others: Option<LogFault>,
    /// Where the last segment ends in a write that was interrupted, if it does: no fault, nothing of it was acknowledged
    /// as durable. The next start cuts it off.
    pub interrupted: Option<Interrupted>,
}

/// An interrupted write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// The segment.
    pub path: PathBuf,
    /// Where the log ends.
    pub offset: u64,
    /// As far as records of the interrupted write can be told.
    pub bytes: u64,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of it that are header and records.
    pub used_bytes: u64,
    /// Sound records, with those that the segment opens with.
    pub records: u64,
}

/// One group.
#[derive(Debug, Clone)]
pub struct GroupReport {
    /// Which.
    pub group: GroupId,
    /// The entries that are held, from the first index to behind the last; `None` if none is.
    pub indexes: Option<Range<u64>>,
    /// Bytes of those entries.
    pub bytes: u64,
    /// Up to where it was purged.
    pub purged: Option<u64>,
    /// Whether it has a vote.
    pub has_vote: bool,
    /// Why it cannot be trusted.
    pub fault: Option<LogFault>,
}

impl CheckReport {
    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Sound records of all segments.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }

    /// Entries that are held, over all groups.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.groups.iter().filter_map(|group| group.indexes.as_ref()).map(|indexes| indexes.end - indexes.start).sum()
    }
}

/// Reads the log in a folder: every record of every segment.
///
/// # Errors
/// When the folder or a file of it cannot be read, or is of a newer format. Damage is no error, it is in the report.
pub fn check(dir: &Path) -> Result<CheckReport, LogFault> {
    check_on(&RealDisk, dir)
}

/// The same on any disk.
///
/// # Errors
/// As of [`check`].
pub fn check_on(disk: &dyn Disk, dir: &Path) -> Result<CheckReport, LogFault> {
    let recovered = recover(disk, dir, Access::Read)?;
    let interrupted = interrupted(&recovered);
    let Recovered { segments, kept, spares, verdict, .. } = recovered;
    let segments = segments.into_iter().map(|(number, part)| SegmentReport {
        number,
        path: part.path,
        bytes: part.length,
        used_bytes: part.end.into(),
        records: part.records,
    });
    Ok(CheckReport {
        segments: segments.collect(),
        groups: verdict.groups.into_iter().map(|(group, judged)| report(group, &judged, dir)).collect(),
        spares_count: spares.len(),
        kept: kept.into_iter().map(|number| dir.join(super::segment::kept_name(number))).collect(),
        faults: verdict.damages.iter().map(|damage| damage.fault(dir)).collect(),
        others: verdict.others.map(|damage| damage.fault(dir)),
        interrupted,
    })
}

fn interrupted(recovered: &Recovered) -> Option<Interrupted> {
    let tail = recovered.tail.filter(|tail| tail.interrupted_end > tail.end)?;
    let (_, part) = recovered.last()?;
    let bytes = tail.interrupted_end - tail.end;
    Some(Interrupted { path: part.path.clone(), offset: tail.end.into(), bytes: bytes.into() })
}

fn report(group: GroupId, judged: &Judged, dir: &Path) -> GroupReport {
    let summary = &judged.held.summary;
    GroupReport {
        group,
        indexes: summary.held.clone().filter(|held| !held.is_empty()),
        bytes: judged.held.slots().iter().map(|slot| u64::from(slot.length)).sum(),
        purged: summary.purged.as_ref().map(|purged| purged.index),
        has_vote: summary.vote.is_some(),
        fault: judged.damage.as_ref().map(|damage| damage.fault(dir)),
    }
}
