//! The log on a disk: takes calls in, reads entries, and steps its writer, on a thread of its own or when it is told to.
//!
//! Calls are written by the thread `fanfare-wal`, or by callers who say so ([`LogEngine::attend`]), which spares them two
//! changes of threads. The thread is started by [`FileLog::open`] and ends with [`LogEngine::close`] or when the log is dropped,
//! after it has written what waits. If it panics, the log fails like after a failed sync: nothing more is acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use parking_lot::Mutex;

use super::damage::Damage;
use super::disk::{Access, Disk, DiskFile, RealDisk};
use super::engine::{Appended, GroupId, GroupLog, LogEngine, LogEntry, Purged};
use super::fault::LogFault;
use super::groups::Groups;
use super::item::Call;
use super::reader::Reader;
use super::record::Seed;
use super::recovery::{self, Part};
use super::replay::{OTHERS, Verdict};
use super::segments::Segments;
use super::settings::{FileLogSettings, PAYLOAD_BYTES_MAX};
use super::shared::{Readable, Shared};
use super::spares::{Fill, Spares};
use super::summary::Summary;
use super::thread::{run, write};
use super::writer::{Step, Writer};

/// The write-ahead log of a node, in a folder of its own.
pub struct FileLog {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    spares: Arc<Spares>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    settings: FileLogSettings,
    faults: Vec<(Option<GroupId>, LogFault)>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<Arc<dyn DiskFile>>>,
}

/// Figures of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLogFigures {
    /// Segments that hold records.
    pub segments: u64,
    /// Bytes of their files.
    pub segments_bytes: u64,
    /// Writes since the start.
    pub drains: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// Records written since the start.
    pub records: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Bytes of records that were called and are not done.
    pub waiting_bytes: usize,
}

/// Steps the writer of a log that has no thread: in a simulation, or a test that chooses what happens when.
pub struct Stepper {
    writer: Arc<Mutex<Writer>>,
    spares: Arc<Spares>,
}

impl Stepper {
    /// Writes one drain, after making a segment ahead if one is wanted.
    pub fn step(&mut self) -> Step {
        match self.spares.refill(Fill::Zeros) {
            Ok(_) => self.writer.lock().step(),
            Err(fault) => {
                self.writer.lock().fail(&fault);
                Step::Failed
            }
        }
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// When the sync failed; the log has failed then.
    pub fn sync(&mut self) -> Result<(), LogFault> {
        self.writer.lock().flush()
    }

    /// What the thread does in a pause: writes how far the log is durable.
    ///
    /// # Errors
    /// When the write failed; the log has failed then.
    pub fn pause(&mut self) -> Result<(), LogFault> {
        self.writer.lock().mark()
    }
}

impl FileLog {
    /// Opens the log in a folder, or begins one.
    ///
    /// # Errors
    /// When the disk refuses, or the log is of a newer format, or another process has it open. Damage is no error: the
    /// groups that may be touched say so, see [`Self::faults`].
    pub fn open(dir: &Path, settings: FileLogSettings) -> Result<Self, LogFault> {
        Self::open_on(Arc::new(RealDisk), dir, settings)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path, settings: FileLogSettings) -> Result<Self, LogFault> {
        let log = Self::recover(disk, dir, settings)?;
        let spares = Arc::clone(&log.spares);
        let (writer, shared, sync) = (Arc::clone(&log.writer), Arc::clone(&log.shared), settings.sync);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
            spawned.map_err(|error| LogFault::io("start a thread for", dir, error))
        };
        let threads = vec![
            spawn("fanfare-wal", Box::new(move || run(&writer, &shared, sync)))?,
            spawn("fanfare-wal-spare", Box::new(move || spares.run()))?,
        ];
        *log.threads.lock() = threads;
        Ok(log)
    }

