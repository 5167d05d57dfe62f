//! The log on files, with its threads.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::contract::{self, entries, outcome, wait};
use super::super::disk::SimulatedDisk;
use super::super::{FileLog, FileLogSettings, GroupId, LogEngine, LogEntry, LogFault, Purged, SyncMode, check};

/// A folder that goes with its test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("fanfare-log-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.0.join("wal")
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.wal().join(format!("{number:020}.wal"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) const GROUP: GroupId = GroupId(3);

fn small(sync: SyncMode) -> FileLogSettings {
    FileLogSettings { sync, segment_bytes: 8192, recent_bytes_max: 500, ..FileLogSettings::default() }
}

fn append(log: &FileLog, group: GroupId, indexes: std::ops::Range<u64>) {
    wait(|done| log.append(group, entries(indexes, "entry"), done)).expect("it can be appended");
}

/// What a crash leaves: the files as they are while the log is open.
fn image(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn the_file_log_keeps_the_contract() {
    for sync in [SyncMode::Always, SyncMode::Interval { interval_ms: 5 }, SyncMode::Never] {
        contract::holds(|| {
            let folder = Folder::new();
            Box::new(move || Arc::new(FileLog::open(&folder.wal(), small(sync)).unwrap()))
        });
    }
}

#[test]
fn the_file_log_keeps_the_contract_on_a_simulated_disk() {
    contract::holds(|| {
        let disk = SimulatedDisk::new(7);
        let open = move || FileLog::open_on(Arc::new(disk.clone()), Path::new("/wal"), FileLogSettings::default());
        Box::new(move || Arc::new(open().unwrap()))
    });
}

#[test]
fn a_new_log_takes_little_space_and_its_segments_are_whole() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), FileLogSettings::default()).unwrap();
    append(&log, GROUP, 0..3);
    log.close().unwrap();
    assert_eq!(fs::metadata(folder.segment(1)).unwrap().len(), 4 * 1024 * 1024);
    assert_eq!(fs::read_dir(folder.wal()).unwrap().count(), 2, "the segment and the lock");
}

#[test]
fn a_bit_that_flips_in_the_middle_is_corruption_with_its_place() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), FileLogSettings::default()).unwrap();
    for index in 0..10 {
        append(&log, GROUP, index..index + 1);
        append(&log, GroupId(4), index..index + 1);
    }
    log.close().unwrap();
    drop(log);
    let file = OpenOptions::new().read(true).write(true).open(folder.segment(1)).unwrap();
    let offset = 64 + 8 * 56 + 48;
    let mut byte = [0];
    file.read_at(&mut byte, offset).unwrap();
    file.write_at(&[byte[0] ^ 4], offset).unwrap();

    let report = check(&folder.wal()).unwrap();
    assert!(matches!(&report.faults[..], [LogFault::Corrupt { path, offset, group: Some(GROUP), .. }]
        if *path == folder.segment(1) && *offset == 64 + 8 * 56));
    let log = FileLog::open(&folder.wal(), FileLogSettings::default()).unwrap();
    let fault = log.group(GROUP).unwrap_err();
    assert!(matches!(fault, LogFault::Corrupt { offset, .. } if offset == 64 + 8 * 56));
    assert_eq!(log.faults().len(), 1);
    assert_eq!(log.read(GroupId(4), 0..10, usize::MAX).unwrap(), entries(0..10, "entry"));
    append(&log, GroupId(4), 10..11);
}

#[test]
fn a_torn_tail_is_cut_and_nothing_behind_it_comes_back() {
    let (folder, crashed) = (Folder::new(), Folder::new());
    let log = FileLog::open(&folder.wal(), FileLogSettings::default()).unwrap();
    append(&log, GROUP, 0..5);
    // One drain of two: of what power interrupts the second half may be there and the first not.
    let (done, outcome) = outcome();
    log.append(GROUP, entries(5..8, "torn"), done);
    outcome.recv().unwrap().unwrap();
    image(&folder.wal(), &crashed.wal());
    drop(log);
    let file = OpenOptions::new().write(true).open(crashed.segment(1)).unwrap();
    file.write_at(&[0; 56], 64 + 5 * 56).unwrap();

    let report = check(&crashed.wal()).unwrap();
    assert!(report.faults.is_empty());
    let interrupted = report.interrupted.expect("two records are left of it");
    assert_eq!((interrupted.path, interrupted.offset), (crashed.segment(1), 64 + 5 * 56));
    let log = FileLog::open(&crashed.wal(), FileLogSettings::default()).unwrap();
    assert_eq!(log.read(GROUP, 0..9, usize::MAX).unwrap(), entries(0..5, "entry"));
    append(&log, GROUP, 5..6);
    log.close().unwrap();
    drop(log);
    assert_eq!(check(&crashed.wal()).unwrap().interrupted, None);
    let log = FileLog::open(&crashed.wal(), FileLogSettings::default()).unwrap();
    assert_eq!(log.read(GROUP, 0..9, usize::MAX).unwrap(), entries(0..6, "entry"));
}

#[test]
fn a_missing_segment_is_named() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    append(&log, GroupId(4), 0..1);
    let mut next = 0;
    while log.figures().segments < 3 {
        append(&log, GROUP, next..next + 10);
        next += 10;
    }
    log.close().unwrap();
    drop(log);
    fs::remove_file(folder.segment(2)).unwrap();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    let fault = log.group(GROUP).unwrap_err();
    assert!(matches!(&fault, LogFault::MissingSegment { path } if *path == folder.segment(2)), "{fault}");
    assert_eq!(log.group(GroupId(4)).unwrap().last, entries(0..1, "entry").pop(), "it had nothing there");
}

