//! Segments rot: a bit flips, sectors are lost, files vanish or end early. A group is then at fault, or it holds exactly
//! what it held; nothing in between, and that stays so however the log goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::contract::wait;
use super::super::disk::{Disk, SimulatedDisk};
use super::super::{
    FileLog, FileLogSettings, GroupId, LogEngine, LogEntry, LogFault, Purged, SegmentReport, Step, check_on,
};
use super::bench::{Act, Bench, GROUPS, Group, Model, acts, dir, held, settings};

/// What happens to a segment, in fractions of what it holds.
#[derive(Debug, Clone)]
enum Rot {
    Flip { segment: usize, at: f64, bit: u8 },
    Zeros { segment: usize, at: f64, sectors: usize },
    Gone { segment: usize },
    Short { segment: usize, at: f64 },
}

fn rots() -> impl Strategy<Value = Rot> {
    prop_oneof![
        4 => (0..9_usize, 0.0..1.0_f64, 0..8_u8).prop_map(|(segment, at, bit)| Rot::Flip { segment, at, bit }),
        3 => (0..9_usize, 0.0..1.0_f64, 1..5_usize)
            .prop_map(|(segment, at, sectors)| Rot::Zeros { segment, at, sectors }),
        1 => (0..9_usize).prop_map(|segment| Rot::Gone { segment }),
        1 => (0..9_usize, 0.0..1.0_f64).prop_map(|(segment, at)| Rot::Short { segment, at }),
    ]
}

/// A mark, with which every closed log ends. If it is lost with what stands before it, nobody can tell.
const MARK_BYTES: u64 = 48;

fn rot(disk: &SimulatedDisk, segments: &[SegmentReport], rot: &Rot) {
    let pick = |segment: usize| &segments[segment % segments.len()];
    let place = |bytes: u64, at: f64| (bytes as f64 * at) as usize;
    let unmarked = |segment: &SegmentReport| segment.used_bytes - MARK_BYTES;
    match *rot {
        Rot::Flip { segment, at, bit } => {
            let segment = pick(segment);
            let flip = |byte: &mut u8| *byte ^= 1 << bit;
            let _ = disk.rot(&segment.path, |bytes| {
                bytes.get_mut(place(unmarked(segment), at)).map(flip);
            });
        }
        Rot::Zeros { segment, at, sectors } => {
            let segment = pick(segment);
            let start = place(unmarked(segment), at) / 512 * 512;
            let end = (start + sectors * 512).min(unmarked(segment) as usize);
            let _ = disk.rot(&segment.path, |bytes| {
                let length = bytes.len();
                bytes[start.min(length)..end.min(length)].fill(0);
            });
        }
        Rot::Gone { segment } => {
            // Of the last one nobody knows that it was there.
            if segments.len() > 1 {
                let _ = disk.remove(&segments[segment % (segments.len() - 1)].path);
            }
        }
        Rot::Short { segment, at } => {
            let segment = pick(segment);
            let _ = disk.rot(&segment.path, |bytes| bytes.truncate(place(segment.bytes, at)));
        }
    }
}

/// A group that no program calls.
const UNKNOWN: GroupId = GroupId(77);

fn groups() -> impl Iterator<Item = GroupId> {
    GROUPS.into_iter().chain([UNKNOWN])
}

/// Compares every group with what it should hold; those that are not at fault.
fn trusted(log: &FileLog, model: &Model) -> Vec<GroupId> {
    let mut trusted = Vec::new();
    for group in groups() {
        match held(log, group) {
            Ok(held) => {
                let expected = model.get(&group).cloned().unwrap_or_default();
                assert!(held == expected, "group {group}: {} where it was {}", told(&held), told(&expected));
                trusted.push(group);
            }
            Err(LogFault::Corrupt { .. } | LogFault::MissingSegment { .. }) => {}
            Err(fault) => panic!("{fault}"),
        }
    }
    trusted
}

/// Without the bytes.
fn told(group: &Group) -> String {
    let indexes: Vec<u64> = group.entries.iter().map(|entry| entry.index).collect();
    format!("vote {:?}, purged {:?}, entries {indexes:?}", group.vote, group.purged)
}

/// Goes on with one group: appends, votes, purges the older half.
fn go_on(log: &FileLog, group: GroupId, model: &mut Group, round: u64) {
    let last = model.entries.last().map(|entry| entry.index).or(model.purged.as_ref().map(|purged| purged.index));
    let first = last.map_or(0, |last| last + 1);
    let entries: Vec<_> =
        (first..first + 4).map(|index| LogEntry { index, bytes: Bytes::from(vec![round as u8; 150]) }).collect();
    model.entries.extend(entries.clone());
    log.append(group, entries, Box::new(|_| {}));
    let vote = Bytes::from(round.to_string());
    model.vote = Some(vote.clone());
    log.save_vote(group, vote, Box::new(|_| {}));
    let purged = Purged { index: model.entries[model.entries.len() / 2].index, id: Bytes::from_static(b"id") };
    model.entries.retain(|entry| entry.index > purged.index);
    model.purged = Some(purged.clone());
    log.purge(group, purged, Box::new(|_| {}));
}

