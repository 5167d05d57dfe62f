//! The disk refuses while the log runs: each fault does what `docs/durability.md` says of it.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;

use super::super::contract::{entries, outcome};
use super::super::disk::{Disk, Injury, Operation, SimulatedDisk};
use super::super::{
    Appended, FileLog, FileLogSettings, GroupId, LogEngine, LogEntry, LogFault, Purged, Step, Stepper, SyncMode,
};
use super::bench::{Bench, Model, all, dir};

const GROUP: GroupId = GroupId(1);

fn small() -> FileLogSettings {
    FileLogSettings { segment_bytes: 8192, ..FileLogSettings::default() }
}

fn open(disk: &SimulatedDisk, settings: FileLogSettings) -> (FileLog, Stepper) {
    FileLog::open_stepped(Arc::new(disk.clone()), dir(), settings).expect("nothing is wrong yet")
}

fn bench(settings: FileLogSettings) -> Bench {
    let mut bench = Bench::new(SimulatedDisk::new(1), settings);
    bench.try_open().expect("nothing is wrong yet");
    bench
}

/// A few calls that are done, and as many that wait.
fn done_and_waiting(settings: FileLogSettings) -> Bench {
    let mut bench = bench(settings);
    (0..3).for_each(|_| bench.append(GROUP, 2, 20));
    assert_eq!(bench.settle(), Step::Idle);
    (0..3).for_each(|_| bench.append(GROUP, 2, 20));
    bench
}

fn is_io(fault: &LogFault, expected: &str) -> bool {
    matches!(fault, LogFault::Io { verb, .. } if *verb == expected)
}