#[test]
fn a_log_that_another_holds_is_not_opened() {
    let folder = Folder::new();
    let _log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    let fault = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap_err();
    assert!(matches!(fault, LogFault::InUse { .. }), "{fault}");
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let folder = Folder::new();
    let fault = check(&folder.wal()).unwrap_err();
    assert!(matches!(&fault, LogFault::Io { source, .. } if source.kind() == ErrorKind::NotFound), "{fault}");
}

#[test]
fn a_check_counts_what_is_there() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), FileLogSettings::default()).unwrap();
    append(&log, GROUP, 5..9);
    append(&log, GroupId::META, 0..2);
    wait(|done| log.save_vote(GroupId::META, Bytes::from_static(b"vote"), done)).unwrap();
    wait(|done| log.purge(GROUP, Purged { index: 6, id: Bytes::new() }, done)).unwrap();
    log.close().unwrap();
    let report = check(&folder.wal()).unwrap();
    assert_eq!((report.segments.len(), report.bytes(), report.entries()), (1, 4 * 1024 * 1024, 4));
    assert_eq!(report.records(), 4 + 2 + 1 + 1 + 1, "with the mark");
    let [group, meta] = &report.groups[..] else { panic!("{:?}", report.groups) };
    assert_eq!((group.group, group.indexes.clone(), group.purged, group.has_vote), (GROUP, Some(7..9), Some(6), false));
    assert_eq!((meta.group, meta.indexes.clone(), meta.purged, meta.has_vote), (GroupId::META, Some(0..2), None, true));
    assert_eq!((group.bytes, meta.bytes), (12, 12));
    assert!(report.faults.is_empty() && report.others.is_none() && report.kept.is_empty());
}

#[test]
fn with_interval_the_thread_syncs_by_itself() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Interval { interval_ms: 5 })).unwrap();
    append(&log, GROUP, 0..1);
    let started = Instant::now();
    while log.figures().syncs == 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "it is synced soon");
        thread::yield_now();
    }
    log.close().unwrap();
}

#[test]
fn readers_are_right_while_segments_are_written_again_under_them() {
    // Past the system's memory, which the readers go through, and not.
    for sync in [SyncMode::Always, SyncMode::Never] {
        readers_are_right(FileLogSettings { recent_bytes_max: 0, ..small(sync) });
    }
}

fn readers_are_right(settings: FileLogSettings) {
    let folder = Folder::new();
    let log = Arc::new(FileLog::open(&folder.wal(), settings).unwrap());
    let entry = |index: u64| LogEntry { index, bytes: Bytes::from(index.to_le_bytes().repeat(20)) };
    let end = 4_000;
    let writer = {
        let log = Arc::clone(&log);
        thread::spawn(move || {
            for index in 0..end {
                let (done, appended) = outcome();
                log.append(GROUP, vec![entry(index)], done);
                if index % 8 == 7 {
                    appended.recv().unwrap().unwrap();
                    log.purge(GROUP, Purged { index: index - 7, id: Bytes::new() }, Box::new(|_| {}));
                }
            }
        })
    };
    let mut reads = 0;
    while !writer.is_finished() {
        for read in log.read(GROUP, 0..end, 1_000).unwrap() {
            assert_eq!(read, entry(read.index));
            reads += 1;
        }
        log.group(GROUP).unwrap();
    }
    writer.join().unwrap();
    assert!(reads > 0);
    assert!(log.figures().segments <= 4, "{:?}", log.figures());
    log.close().unwrap();
}

#[test]
fn many_threads_append_to_their_groups_at_once() {
    let folder = Folder::new();
    let log = Arc::new(FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|group| {
            let log = Arc::clone(&log);
            thread::spawn(move || (0..20).for_each(|index| append(&log, GroupId(group), index..index + 1)))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    log.close().unwrap();
    let figures = log.figures();
    assert!(figures.syncs < figures.records, "they share their syncs: {figures:?}");
    drop(log);
    let log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    for group in 0..8 {
        assert_eq!(log.read(GroupId(group), 0..20, usize::MAX).unwrap(), entries(0..20, "entry"));
    }
}

#[test]
fn a_writer_that_ends_by_a_defect_leaves_nobody_waiting() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    log.append(GROUP, entries(0..1, "entry"), Box::new(|_| panic!("a callback with a defect")));
    let refused =
        (1..).find(|&index| wait(|done| log.append(GROUP, entries(index..index + 1, "entry"), done)).is_err());
    assert!(refused.is_some());
    let fault = wait(|done| log.save_vote(GROUP, Bytes::new(), done)).unwrap_err();
    assert!(fault.to_string().contains("its writer ended by a defect"), "{fault}");
    assert!(log.group(GROUP).is_err());
    assert!(log.close().is_err());
    drop(log);
    let log = FileLog::open(&folder.wal(), small(SyncMode::Always)).unwrap();
    assert_eq!(log.read(GROUP, 0..1, 0).unwrap(), entries(0..1, "entry"));
}

#[test]
fn a_log_that_is_dropped_is_closed() {
    let folder = Folder::new();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Never)).unwrap();
    let (done, appended) = outcome();
    log.append(GROUP, entries(0..5, "entry"), done);
    drop(log);
    appended.recv().unwrap().unwrap();
    let log = FileLog::open(&folder.wal(), small(SyncMode::Never)).unwrap();
    assert_eq!(log.read(GROUP, 0..5, usize::MAX).unwrap(), entries(0..5, "entry"));
}