fn open(disk: &SimulatedDisk, settings: FileLogSettings) -> (FileLog, super::super::Stepper) {
    FileLog::open_stepped(Arc::new(disk.clone()), dir(), settings).expect("damage does not stop the node")
}

fn opened_twice_and_gone_on_with(settings: FileLogSettings, acts: &[Act], rots: &[Rot]) {
    let mut bench = Bench::new(SimulatedDisk::new(1), settings);
    bench.try_open().expect("an empty disk");
    bench.run(acts);
    bench.log().close().expect("nothing is wrong");
    let mut model = bench.states.pop().unwrap_or_default();
    let disk = bench.disk.clone();
    bench.forget();
    let segments = check_on(&disk, dir()).expect("it can be read").segments;
    rots.iter().for_each(|damage| rot(&disk, &segments, damage));
    let mut before: Option<Vec<GroupId>> = None;
    for round in 0..6 {
        let report = check_on(&disk, dir()).expect("it can be read");
        let (log, mut stepper) = open(&disk, settings);
        let trusted = trusted(&log, &model);
        assert_eq!(log.faults().is_empty(), groups().count() == trusted.len());
        assert!(trusted.len() == groups().count() || !report.faults.is_empty(), "the check finds what a start finds");
        if let Some(before) = &before {
            assert_eq!(*before, trusted, "round {round}: nobody is healed or harmed by going on");
        }
        for group in trusted.iter().copied() {
            go_on(&log, group, model.entry(group).or_default(), round);
        }
        for faulty in groups().filter(|group| !trusted.contains(group)) {
            assert!(log.group(faulty).is_err());
            let refused = wait_stepped(&mut stepper, |done| log.save_vote(faulty, Bytes::new(), done));
            assert!(refused.is_err());
        }
        while stepper.step() == Step::Done {}
        log.close().expect("nothing is wrong with the disk");
        before = Some(trusted);
    }
}

fn wait_stepped(
    stepper: &mut super::super::Stepper,
    call: impl FnOnce(super::super::Appended),
) -> Result<(), LogFault> {
    let (done, outcome) = super::super::contract::outcome();
    call(done);
    while stepper.step() == Step::Done {}
    outcome.recv().expect("it was called")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_group_is_at_fault_or_exactly_what_it_was(
        settings in settings(), acts in acts(1..120), rots in prop::collection::vec(rots(), 1..5),
    ) {
        opened_twice_and_gone_on_with(settings, &acts, &rots);
    }
}

/// Three groups, and one record of each in turn, synced one by one; the log as it was closed.
fn three_groups(disk: &SimulatedDisk, settings: FileLogSettings, rounds: u64) -> Model {
    let (log, mut stepper) = open(disk, settings);
    for index in 0..rounds {
        for group in [0, 1, 2].map(GroupId) {
            let entry = LogEntry { index, bytes: Bytes::from(vec![index as u8; 16]) };
            wait_stepped(&mut stepper, |done| log.append(group, vec![entry], done)).expect("nothing is wrong");
        }
    }
    let model = super::bench::all(&log).expect("nothing is wrong");
    log.close().expect("nothing is wrong");
    model
}

/// 48 bytes of head, 16 of payload.
const RECORD_BYTES: usize = 64;

fn first_segment() -> std::path::PathBuf {
    dir().join(format!("{:020}.wal", 1))
}

fn faults(disk: &SimulatedDisk, model: &Model) -> BTreeMap<GroupId, String> {
    let (log, _) = open(disk, FileLogSettings::default());
    trusted(&log, model);
    groups().filter_map(|group| Some((group, log.group(group).err()?.to_string()))).collect()
}

#[test]
fn a_flipped_payload_costs_its_own_group_and_names_its_place() {
    let disk = SimulatedDisk::new(1);
    let model = three_groups(&disk, FileLogSettings::default(), 4);
    disk.rot(&first_segment(), |bytes| bytes[64 + 4 * RECORD_BYTES + 50] ^= 8).unwrap();
    let faults = faults(&disk, &model);
    let sentence = "`/data/wal/00000000000000000001.wal` is corrupt at byte 320: a record does not have the checksum that \
                    it was written with; restore the file from a backup or let the other replicas replace this one";
    assert_eq!(faults, BTreeMap::from([(GroupId(1), sentence.to_owned())]));
}

