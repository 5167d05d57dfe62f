//! What every log engine keeps: one suite, run by each engine's own tests.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use bytes::Bytes;

use super::engine::{Appended, GroupId, LogEngine, LogEntry, Purged};
use super::fault::LogFault;

/// A place that keeps a log: each call opens what the last one left. The log before must be closed.
pub(super) type Place = Box<dyn Fn() -> Arc<dyn LogEngine>>;

/// Runs the whole suite; `place` makes a new empty place for each check.
pub(super) fn holds(place: impl Fn() -> Place) {
    let checks: [fn(&Place); 10] = [
        an_unknown_group_is_empty,
        what_was_called_is_read_at_once,
        reads_stop_at_their_bound_but_give_one,
        truncated_entries_are_gone_and_overwritten,
        a_purge_may_lie_beyond_the_last_entry,
        a_purge_never_goes_back,
        entries_that_do_not_follow_are_refused_whole,
        callbacks_come_in_the_order_of_the_calls,
        everything_is_there_after_a_restart,
        a_closed_log_says_so,
    ];
    for check in checks {
        check(&place());
    }
}

const GROUP: GroupId = GroupId(7);
const OTHER: GroupId = GroupId::META;

/// A callback, and where its outcome arrives.
pub(super) fn outcome() -> (Appended, Receiver<Result<(), LogFault>>) {
    let (sender, receiver) = mpsc::channel();
    let done = move |outcome| {
        let _ = sender.send(outcome);
    };
    (Box::new(done), receiver)
}

/// Calls and waits for the outcome.
pub(super) fn wait(call: impl FnOnce(Appended)) -> Result<(), LogFault> {
    let (done, outcome) = outcome();
    call(done);
    outcome.recv().expect("every callback is called")
}

/// Entries of a range of indexes whose bytes tell their index and a tag.
pub(super) fn entries(indexes: std::ops::Range<u64>, tag: &str) -> Vec<LogEntry> {
    indexes.map(|index| LogEntry { index, bytes: Bytes::from(format!("{tag}{index}")) }).collect()
}

fn purged(index: u64) -> Purged {
    Purged { index, id: Bytes::from(format!("id{index}")) }
}

fn append(log: &dyn LogEngine, group: GroupId, indexes: std::ops::Range<u64>, tag: &str) {
    wait(|done| log.append(group, entries(indexes, tag), done)).expect("it can be appended");
}

fn all(log: &dyn LogEngine, group: GroupId) -> Vec<LogEntry> {
    log.read(group, 0..u64::MAX, usize::MAX).expect("it can be read")
}

fn an_unknown_group_is_empty(place: &Place) {
    let log = place();
    assert_eq!(log.group(GROUP).expect("it is known to be empty"), super::GroupLog::default());
    assert_eq!(all(&*log, GROUP), []);
    wait(|done| log.append(GROUP, Vec::new(), done)).expect("no entries are a valid call");
    wait(|done| log.truncate_after(GROUP, None, done)).expect("there is nothing to drop");
    assert_eq!(log.group(GROUP).expect("it is known to be empty"), super::GroupLog::default());
}

fn what_was_called_is_read_at_once(place: &Place) {
    let log = place();
    let (done, appended) = outcome();
    log.append(GROUP, entries(3..6, "a"), done);
    assert_eq!(all(&*log, GROUP), entries(3..6, "a"));
    assert_eq!(log.group(GROUP).unwrap().last, entries(5..6, "a").pop());
    let (done, voted) = outcome();
    log.save_vote(GROUP, Bytes::from_static(b"vote"), done);
    assert_eq!(log.group(GROUP).unwrap().vote, Some(Bytes::from_static(b"vote")));
    assert_eq!(log.group(OTHER).unwrap(), super::GroupLog::default());
    appended.recv().unwrap().unwrap();
    voted.recv().unwrap().unwrap();
}

fn reads_stop_at_their_bound_but_give_one(place: &Place) {
    let log = place();
    append(&*log, GROUP, 0..10, "a");
    assert_eq!(log.read(GROUP, 2..5, usize::MAX).unwrap(), entries(2..5, "a"));
    assert_eq!(log.read(GROUP, 2..5, 4).unwrap(), entries(2..4, "a"), "two bytes an entry");
    assert_eq!(log.read(GROUP, 2..5, 5).unwrap(), entries(2..4, "a"));
    assert_eq!(log.read(GROUP, 2..5, 0).unwrap(), entries(2..3, "a"));
    assert_eq!(log.read(GROUP, 8..50, usize::MAX).unwrap(), entries(8..10, "a"));
    assert_eq!(log.read(GROUP, 10..50, usize::MAX).unwrap(), []);
    assert_eq!(log.read(GROUP, 5..5, usize::MAX).unwrap(), []);
}

fn truncated_entries_are_gone_and_overwritten(place: &Place) {
    let log = place();
    append(&*log, GROUP, 1..8, "a");
    wait(|done| log.truncate_after(GROUP, Some(4), done)).unwrap();
    assert_eq!(all(&*log, GROUP), entries(1..5, "a"));
    append(&*log, GROUP, 5..7, "b");
    let expected = [entries(1..5, "a"), entries(5..7, "b")].concat();
    assert_eq!(all(&*log, GROUP), expected);
    wait(|done| log.truncate_after(GROUP, Some(9), done)).unwrap();
    log.close().unwrap();
    let log = place();
    assert_eq!(all(&*log, GROUP), expected);
    wait(|done| log.truncate_after(GROUP, None, done)).unwrap();
    assert_eq!(log.group(GROUP).unwrap().last, None);
    append(&*log, GROUP, 1..2, "c");
    log.close().unwrap();
    assert_eq!(all(&*place(), GROUP), entries(1..2, "c"));
}