/// Nothing is acknowledged any more, nothing is tried again, and everyone is told.
fn has_failed(bench: &mut Bench, verb: &str) {
    let good = bench.acknowledged();
    assert_eq!(bench.outcomes().len(), 6, "everyone who waited was told");
    assert!(bench.outcomes()[3..].iter().all(|outcome| is_io(outcome.as_ref().unwrap_err(), verb)));
    let operations = bench.disk.operations();
    bench.append(GROUP, 1, 1);
    assert_eq!(bench.stepper().step(), Step::Failed);
    assert!(is_io(bench.outcomes().last().unwrap().as_ref().unwrap_err(), verb));
    assert!(is_io(&bench.log().group(GROUP).unwrap_err(), verb));
    assert!(is_io(&bench.log().read(GROUP, 0..9, 9).unwrap_err(), verb));
    assert!(is_io(&bench.stepper().sync().unwrap_err(), verb));
    assert!(is_io(&bench.log().close().unwrap_err(), verb));
    assert_eq!(bench.disk.operations(), operations, "nothing is tried again");
    assert_eq!(bench.acknowledged(), good);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_nothing_tried_again() {
    let mut bench = done_and_waiting(small());
    bench.disk.injure(Operation::Sync, 1, Injury::Io);
    assert_eq!(bench.stepper().step(), Step::Failed);
    has_failed(&mut bench, "sync");
    let sentence = "cannot sync `/data/wal/00000000000000000001.wal`: Input/output error (os error 5); nothing more is \
                    acknowledged, check the disk and restart the node";
    assert_eq!(bench.outcomes()[3].as_ref().unwrap_err().to_string(), sentence);
}

#[test]
fn after_a_failed_write_too_even_if_some_of_it_was_written() {
    let mut bench = done_and_waiting(small());
    bench.disk.injure(Operation::Write, 1, Injury::Short(70));
    bench.disk.injure(Operation::Write, 2, Injury::Io);
    assert_eq!(bench.stepper().step(), Step::Failed);
    has_failed(&mut bench, "write");
    let least = bench.acknowledged();
    bench.disk.crash();
    bench.forget();
    bench.disk.restart();
    bench.try_open().unwrap();
    assert!(bench.stands_at(least).is_some());
}

#[test]
fn a_short_write_alone_is_gone_on_with() {
    let mut bench = done_and_waiting(small());
    bench.disk.injure(Operation::Write, 1, Injury::Short(1));
    bench.disk.injure(Operation::Write, 2, Injury::Short(100));
    assert_eq!(bench.settle(), Step::Idle);
    assert_eq!(bench.acknowledged(), bench.states.len() - 1);
}

#[test]
fn what_a_failed_sync_left_in_memory_is_written_again_before_it_is_believed() {
    let mut bench = done_and_waiting(small());
    bench.disk.injure(Operation::Sync, 1, Injury::Io);
    assert_eq!(bench.stepper().step(), Step::Failed);
    bench.disk.kill();
    bench.forget();
    bench.try_open().unwrap();
    let read_back = all(bench.log()).unwrap();
    assert_eq!(Some(&read_back), bench.states.last(), "the system still shows what it did not write");
    bench.disk.crash();
    bench.forget();
    bench.disk.restart();
    bench.try_open().unwrap();
    assert_eq!(all(bench.log()).unwrap(), read_back, "what was shown once is there for good");
}

#[test]
fn a_failed_change_of_segments_fails_the_log() {
    for operation in [Operation::Create, Operation::Allocate, Operation::Rename, Operation::SyncDir, Operation::Sync] {
        let mut bench = bench(FileLogSettings { segment_bytes: 4096, ..small() });
        while bench.log().figures().segments == 1 {
            bench.append(GROUP, 1, 1000);
            assert_eq!(bench.settle(), Step::Idle);
        }
        (0..3).for_each(|_| bench.append(GROUP, 1, 1000));
        bench.disk.injure(operation, if operation == Operation::Sync { 3 } else { 1 }, Injury::Io);
        assert_eq!(bench.settle(), Step::Failed, "{operation:?}");
        assert!(matches!(bench.outcomes().last(), Some(Err(LogFault::Io { .. }))), "{operation:?}");
        let least = bench.acknowledged();
        bench.disk.kill();
        bench.forget();
        bench.try_open().unwrap();
        assert!(bench.stands_at(least).is_some(), "{operation:?}");
    }
}

#[test]
fn a_disk_that_cannot_make_the_next_segment_fails_the_log() {
    let mut bench = bench(small());
    bench.disk.injure(Operation::Allocate, 1, Injury::Io);
    bench.append(GROUP, 1, 5000);
    assert_eq!(bench.settle(), Step::Failed);
    bench.append(GROUP, 1, 10);
    assert_eq!(bench.settle(), Step::Failed);
    assert!(is_io(bench.outcomes()[1].as_ref().unwrap_err(), "allocate"));
}

/// Fills the log until it says so, well before it cannot write.
fn filled(settings: FileLogSettings) -> Bench {
    let mut bench = bench(settings);
    bench.disk.set_capacity(Some(8192 + 4096));
    for _ in 0..20 {
        if bench.log().is_full() {
            return bench;
        }
        bench.append(GROUP, 1, 600);
        assert_eq!(bench.settle(), Step::Idle);
    }
    panic!("it is never full");
}

#[test]
fn a_full_disk_is_told_while_there_is_half_a_segment_left() {
    let mut bench = filled(small());
    let used = super::super::check_on(&bench.disk, dir()).unwrap().segments[0].used_bytes;
    assert!((4096..6000).contains(&used), "{used}");
    bench.append(GROUP, 2, 600);
    assert_eq!(bench.settle(), Step::Idle);
    assert_eq!(bench.acknowledged(), bench.states.len() - 1, "what was taken is still written");
}

#[test]
fn a_log_without_space_keeps_what_waits_and_goes_on_when_there_is() {
    let mut bench = filled(small());
    (0..10).for_each(|_| bench.append(GROUP, 1, 600));
    assert_eq!(bench.settle(), Step::Full);
    assert_eq!(bench.stepper().step(), Step::Full);
    assert!(bench.log().is_full());
    assert!(bench.outcomes().iter().all(Result::is_ok), "nothing is refused");
    assert!(bench.acknowledged() < bench.states.len() - 1);
    assert_eq!(&all(bench.log()).unwrap(), bench.states.last().unwrap(), "reads go on");
    bench.disk.set_capacity(None);
    assert_eq!(bench.settle(), Step::Idle);
    assert!(!bench.log().is_full());
    assert_eq!(bench.acknowledged(), bench.states.len() - 1);
    bench.disk.crash();
    bench.forget();
    bench.disk.restart();
    bench.try_open().unwrap();
    let last = bench.states.len() - 1;
    assert_eq!(bench.stands_at(last), Some(last));
}

#[test]
fn a_purge_makes_space_without_more_disk() {
    let settings = FileLogSettings { segment_bytes: 4096, ..small() };
    let mut bench = bench(settings);
    bench.disk.set_capacity(Some(4 * 4096));
    while !bench.log().is_full() {
        bench.append(GROUP, 1, 600);
        assert_eq!(bench.settle(), Step::Idle);
    }
    bench.run(&[super::bench::Act::Purge { group: 1, beyond: 0 }]);
    assert_eq!(bench.settle(), Step::Idle);
    assert!(!bench.log().is_full(), "the spent segments are spares now");
    (0..3).for_each(|_| bench.append(GROUP, 1, 600));
    assert_eq!(bench.settle(), Step::Idle);
    assert_eq!(bench.acknowledged(), bench.states.len() - 1);
}

#[test]
fn a_write_without_space_is_tried_again_from_its_begin() {
    let mut bench = done_and_waiting(small());
    bench.disk.injure(Operation::Write, 1, Injury::Short(70));
    bench.disk.injure(Operation::Write, 2, Injury::NoSpace);
    assert_eq!(bench.stepper().step(), Step::Full);
    assert!(bench.log().is_full());
    assert_eq!(bench.settle(), Step::Idle);
    assert!(!bench.log().is_full());
    assert_eq!(bench.acknowledged(), bench.states.len() - 1);
}

#[test]
fn a_full_log_that_is_closed_tells_what_waits_that_it_was_not_written() {
    let mut bench = filled(small());
    let good = bench.acknowledged();
    (0..10).for_each(|_| bench.append(GROUP, 1, 6000));
    let fault = bench.log().close().unwrap_err();
    assert!(matches!(&fault, LogFault::Io { source, .. } if source.kind() == ErrorKind::StorageFull), "{fault}");
    assert_eq!(bench.acknowledged(), good);
    assert_eq!(bench.outcomes().iter().filter(|outcome| outcome.is_err()).count(), 10);
}

#[test]
fn a_read_only_disk_is_one_sentence() {
    let disk = SimulatedDisk::new(1);
    open(&disk, small()).0.close().unwrap();
    disk.set_read_only(true);
    let fault = FileLog::open_stepped(Arc::new(disk), dir(), small()).unwrap_err();
    let sentence = "cannot write below `/data/wal`: the file system is read-only; mount it writable or choose another data \
                    directory";
    assert_eq!(fault.to_string(), sentence);
}

#[test]
fn a_disk_that_becomes_read_only_fails_the_log() {
    let mut bench = done_and_waiting(small());
    bench.disk.set_read_only(true);
    assert_eq!(bench.stepper().step(), Step::Failed);
    assert!(matches!(bench.outcomes()[3], Err(LogFault::ReadOnly { .. })));
}

#[test]
fn a_log_is_open_once() {
    let disk = SimulatedDisk::new(1);
    let (log, _stepper) = open(&disk, small());
    let fault = FileLog::open_stepped(Arc::new(disk.clone()), dir(), small()).unwrap_err();
    assert_eq!(fault.to_string(), "`/data/wal` is in use by another process; stop it or choose another data directory");
    log.close().unwrap();
    open(&disk, small());
}

#[test]
fn what_cannot_be_opened_says_so() {
    for operation in [Operation::Create, Operation::Allocate, Operation::Write, Operation::Sync, Operation::Rename] {
        let disk = SimulatedDisk::new(1);
        disk.create_dir(dir()).unwrap();
        disk.lock(&dir().join("lock")).unwrap();
        disk.injure(operation, 1, Injury::Io);
        assert!(FileLog::open_stepped(Arc::new(disk.clone()), dir(), small()).is_err(), "{operation:?}");
        open(&disk, small());
    }
}

fn call(log: &FileLog, call: impl FnOnce(&FileLog, Appended)) -> std::sync::mpsc::Receiver<Result<(), LogFault>> {
    let (done, outcome) = outcome();
    call(log, done);
    outcome
}

#[test]
fn a_drain_is_one_write_and_one_sync_however_many_groups_it_comes_from() {
    let disk = SimulatedDisk::new(1);
    let (log, mut stepper) = open(&disk, FileLogSettings::default());
    let before = disk.operations();
    for group in 0..50 {
        log.append(GroupId(group), entries(0..4, "a"), Box::new(|_| {}));
    }
    assert_eq!(stepper.step(), Step::Done);
    assert_eq!(disk.operations() - before, 2);
    let figures = log.figures();
    assert_eq!((figures.drains, figures.syncs, figures.records, figures.waiting_bytes), (1, 1, 200, 0));
    assert_eq!(stepper.step(), Step::Idle);
}

#[test]
fn the_same_calls_write_the_same_bytes() {
    let written = || {
        let mut bench = bench(FileLogSettings { segment_bytes: 4096, ..small() });
        for round in 0..40 {
            for group in 0..4 {
                bench.append(super::bench::GROUPS[group], 1 + round % 2, 40);
            }
            bench.settle();
        }
        let disk = bench.disk.clone();
        disk.files().into_iter().map(|path| (disk.content(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    assert!(written() == written(), "a simulation can be run again");
}

#[test]
fn votes_are_synced_in_every_mode_and_the_rest_when_the_mode_says() {
    for sync in [SyncMode::Interval { interval_ms: 1000 }, SyncMode::Never] {
        let disk = SimulatedDisk::new(1);
        let (log, mut stepper) = open(&disk, FileLogSettings { sync, ..FileLogSettings::default() });
        let appended = call(&log, |log, done| log.append(GROUP, entries(0..4, "a"), done));
        assert_eq!(stepper.step(), Step::Done);
        appended.recv().unwrap().unwrap();
        assert_eq!(log.figures().syncs, 0);
        let voted = call(&log, |log, done| log.save_vote(GROUP, Bytes::from_static(b"vote"), done));
        assert_eq!(stepper.step(), Step::Done);
        voted.recv().unwrap().unwrap();
        assert_eq!(log.figures().syncs, 1);
        log.append(GROUP, entries(4..5, "a"), Box::new(|_| {}));
        assert_eq!(stepper.step(), Step::Done);
        log.close().unwrap();
        assert_eq!(log.figures().syncs, 3, "what was written, and the mark behind it");
    }
}

#[test]
fn a_log_that_is_behind_says_so_and_takes_everything() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { waiting_bytes_max: 1000, drain_bytes_max: 500, ..small() };
    let (log, mut stepper) = open(&disk, settings);
    for index in 0..30 {
        log.append(GROUP, entries(index..index + 1, "a"), Box::new(|_| {}));
    }
    assert!(log.is_behind());
    while stepper.step() == Step::Done {}
    assert!(!log.is_behind());
    assert_eq!(log.figures().waiting_bytes, 0);
    assert!(log.figures().drains >= 3);
}

#[test]
fn an_entry_that_no_segment_can_hold_is_refused_alone() {
    let disk = SimulatedDisk::new(1);
    let (log, mut stepper) = open(&disk, small());
    let huge = vec![LogEntry { index: 0, bytes: Bytes::from(vec![0; 256 * 1024 * 1024 + 1]) }];
    let refused = call(&log, |log, done| log.append(GROUP, huge, done));
    let taken = call(&log, |log, done| log.append(GROUP, entries(0..1, "a"), done));
    while stepper.step() == Step::Done {}
    assert!(matches!(refused.recv().unwrap(), Err(LogFault::TooLarge { .. })));
    taken.recv().unwrap().unwrap();
}

#[test]
fn openings_and_entries_larger_than_a_segment_get_a_larger_one() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { segment_bytes: 4096, ..small() };
    let (log, mut stepper) = open(&disk, settings);
    for group in 0..300 {
        log.save_vote(GroupId(group), Bytes::from_static(b"a vote of some length"), Box::new(|_| {}));
        log.append(GroupId(group), entries(0..2, "entry"), Box::new(|_| {}));
    }
    let large = vec![LogEntry { index: 2, bytes: Bytes::from(vec![3; 50_000]) }];
    log.append(GroupId(7), large.clone(), Box::new(|_| {}));
    while stepper.step() == Step::Done {}
    disk.crash();
    drop((log, stepper));
    disk.restart();
    let (log, _stepper) = open(&disk, settings);
    for group in (0..300).map(GroupId) {
        assert!(log.group(group).unwrap().vote.is_some());
        assert_eq!(log.read(group, 0..2, 100).unwrap(), entries(0..2, "entry"));
    }
    assert_eq!(log.read(GroupId(7), 2..3, 0).unwrap(), large);
}

#[test]
fn spent_segments_are_written_again() {
    let mut bench = bench(FileLogSettings { segment_bytes: 4096, ..small() });
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..200 {
        bench.append(GROUP, 2, 300);
        bench.run(&[super::bench::Act::Purge { group: 1, beyond: -1 }]);
        assert_eq!(bench.settle(), Step::Idle);
        names.extend(bench.segments());
    }
    assert!(names.len() > 30, "{} segments", names.len());
    let figures = bench.log().figures();
    assert!(figures.segments <= 3, "{figures:?}");
    let files = bench.disk.files();
    assert!(files.len() <= 3 + 2 + 1, "segments, spares and the lock: {files:?}");
}

#[test]
fn a_segment_is_never_written_beyond_its_end() {
    for length in 3_000..3_200 {
        let mut bench = bench(FileLogSettings { segment_bytes: 4096, ..small() });
        for _ in 0..6 {
            bench.append(GROUP, 1, length);
            bench.append(GROUP, 1, 700);
            bench.settle();
            bench.stepper().pause().unwrap();
            bench.disk.kill();
            bench.forget();
            bench.try_open().unwrap();
            bench.stepper().pause().unwrap();
        }
        for path in bench.segments() {
            assert_eq!(bench.disk.content(&path).unwrap().len(), 4096, "{length}");
        }
    }
}

#[test]
fn groups_that_hold_the_oldest_segments_are_named() {
    let settings = FileLogSettings { segment_bytes: 4096, pinning_segments_max: 2, ..small() };
    let disk = SimulatedDisk::new(1);
    let (log, mut stepper) = open(&disk, settings);
    log.append(GroupId(5), entries(0..3, "quiet"), Box::new(|_| {}));
    let mut next = 0;
    while log.figures().segments < 4 {
        log.append(GROUP, entries(next..next + 1, "busy and quite a bit longer"), Box::new(|_| {}));
        next += 1;
        while stepper.step() == Step::Done {}
    }
    let pinning = log.pinning();
    assert_eq!(pinning[1], (GroupId(5), 2));
    assert_eq!(pinning[0].0, GROUP);
    for (group, index) in pinning {
        log.purge(group, Purged { index, id: Bytes::new() }, Box::new(|_| {}));
    }
    while stepper.step() == Step::Done {}
    assert_eq!(log.figures().segments, 2);
    assert_eq!(log.pinning(), []);
}

#[test]
fn quiet_groups_pin_nothing() {
    let settings = FileLogSettings { segment_bytes: 4096, ..small() };
    let mut bench = bench(settings);
    bench.run(&[super::bench::Act::Vote { group: 0 }, super::bench::Act::Purge { group: 2, beyond: 0 }]);
    for _ in 0..100 {
        bench.append(GROUP, 2, 300);
        bench.run(&[super::bench::Act::Purge { group: 1, beyond: 0 }]);
        assert_eq!(bench.settle(), Step::Idle);
    }
    assert!(bench.log().figures().segments <= 2);
    let expected: Model = bench.states.last().cloned().unwrap();
    bench.log().close().unwrap();
    bench.forget();
    bench.try_open().unwrap();
    assert_eq!(all(bench.log()).unwrap(), expected, "their votes and marks moved along");
}