#[test]
fn a_flipped_head_costs_the_group_that_misses_it_and_those_that_nobody_can_vouch_for() {
    let disk = SimulatedDisk::new(1);
    let model = three_groups(&disk, FileLogSettings::default(), 4);
    disk.rot(&first_segment(), |bytes| bytes[64 + 4 * RECORD_BYTES + 12] ^= 8).unwrap();
    let never_seen = [UNKNOWN, GroupId::META];
    assert_eq!(faults(&disk, &model).into_keys().collect::<Vec<_>>(), [[GroupId(1)].as_slice(), &never_seen].concat());
    let disk = SimulatedDisk::new(1);
    let model = three_groups(&disk, FileLogSettings::default(), 4);
    disk.rot(&first_segment(), |bytes| bytes[64 + 10 * RECORD_BYTES + 12] ^= 8).unwrap();
    let silent_since = [GroupId(0), GroupId(1)];
    assert_eq!(faults(&disk, &model).into_keys().collect::<Vec<_>>(), [silent_since, never_seen].concat());
}

#[test]
fn the_last_record_is_told_from_an_interrupted_write_once_it_is_marked() {
    for (is_marked, expected) in [(true, vec![GroupId(2)]), (false, vec![])] {
        let disk = SimulatedDisk::new(1);
        let (log, mut stepper) = open(&disk, FileLogSettings::default());
        for group in [1, 2].map(GroupId) {
            let entry = LogEntry { index: 0, bytes: Bytes::from_static(&[1; 16]) };
            wait_stepped(&mut stepper, |done| log.append(group, vec![entry], done)).unwrap();
        }
        if is_marked {
            stepper.pause().unwrap();
        }
        disk.kill();
        disk.rot(&first_segment(), |bytes| bytes[64 + RECORD_BYTES + 50] ^= 1).unwrap();
        let (log, _) = open(&disk, FileLogSettings::default());
        let faulty: Vec<_> = groups().filter(|group| log.group(*group).is_err()).collect();
        assert_eq!(faulty, expected);
    }
}

#[test]
fn a_missing_segment_has_a_sentence_of_its_own() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { segment_bytes: 4096, ..FileLogSettings::default() };
    let model = three_groups(&disk, settings, 60);
    let second = dir().join(format!("{:020}.wal", 2));
    disk.remove(&second).unwrap();
    let faults = faults(&disk, &model);
    let sentence = "segment `/data/wal/00000000000000000002.wal` is missing, though later ones are there; put it back or \
                    restore from a backup";
    assert_eq!(faults, [0, 1, 2].map(|group| (GroupId(group), sentence.to_owned())).into());
}

#[test]
fn a_damaged_file_that_is_put_back_heals_whether_it_was_the_last_or_not() {
    for rounds in [12, 60] {
        put_back(rounds);
    }
}

fn put_back(rounds: u64) {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { segment_bytes: 4096, ..FileLogSettings::default() };
    let (log, mut stepper) = open(&disk, settings);
    let needed = LogEntry { index: 0, bytes: Bytes::new() };
    wait_stepped(&mut stepper, |done| log.append(GroupId::META, vec![needed], done)).unwrap();
    log.close().unwrap();
    let model = three_groups(&disk, settings, rounds);
    let sound = disk.content(&first_segment()).unwrap();
    disk.rot(&first_segment(), |bytes| bytes[500..1500].fill(0)).unwrap();
    let (log, mut stepper) = open(&disk, settings);
    for group in [0, 1, 2].map(GroupId) {
        assert!(log.group(group).is_err());
    }
    for index in 1..200 {
        let entry = LogEntry { index, bytes: Bytes::from_static(&[1; 64]) };
        let appended = wait_stepped(&mut stepper, |done| log.append(GroupId::META, vec![entry], done));
        assert_eq!(appended.is_ok(), rounds > 12, "it is at fault itself if the hole is the last that is known of it");
    }
    log.close().unwrap();
    let kept = dir().join(format!("kept-{:020}.wal", 1));
    assert_eq!(disk.rename(&kept, &first_segment()).is_ok(), rounds == 12, "nobody who is trusted needs it");
    disk.rot(&first_segment(), |bytes| *bytes = sound).unwrap();
    let (log, _) = open(&disk, settings);
    for group in [0, 1, 2].map(GroupId) {
        assert_eq!(held(&log, group).unwrap(), model[&group]);
    }
}

