//! The oracle bites: an honest reading passes, and each planted lie is found under the promise that it breaks.

use std::collections::BTreeSet;

use fanfare_client::ResourceVersion;

use crate::ledger::{Item, Ledger, Publish, Reading, Seen};
use crate::verdict::{Kind, Promise, Subject, judge};

const TOPIC: Subject = Subject { name: "map:a", kind: Kind::State, retained: None, is_bulk: false };
const EPOCH: u64 = 7;

fn version(offset: u64) -> ResourceVersion {
    ResourceVersion::new(EPOCH, offset)
}

fn seen(item: &Item, offset: u64) -> Seen {
    let Item { serial, key, is_delete } = item.clone();
    Seen { version: version(offset), serial, key, is_delete, is_whole: true }
}

/// Two producers: one publishes singly, every fifth without ever hearing an answer; the other in batches of three.
fn history() -> (Vec<Publish>, Vec<Seen>) {
    let (ledger, mut log) = (Ledger::default(), Vec::new());
    for round in 0..10_u64 {
        for (producer, count) in [(0, 1), (1, 3)] {
            let item = |at| ledger.item(Some(format!("k{}", (round + at) % 4)), round % 4 == 3);
            let items: Vec<_> = (0..count).map(item).collect();
            let publish = ledger.sent(TOPIC.name, producer, items.clone());
            let first = log.len() as u64 + 1;
            log.extend((first..).zip(&items).map(|(offset, item)| seen(item, offset)));
            if producer == 1 || round % 5 != 0 {
                ledger.acknowledged(publish, (first..first + count).map(version).collect());
            }
        }
    }
    (ledger.publishes(), log)
}

/// What an honest node says of a log.
fn reading(log: &[Seen]) -> Reading {
    let head = log.last().map_or(version(0), |seen| seen.version);
    let mut snapshot: Vec<Seen> = Vec::new();
    for seen in log {
        snapshot.retain(|other| other.key != seen.key);
        snapshot.extend((!seen.is_delete).then(|| seen.clone()));
    }
    Reading {
        forward: log.to_vec(),
        backward: log.iter().rev().cloned().collect(),
        head,
        snapshot,
        snapshot_version: head,
        resumed: vec![(version(9), log[9..].to_vec()), (head, Vec::new())],
        watched: log.to_vec(),
        watch_error: None,
    }
}

fn broken(publishes: &[Publish], before: &[Seen], reading: &Reading) -> BTreeSet<Promise> {
    judge(TOPIC, publishes, before, reading).into_iter().map(|breach| breach.promise).collect()
}

/// What a changed log breaks when the node is consistent about it.
fn broken_by(change: impl FnOnce(&mut Vec<Seen>)) -> BTreeSet<Promise> {
    let (publishes, mut log) = history();
    change(&mut log);
    for (offset, seen) in (1..).zip(&mut log) {
        seen.version = version(offset);
    }
    broken(&publishes, &[], &reading(&log))
}

#[test]
fn an_honest_reading_breaks_nothing() {
    let (publishes, log) = history();
    assert_eq!(judge(TOPIC, &publishes, &log, &reading(&log)), []);
}

#[test]
fn unanswered_publications_may_be_missing() {
    let (mut publishes, log) = history();
    let last = publishes.last_mut().unwrap();
    last.answers.clear();
    assert_eq!(judge(TOPIC, &publishes, &[], &reading(&log[..log.len() - 3])), []);
}

#[test]
fn a_lost_end_of_the_log_is_found() {
    assert!(broken_by(|log| log.truncate(37)).contains(&Promise::Kept));
}

#[test]
fn a_lost_publication_in_the_middle_is_found() {
    let broken = broken_by(|log| drop(log.remove(6)));
    assert!(broken.contains(&Promise::Kept) && broken.contains(&Promise::Batch), "{broken:?}");
}

#[test]
fn a_doubled_publication_is_found() {
    assert!(broken_by(|log| log.push(log[0].clone())).contains(&Promise::Once));
}

#[test]
fn two_of_one_producer_in_the_wrong_order_are_found() {
    let broken = broken_by(|log| log.swap(0, 4));
    assert!(broken.contains(&Promise::Order), "{broken:?}");
}