    /// The same without a thread: nothing is written until the stepper is told to, or the log is closed.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_stepped(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: FileLogSettings,
    ) -> Result<(Self, Stepper), LogFault> {
        let log = Self::recover(disk, dir, settings)?;
        let stepper = Stepper { writer: Arc::clone(&log.writer), spares: Arc::clone(&log.spares) };
        Ok((log, stepper))
    }

    fn recover(disk: Arc<dyn Disk>, dir: &Path, settings: FileLogSettings) -> Result<Self, LogFault> {
        disk.create_dir(dir).map_err(|error| LogFault::io("create", dir, error))?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LogFault::InUse { dir: dir.to_owned() },
            _ => LogFault::io("lock", &dir.join("lock"), error),
        })?;
        let recovered = recovery::recover(&*disk, dir, Access::Write)?;
        let salt = recovered.salt().unwrap_or_else(|| disk.chance());
        let spares = Arc::new(Spares::new(Arc::clone(&disk), dir, settings.segment_length()));
        spares.adopt(&recovered.spares, settings.spare_segments_max)?;
        let life = recovered.life.saturating_add(1);
        let mut segments = Segments::new(Arc::clone(&disk), dir, &settings, Arc::clone(&spares), (salt, life));
        // Names that were seen may not be durable yet.
        segments.sync_dir()?;
        let readable = insert(&mut segments, &recovered.segments);
        segments.damaged_through(recovered.verdict.damages.iter().map(|damage| damage.segment).max().unwrap_or(0));
        let trusted = Trusted::sort_out(recovered.verdict, dir, settings.recent_bytes_max);
        if !trusted.doubts.is_empty() {
            segments.keep_all();
        }
        if let Some(tail) = recovered.tail {
            segments.go_on(tail)?;
        }
        let Trusted { groups, written, doubts, faults } = trusted;
        let shared = Arc::new(Shared::new(groups, readable));
        let mut writer = Writer::new(Arc::clone(&shared), segments, Arc::clone(&spares), &settings, written, doubts);
        writer.begin()?;
        Ok(Self {
            shared,
            writer: Arc::new(Mutex::new(writer)),
            spares,
            disk,
            dir: dir.to_owned(),
            settings,
            faults,
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        })
    }

    fn reader(&self) -> Reader<'_> {
        Reader { shared: &self.shared, dir: &self.dir }
    }

    /// What was damaged when the log was opened, by group; with `None`: all groups that are not known.
    #[must_use]
    pub fn faults(&self) -> &[(Option<GroupId>, LogFault)] {
        &self.faults
    }

    /// Whether there is no space for what comes: new publications should be refused until there is. What was taken waits.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.spares.is_full() || self.shared.is_stuck.load(Relaxed)
    }

    /// Whether more waits than should: new publications should wait until it does not.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.shared.waiting_bytes.load(Relaxed) > self.settings.waiting_bytes_max
    }

    /// Bytes that may still be written to the log's file system.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn free_bytes(&self) -> Result<u64, LogFault> {
        self.disk.free_bytes(&self.dir).map_err(|error| LogFault::io("read the free space of", &self.dir, error))
    }

    /// Figures, for metrics.
    #[must_use]
    pub fn figures(&self) -> FileLogFigures {
        let figures = &self.shared.figures;
        FileLogFigures {
            segments: figures.segments.load(Relaxed),
            segments_bytes: figures.segments_bytes.load(Relaxed),
            drains: figures.drains.load(Relaxed),
            syncs: figures.syncs.load(Relaxed),
            records: figures.records.load(Relaxed),
            bytes: figures.bytes.load(Relaxed),
            waiting_bytes: self.shared.waiting_bytes.load(Relaxed),
        }
    }
}

/// Groups that were read back, and those that cannot be trusted.
struct Trusted {
    groups: Groups,
    written: BTreeMap<GroupId, Summary>,
    doubts: Vec<(GroupId, Damage)>,
    faults: Vec<(Option<GroupId>, LogFault)>,
}

impl Trusted {
    fn sort_out(verdict: Verdict, dir: &Path, recent_bytes_max: usize) -> Self {
        let groups = Groups::new(recent_bytes_max);
        let mut trusted = Self { groups, written: BTreeMap::new(), doubts: Vec::new(), faults: Vec::new() };
        for damage in &verdict.damages {
            tracing::warn!("the log is damaged: {}", damage.fault(dir));
        }
        if let Some(damage) = verdict.others {
            trusted.groups.doubt_others(damage.fault(dir));
            trusted.faults.push((None, damage.fault(dir)));
            trusted.doubts.push((OTHERS, damage));
        }
        for (group, judged) in verdict.groups {
            if let Some(damage) = judged.damage {
                let fault = damage.fault(dir);
                tracing::error!(%group, "the group cannot be trusted: {fault}");
                trusted.groups.insert_fault(group, fault.clone());
                trusted.faults.push((Some(group), fault));
                trusted.doubts.push((group, damage));
            } else {
                trusted.written.insert(group, judged.held.summary.clone());
                trusted.groups.insert(group, judged.held);
            }
        }
        trusted
    }
}