#[test]
fn damaged_segments_are_set_aside_rather_than_kept_for_ever() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { segment_bytes: 4096, ..FileLogSettings::default() };
    three_groups(&disk, settings, 30);
    disk.rot(&first_segment(), |bytes| bytes[64 + 50] ^= 1).unwrap();
    let (log, mut stepper) = open(&disk, settings);
    let mut model = held(&log, GroupId(1)).unwrap();
    for group in [1, 2].map(GroupId) {
        let purged = Purged { index: 29, id: Bytes::new() };
        wait_stepped(&mut stepper, |done| log.purge(group, purged, done)).unwrap();
    }
    model.entries.clear();
    model.purged = Some(Purged { index: 29, id: Bytes::new() });
    for round in 0..40 {
        go_on(&log, GroupId(1), &mut model, round);
        while stepper.step() == Step::Done {}
    }
    log.close().unwrap();
    let report = check_on(&disk, dir()).unwrap();
    assert_eq!(report.kept[0], dir().join(format!("kept-{:020}.wal", 1)));
    assert!(report.segments.len() <= 3, "{:?}", report.segments);
    let (log, _) = open(&disk, settings);
    assert_eq!(held(&log, GroupId(1)).unwrap(), model);
    assert!(log.group(GroupId(0)).is_err(), "its damage is remembered by every later segment");
    assert!(log.group(UNKNOWN).is_ok());
}

#[test]
fn a_segment_of_another_length_is_told() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { segment_bytes: 4096, ..FileLogSettings::default() };
    let mut model = three_groups(&disk, settings, 4);
    disk.rot(&first_segment(), |bytes| bytes.resize(9000, 7)).unwrap();
    let told = |what: &str| {
        let faults = check_on(&disk, dir()).unwrap().faults;
        assert!(faults.len() == 1 && faults[0].to_string().contains(what), "{faults:?}");
    };
    told("is corrupt at byte 4096: the file goes on here, behind the end that it was made with");
    for round in 0..10 {
        let (log, mut stepper) = open(&disk, settings);
        assert_eq!(trusted(&log, &model).len(), groups().count(), "nothing is lost by that");
        go_on(&log, GroupId(1), model.entry(GroupId(1)).or_default(), round);
        while stepper.step() == Step::Done {}
        log.close().unwrap();
    }
    let disk = SimulatedDisk::new(1);
    let model = three_groups(&disk, settings, 4);
    disk.rot(&first_segment(), |bytes| bytes.truncate(64 + 9 * RECORD_BYTES)).unwrap();
    let faults = faults(&disk, &model);
    assert_eq!(faults.len(), groups().count(), "of a last segment nobody knows what stood there");
    let told = "is corrupt at byte 640: the file ends here, before the end that it was made with";
    assert!(faults[&GroupId(0)].contains(told), "{faults:?}");
}

#[test]
fn an_entry_that_rots_while_the_log_is_open_is_not_served() {
    let disk = SimulatedDisk::new(1);
    let settings = FileLogSettings { recent_bytes_max: 0, ..FileLogSettings::default() };
    let (log, mut stepper) = open(&disk, settings);
    for index in 0..3 {
        let entry = LogEntry { index, bytes: Bytes::from_static(&[7; 16]) };
        wait_stepped(&mut stepper, |done| log.append(GroupId(1), vec![entry], done)).unwrap();
    }
    disk.rot(&first_segment(), |bytes| bytes[64 + RECORD_BYTES + 50] ^= 1).unwrap();
    assert_eq!(log.read(GroupId(1), 0..1, 100).unwrap().len(), 1);
    let fault = log.read(GroupId(1), 0..3, 100).unwrap_err().to_string();
    assert!(fault.starts_with("`/data/wal/00000000000000000001.wal` is corrupt at byte 128: an entry"), "{fault}");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let disk = SimulatedDisk::new(1);
    three_groups(&disk, FileLogSettings::default(), 1);
    disk.rot(&first_segment(), |bytes| {
        bytes[8] = 9;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    })
    .unwrap();
    let fault = FileLog::open_stepped(Arc::new(disk), dir(), FileLogSettings::default()).unwrap_err().to_string();
    let sentence = "`/data/wal/00000000000000000001.wal` is of format 9, this version reads up to 1; start it with a newer \
                    version";
    assert_eq!(fault, sentence);
}

#[test]
fn calls_of_a_threaded_log_find_damage_too() {
    let disk = SimulatedDisk::new(1);
    three_groups(&disk, FileLogSettings::default(), 3);
    disk.rot(&first_segment(), |bytes| bytes[64 + 50] ^= 1).unwrap();
    let log = FileLog::open_on(Arc::new(disk), dir(), FileLogSettings::default()).unwrap();
    let entry = |index| vec![LogEntry { index, bytes: Bytes::new() }];
    assert!(wait(|done| log.append(GroupId(0), entry(3), done)).is_err());
    wait(|done| log.append(GroupId(1), entry(3), done)).unwrap();
}