#[test]
fn what_overtook_an_acknowledged_one_is_found() {
    let (mut publishes, mut log) = history();
    log.rotate_right(3);
    for (offset, seen) in (1..).zip(&mut log) {
        seen.version = version(offset);
    }
    // The answers fit the log, so that only the order in time is wrong.
    for publish in &mut publishes {
        let place = |item: &Item| log.iter().find(|seen| seen.serial == item.serial).unwrap().version;
        let versions: Vec<_> = publish.items.iter().map(place).collect();
        publish.answers.iter_mut().for_each(|answer| answer.versions = versions.clone());
    }
    let broken = broken(&publishes, &[], &reading(&log));
    assert!(broken.contains(&Promise::RealTime), "{broken:?}");
}

#[test]
fn what_was_never_published_or_refused_or_changed_is_found() {
    let stranger = |log: &mut Vec<Seen>| log.push(Seen { serial: 999, ..log[0].clone() });
    let changed = |log: &mut Vec<Seen>| log[3].is_whole = false;
    let other_key = |log: &mut Vec<Seen>| log[3].key = Some("other".to_owned());
    let turned = |log: &mut Vec<Seen>| log[3].is_delete = true;
    assert_eq!(broken_by(stranger), BTreeSet::from([Promise::Genuine]));
    for change in [changed, other_key, turned] as [fn(&mut Vec<Seen>); 3] {
        assert!(broken_by(change).contains(&Promise::Genuine));
    }
    let (mut publishes, log) = history();
    publishes[0].is_refused = true;
    assert_eq!(broken(&publishes, &[], &reading(&log)), BTreeSet::from([Promise::Genuine]));
}

#[test]
fn a_batch_in_pieces_is_found() {
    let (mut publishes, mut log) = history();
    publishes.iter_mut().for_each(|publish| publish.answers.clear());
    log.truncate(38);
    assert_eq!(broken(&publishes, &[], &reading(&log)), BTreeSet::from([Promise::Batch]));
}

#[test]
fn another_answer_to_the_same_publish_is_found() {
    let (mut publishes, log) = history();
    let mut other = publishes[1].answers[0].clone();
    other.versions[0] = version(1);
    publishes[1].answers.push(other);
    assert!(broken(&publishes, &[], &reading(&log)).contains(&Promise::Answer));
}

#[test]
fn a_new_epoch_is_found() {
    let (publishes, log) = history();
    let mut reading = reading(&log);
    reading.head = ResourceVersion::new(EPOCH + 1, 3);
    assert_eq!(broken(&publishes, &[], &reading), BTreeSet::from([Promise::Epoch]));
}

#[test]
fn a_hole_and_a_head_beyond_the_history_are_found() {
    let (publishes, log) = history();
    let mut reading = reading(&log);
    reading.forward.remove(0);
    assert!(broken(&publishes, &[], &reading).contains(&Promise::Row));
    let mut reading = super::lies::reading(&log);
    reading.head = version(41);
    assert!(broken(&publishes, &[], &reading).contains(&Promise::Row));
}

#[test]
fn what_someone_has_seen_and_is_gone_is_found() {
    let (mut publishes, log) = history();
    publishes.last_mut().unwrap().answers.clear();
    let broken = broken(&publishes, &log, &reading(&log[..log.len() - 3]));
    assert_eq!(broken, BTreeSet::from([Promise::Seen]));
}

#[test]
fn inconsistent_views_of_the_same_log_are_found() {
    let (publishes, log) = history();
    type Lie = fn(&mut Reading);
    let cases: [(Promise, Lie); 9] = [
        (Promise::Pages, |reading| drop(reading.backward.pop())),
        (Promise::Fold, |reading| drop(reading.snapshot.pop())),
        (Promise::Fold, |reading| reading.snapshot_version = version(3)),
        (Promise::Resume, |reading| drop(reading.resumed[0].1.remove(0))),
        (Promise::Resume, |reading| reading.resumed[1].1.push(reading.forward[0].clone())),
        (Promise::Watch, |reading| drop(reading.watched.remove(5))),
        (Promise::Watch, |reading| drop(reading.watched.pop())),
        (Promise::Watch, |reading| reading.watched[3].serial = 999),
        (Promise::Watch, |reading| reading.watch_error = Some("GONE".to_owned())),
    ];
    for (promise, lie) in cases {
        let mut reading = reading(&log);
        lie(&mut reading);
        assert_eq!(broken(&publishes, &[], &reading), BTreeSet::from([promise]));
    }
}