/// Hands over what was read back; the segments that entries can be read from.
fn insert(segments: &mut Segments, parts: &BTreeMap<u64, Part>) -> BTreeMap<u64, Readable> {
    let mut readable = BTreeMap::new();
    for (&number, part) in parts {
        // What stands behind the length that a segment was made with is not read back, so it is not written either.
        let length = part.header.as_ref().map_or(part.length, |header| part.length.min(header.length.into()));
        segments.insert(number, part.path.clone(), Arc::clone(&part.file), length, part.end);
        if let Some(header) = &part.header {
            let seed = Seed::new(header.salt, number);
            readable.insert(number, Readable { file: Arc::clone(&part.file), seed });
        }
    }
    readable
}

fn within_bound(group: GroupId, bytes: &[u8]) -> Result<(), LogFault> {
    let (bytes, bytes_max) = (bytes.len(), PAYLOAD_BYTES_MAX);
    if bytes > bytes_max { Err(LogFault::TooLarge { group, bytes, bytes_max }) } else { Ok(()) }
}

impl LogEngine for FileLog {
    fn group(&self, group: GroupId) -> Result<GroupLog, LogFault> {
        self.reader().group(group)
    }

    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Appended) {
        self.shared.call(group, done, |groups| {
            entries.iter().try_for_each(|entry| within_bound(group, &entry.bytes))?;
            let turns = groups.append(group, &entries)?..;
            let calls = entries.into_iter().map(|entry| Call::Entry { index: entry.index, bytes: entry.bytes });
            Ok(turns.zip(calls).collect())
        });
    }

    fn save_vote(&self, group: GroupId, vote: Bytes, done: Appended) {
        self.shared.call(group, done, |groups| {
            within_bound(group, &vote)?;
            Ok(vec![(groups.vote(group, vote.clone())?, Call::Vote(vote))])
        });
    }

    fn truncate_after(&self, group: GroupId, index: Option<u64>, done: Appended) {
        let index = index.map_or(0, |index| index.saturating_add(1));
        self.shared.call(group, done, |groups| {
            let truncated = groups.truncate(group, index)?;
            Ok(truncated.into_iter().map(|(turn, freed)| (turn, Call::Truncate { index, freed })).collect())
        });
    }

    fn purge(&self, group: GroupId, purged: Purged, done: Appended) {
        self.shared.call(group, done, |groups| {
            within_bound(group, &purged.id)?;
            let gone = groups.purge(group, purged.clone())?;
            Ok(gone.into_iter().map(|(turn, freed)| (turn, Call::Purge { purged: purged.clone(), freed })).collect())
        });
    }

    fn read(&self, group: GroupId, indexes: Range<u64>, bytes_max: usize) -> Result<Vec<LogEntry>, LogFault> {
        self.reader().read(group, indexes, bytes_max)
    }

    fn pinning(&self) -> Vec<(GroupId, u64)> {
        let state = self.shared.state.lock();
        let kept = self.settings.pinning_segments_max.max(1);
        match state.readable.keys().rev().nth(kept - 1) {
            Some(&oldest_kept) => state.groups.pinning(oldest_kept),
            None => Vec::new(),
        }
    }

    fn attend(&self, attended: bool) {
        self.shared.attend(attended);
    }

    fn write(&self) {
        write(&self.writer, &self.shared);
    }

    fn close(&self) -> Result<(), LogFault> {
        let closed = self.shared.close();
        self.spares.end();
        for thread in self.threads.lock().drain(..) {
            // A panic there has failed the log already, and says so below.
            let _ = thread.join();
        }
        let outcome = match closed {
            Ok(false) => return Ok(()),
            closed => {
                let finished = self.writer.lock().finish();
                closed.and(finished)
            }
        };
        *self.lock.lock() = None;
        outcome
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        if let Err(fault) = self.close() {
            tracing::error!("the log was not closed cleanly: {fault}");
        }
    }
}

impl fmt::Debug for FileLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLog").field("dir", &self.dir).field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper").field("spares", &self.spares).finish_non_exhaustive()
    }
}