fn a_purge_may_lie_beyond_the_last_entry(place: &Place) {
    let log = place();
    append(&*log, GROUP, 0..5, "a");
    wait(|done| log.purge(GROUP, purged(2), done)).unwrap();
    assert_eq!(all(&*log, GROUP), entries(3..5, "a"));
    wait(|done| log.purge(GROUP, purged(20), done)).unwrap();
    let held = log.group(GROUP).unwrap();
    assert_eq!((held.purged, held.last), (Some(purged(20)), None));
    append(&*log, GROUP, 21..23, "b");
    wait(|done| log.truncate_after(GROUP, Some(3), done)).unwrap();
    assert_eq!(all(&*log, GROUP), []);
    append(&*log, GROUP, 21..22, "c");
    log.close().unwrap();
    let log = place();
    let held = log.group(GROUP).unwrap();
    assert_eq!((held.purged, held.last), (Some(purged(20)), entries(21..22, "c").pop()));
}

fn a_purge_never_goes_back(place: &Place) {
    let log = place();
    append(&*log, GROUP, 0..5, "a");
    wait(|done| log.purge(GROUP, purged(3), done)).unwrap();
    wait(|done| log.purge(GROUP, purged(1), done)).unwrap();
    let other = Purged { index: 3, id: Bytes::from_static(b"other") };
    wait(|done| log.purge(GROUP, other, done)).unwrap();
    assert_eq!(log.group(GROUP).unwrap().purged, Some(purged(3)));
    assert_eq!(all(&*log, GROUP), entries(4..5, "a"));
}

fn entries_that_do_not_follow_are_refused_whole(place: &Place) {
    let log = place();
    append(&*log, GROUP, 0..3, "a");
    for wrong in [entries(4..6, "b"), entries(2..4, "b"), [entries(3..4, "b"), entries(5..6, "b")].concat()] {
        let refused = wait(|done| log.append(GROUP, wrong, done));
        assert!(matches!(refused, Err(LogFault::OutOfOrder { expected: 3 | 4, .. })), "{refused:?}");
    }
    assert_eq!(all(&*log, GROUP), entries(0..3, "a"));
    wait(|done| log.purge(GROUP, purged(9), done)).unwrap();
    let refused = wait(|done| log.append(GROUP, entries(3..4, "b"), done));
    assert!(matches!(refused, Err(LogFault::OutOfOrder { expected: 10, found: 3, .. })), "{refused:?}");
}

fn callbacks_come_in_the_order_of_the_calls(place: &Place) {
    let log = place();
    let (sender, outcomes) = mpsc::channel();
    for call in 0..200_u64 {
        let sender = sender.clone();
        let group = GroupId((call % 3) as u32);
        let done: Appended = Box::new(move |outcome| sender.send((call, outcome.is_ok())).unwrap());
        match call % 5 {
            0 => log.save_vote(group, Bytes::from(call.to_string()), done),
            1 => log.append(group, Vec::new(), done),
            _ => {
                let next = log.group(group).unwrap().last.map_or(0, |last| last.index + 1);
                log.append(group, entries(next..next + 2, "a"), done);
            }
        }
    }
    drop(sender);
    let seen: Vec<_> = outcomes.iter().collect();
    assert_eq!(seen, (0..200).map(|call| (call, true)).collect::<Vec<_>>());
}

fn everything_is_there_after_a_restart(place: &Place) {
    let log = place();
    let large = LogEntry { index: 4, bytes: Bytes::from(vec![0xa5; 70_000]) };
    append(&*log, GROUP, 1..4, "a");
    wait(|done| log.append(GROUP, vec![large.clone()], done)).unwrap();
    append(&*log, OTHER, 0..2, "other");
    wait(|done| log.save_vote(OTHER, Bytes::from_static(b"first"), done)).unwrap();
    wait(|done| log.save_vote(OTHER, Bytes::from_static(b"second"), done)).unwrap();
    wait(|done| log.purge(GROUP, purged(1), done)).unwrap();
    wait(|done| log.append(GROUP, vec![LogEntry { index: 5, bytes: Bytes::new() }], done)).unwrap();
    let (done, waiting) = outcome();
    log.append(OTHER, entries(2..4, "other"), done);
    log.close().unwrap();
    waiting.recv().unwrap().expect("what was called before is durable");
    for _ in 0..2 {
        let log = place();
        let held = log.group(GROUP).unwrap();
        assert_eq!(held.purged, Some(purged(1)));
        assert_eq!(held.last, Some(LogEntry { index: 5, bytes: Bytes::new() }));
        assert_eq!(held.vote, None);
        assert_eq!(log.read(GROUP, 2..5, usize::MAX).unwrap(), [entries(2..4, "a"), vec![large.clone()]].concat());
        assert_eq!(log.group(OTHER).unwrap().vote, Some(Bytes::from_static(b"second")));
        assert_eq!(all(&*log, OTHER), entries(0..4, "other"));
        log.close().unwrap();
    }
}

fn a_closed_log_says_so(place: &Place) {
    let log = place();
    append(&*log, GROUP, 0..1, "a");
    log.close().unwrap();
    assert!(matches!(wait(|done| log.append(GROUP, entries(1..2, "a"), done)), Err(LogFault::Closed)));
    assert!(matches!(wait(|done| log.save_vote(GROUP, Bytes::new(), done)), Err(LogFault::Closed)));
    assert!(matches!(log.group(GROUP), Err(LogFault::Closed)));
    assert!(matches!(log.read(GROUP, 0..1, 1), Err(LogFault::Closed)));
    log.close().expect("closing twice is closing once");
}
