//! The log on files when callers write by themselves what they call.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::contract::{entries, outcome};
use super::super::{FileLog, FileLogSettings, GroupId, LogEngine, SyncMode, check};
use super::real::{Folder, GROUP};

/// Many times what a thread takes to come.
const PATIENCE: Duration = Duration::from_secs(10);

fn open(folder: &Folder, sync: SyncMode) -> FileLog {
    let log = FileLog::open(&folder.wal(), FileLogSettings { sync, ..FileLogSettings::default() }).unwrap();
    log.attend(true);
    log
}

#[test]
fn what_was_called_is_written_by_whoever_says_so_and_shares_one_sync() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Always);
    let (told, outcomes) = mpsc::channel();
    for (group, index) in [(GROUP, 0), (GroupId(4), 0), (GROUP, 1)] {
        let told = told.clone();
        let done = Box::new(move |outcome| told.send((outcome, thread::current().id())).unwrap());
        log.append(group, entries(index..index + 1, "entry"), done);
    }
    let before = log.figures();
    assert_eq!(before.records, 0, "nobody has written");
    log.write();
    for _ in 0..3 {
        let (outcome, by) = outcomes.try_recv().expect("it was written before the call returned");
        assert_eq!((outcome.is_ok(), by), (true, thread::current().id()));
    }
    let after = log.figures();
    assert_eq!((after.records - before.records, after.syncs - before.syncs), (3, 1));
    assert_eq!(log.read(GROUP, 0..2, usize::MAX).unwrap(), entries(0..2, "entry"));
}

/// The thread looks at the log now and then, to mark how far it is durable: not at what is not its own.
#[test]
fn what_callers_are_about_to_write_is_left_to_them_however_long_it_takes() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Always);
    let (done, outcome) = outcome();
    log.append(GROUP, entries(0..1, "entry"), done);
    log.write();
    outcome.recv_timeout(PATIENCE).expect("it is written").unwrap();
    let used_bytes = || check(&folder.wal()).unwrap().segments.last().map(|segment| segment.used_bytes);
    let written = used_bytes();
    let (told, outcomes) = mpsc::channel();
    log.append(GROUP, entries(1..2, "entry"), Box::new(move |_| told.send(thread::current().id()).unwrap()));
    // The mark is the thread's, and comes after a while in which nothing is written.
    until(|| used_bytes() > written);
    assert_eq!(outcomes.try_recv(), Err(mpsc::TryRecvError::Empty), "nobody has written it");
    log.write();
    assert_eq!(outcomes.try_recv(), Ok(thread::current().id()));
}

#[test]
fn what_nobody_writes_any_more_is_left_to_the_thread() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Always);
    let (done, outcome) = outcome();
    log.append(GROUP, entries(0..1, "entry"), done);
    log.attend(false);
    outcome.recv_timeout(PATIENCE).expect("the thread comes for it").unwrap();
}

#[test]
fn the_thread_syncs_after_the_interval_what_callers_have_written() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Interval { interval_ms: 1 });
    for index in 0..3 {
        let syncs = log.figures().syncs;
        let (done, outcome) = outcome();
        log.append(GROUP, entries(index..index + 1, "entry"), done);
        log.write();
        outcome.try_recv().expect("written is enough").unwrap();
        until(|| log.figures().syncs > syncs);
    }
}

/// The mark is what tells damage in the last record from a write that was interrupted.
#[test]
fn the_thread_marks_what_callers_have_written_once_they_are_quiet() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Always);
    let (done, outcome) = outcome();
    log.append(GROUP, entries(0..1, "entry"), done);
    log.write();
    outcome.try_recv().expect("it was written").unwrap();
    let used_bytes = || check(&folder.wal()).unwrap().segments.last().map(|segment| segment.used_bytes);
    let written = used_bytes();
    until(|| used_bytes() > written);
}

#[test]
fn everything_called_is_written_when_an_attended_log_is_closed() {
    let folder = Folder::new();
    let log = open(&folder, SyncMode::Always);
    let (done, outcome) = outcome();
    log.append(GROUP, entries(0..1, "entry"), done);
    log.close().unwrap();
    outcome.try_recv().expect("it was written").unwrap();
    drop(log);
    let log = open(&folder, SyncMode::Always);
    assert_eq!(log.read(GROUP, 0..1, usize::MAX).unwrap(), entries(0..1, "entry"));
}

/// What another thread does in its own time: nothing tells of it but the files and the figures.
fn until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "the thread did not come");
        thread::yield_now();
    }
}
