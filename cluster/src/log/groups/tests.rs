use super::*;
use std::path::PathBuf;

const GROUP: GroupId = GroupId(1);
const OTHER: GroupId = GroupId(2);

fn entries(indexes: Range<u64>) -> Vec<LogEntry> {
    indexes.map(|index| LogEntry { index, bytes: Bytes::from(vec![b'x'; 10]) }).collect()
}

fn purged(index: u64) -> Purged {
    Purged { index, id: Bytes::new() }
}

fn at(segment: u64, offset: u32) -> Place {
    Place { segment, offset }
}

/// Appends and writes, one segment for all.
fn written(groups: &mut Groups, group: GroupId, indexes: Range<u64>, segment: u64) {
    let turn = groups.append(group, &entries(indexes.clone())).unwrap();
    for (n, index) in indexes.enumerate() {
        groups.written(group, index, turn + n as u64, at(segment, index as u32 * 64));
    }
    groups.check();
}

fn indexes(found: &[Found]) -> Vec<u64> {
    found.iter().map(|found| found.index).collect()
}

#[test]
fn a_segment_is_needed_until_the_call_that_drops_its_entries_was_written() {
    let mut groups = Groups::new(usize::MAX);
    written(&mut groups, GROUP, 0..3, 1);
    written(&mut groups, OTHER, 0..3, 2);
    written(&mut groups, GROUP, 3..5, 3);
    let (_, freed) = groups.purge(GROUP, purged(3)).unwrap().unwrap();
    assert_eq!(freed, Freed { written: vec![(1, 3), (3, 1)], unwritten: vec![] });
    assert_eq!(groups.oldest_needed(), Some(1));
    groups.free(freed);
    assert_eq!(groups.oldest_needed(), Some(2));
    groups.check();
    let (_, freed) = groups.truncate(OTHER, 0).unwrap().unwrap();
    groups.free(freed);
    assert_eq!(groups.oldest_needed(), Some(3));
    assert_eq!(groups.truncate(OTHER, 0).unwrap(), None, "there is nothing left to drop");
    assert_eq!(groups.purge(GROUP, purged(2)).unwrap(), None);
}

#[test]
fn an_entry_that_was_dropped_before_it_was_written_is_needed_until_the_drop_is_written() {
    let mut groups = Groups::new(usize::MAX);
    let turn = groups.append(GROUP, &entries(0..2)).unwrap();
    let (_, freed) = groups.truncate(GROUP, 1).unwrap().unwrap();
    let again = groups.append(GROUP, &entries(1..2)).unwrap();
    groups.written(GROUP, 0, turn, at(2, 0));
    groups.written(GROUP, 1, turn + 1, at(1, 64));
    groups.check();
    assert_eq!(groups.find(GROUP, 1..2, 100)[0].place, None, "that was the dropped one");
    assert_eq!(groups.oldest_needed(), Some(1), "else a crash would miss an entry that is not dropped yet");
    groups.free(freed);
    assert_eq!(groups.oldest_needed(), Some(2));
    groups.written(GROUP, 1, again, at(2, 128));
    assert_eq!(groups.find(GROUP, 1..2, 100)[0].place, Some(at(2, 128)));
    groups.check();
    assert!(groups.orphans.is_empty());
}

#[test]
fn memory_keeps_the_newest_and_what_waits() {
    let mut groups = Groups::new(35);
    written(&mut groups, GROUP, 0..6, 1);
    groups.evict();
    groups.check();
    let found = groups.find(GROUP, 0..10, usize::MAX);
    assert_eq!(indexes(&found), [0, 1, 2, 3, 4, 5]);
    let in_memory: Vec<bool> = found.iter().map(|found| found.bytes.is_some()).collect();
    assert_eq!(in_memory, [false, false, false, true, true, true]);
    groups.append(GROUP, &entries(6..16)).unwrap();
    groups.evict();
    assert!(groups.find(GROUP, 6..16, usize::MAX).iter().all(|found| found.bytes.is_some()));
    groups.check();
}

#[test]
fn memory_of_dropped_entries_is_given_back() {
    let mut groups = Groups::new(usize::MAX);
    for round in 0..1_000 {
        written(&mut groups, GROUP, round * 10..round * 10 + 10, 1);
        let (_, freed) = groups.purge(GROUP, purged(round * 10 + 9)).unwrap().unwrap();
        groups.free(freed);
        groups.check();
    }
    assert_eq!((groups.recent_bytes, groups.recent_count), (0, 0));
    assert!(groups.recent.len() < RECENT_STALE_COUNT + 100, "what is gone is forgotten");
    assert_eq!(groups.oldest_needed(), None);
}

#[test]
fn groups_that_pin_are_told_how_far_to_purge() {
    let mut groups = Groups::new(usize::MAX);
    written(&mut groups, GROUP, 0..3, 1);
    written(&mut groups, GROUP, 3..5, 2);
    written(&mut groups, OTHER, 7..8, 3);
    assert_eq!(groups.pinning(1), []);
    assert_eq!(groups.pinning(2), [(GROUP, 2)]);
    assert_eq!(groups.pinning(3), [(GROUP, 4)]);
    assert_eq!(groups.pinning(4), [(GROUP, 4), (OTHER, 7)]);
}

#[test]
fn groups_in_doubt_refuse_everything_and_the_others_go_on() {
    let mut groups = Groups::new(usize::MAX);
    let fault = LogFault::MissingSegment { path: PathBuf::from("a") };
    written(&mut groups, GROUP, 0..1, 1);
    groups.insert_fault(OTHER, fault.clone());
    groups.doubt_others(fault);
    written(&mut groups, GROUP, 1..2, 1);
    for doubtful in [OTHER, GroupId(3)] {
        assert!(groups.append(doubtful, &entries(0..1)).is_err());
        assert!(groups.vote(doubtful, Bytes::new()).is_err());
        assert!(groups.truncate(doubtful, 0).is_err());
        assert!(groups.purge(doubtful, purged(0)).is_err());
    }
    groups.check();
}
