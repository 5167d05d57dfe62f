//! Every kind of row reads back as it was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Position, SnapshotId};
use fanfare_protocol::{Event, EventType, ResourceVersion};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::{DueMark, Heap, Pointer, Row, Run, Staging, Value, open, open_fold, open_items, sealed};
use crate::log::Kind;
use crate::log::rows::{BlockRow, FoldRow, ItemRow, KeyRow, ShardRow, StoredOutcome, TopicRow, Usage};
use crate::store::fault::StoreError;
use crate::store::key::Prefix;
use crate::store::progress::{self, Progress};
use crate::store::seal;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn position() -> impl Strategy<Value = Position> {
    (any::<[u64; 4]>(), bytes()).prop_map(|([index, term, leader, shard_ms], membership)| Position {
        index,
        term,
        leader,
        shard_ms,
        membership,
    })
}

fn shard_row() -> impl Strategy<Value = ShardRow> {
    let usage = btree_map(".{0,9}", any::<[u64; 2]>().prop_map(|[topics, bytes]| Usage { topics, bytes }), 0..5);
    (position(), any::<[u64; 2]>(), bytes(), usage).prop_map(|(position, [now_ms, next_number], policies, usage)| {
        ShardRow { position, now_ms, next_number, policies, usage }
    })
}

fn topic_row() -> impl Strategy<Value = TopicRow> {
    let kind = prop_oneof![Just(Kind::Stream), Just(Kind::State), Just(Kind::Document)];
    (any::<[u64; 12]>(), any::<[Option<u64>; 2]>(), kind, ".{0,20}").prop_map(|(n, [oldest_ms, due_ms], kind, by)| {
        TopicRow {
            number: n[0],
            epoch: n[1],
            head: n[2],
            floor: n[3],
            history_count: n[4],
            history_bytes: n[5],
            oldest_ms,
            leaving_count: n[6],
            settled_ms: n[7],
            keys_count: n[8],
            fold_bytes: n[9],
            known_count: n[10],
            known_ms: n[11],
            due_ms,
            kind,
            counted_by: by.into(),
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let texts = (".{0,9}", option::of(".{0,9}"), option::of(".{0,9}"));
    let attributes = btree_map(".{0,5}", ".{0,5}", 0..3);
    (texts, option::of(bytes()), attributes, any::<[Option<i64>; 2]>(), any::<bool>()).prop_map(
        |((key, publisher, connection_id), data, attributes, [time, origin_time], put)| Event {
            r#type: if put { EventType::Put } else { EventType::Delete }.into(),
            resource_version: Some(ResourceVersion::new(1, 1)),
            key: Some(key),
            data,
            attributes,
            publisher,
            connection_id,
            time,
            origin_time,
            ..Event::default()
        },
    )
}

fn outcome() -> impl Strategy<Value = StoredOutcome> {
    prop_oneof![
        (any::<u64>(), any::<u32>()).prop_map(|(first_offset, count)| StoredOutcome::Published { first_offset, count }),
        bytes().prop_map(StoredOutcome::Refused),
    ]
}

fn reads_back<R: Row + PartialEq + std::fmt::Debug>(key: &[u8], row: &R) {
    assert_eq!(&open::<R>(key, &sealed(key, row)).expect("it was just written"), row);
}

proptest! {
    #[test]
    fn shards_read_back_as_written(row in shard_row(), generation in any::<u32>()) {
        reads_back(&Prefix::new(7, generation).row(), &row);
    }

    #[test]
    fn topics_read_back_as_written(row in topic_row(), name in "[a-z:]{1,40}") {
        reads_back(&Prefix::new(7, 1).topic(&name), &row);
    }

    #[test]
    fn publications_read_back_with_the_epoch_that_is_asked_for(
        events in vec((event(), any::<[u32; 3]>(), any::<Option<u64>>()), 1..5),
        numbers in any::<[u64; 3]>(),
    ) {
        let [number, epoch, mut offset] = numbers;
        offset /= 2;
        let mut rows = Vec::new();
        for (event, [further, bytes, appended_ms], leaves_ms) in events {
            offset += 1 + u64::from(further);
            let (bytes, appended_ms) = (bytes.into(), appended_ms.into());
            rows.push(ItemRow { offset, event: Arc::new(event), bytes, appended_ms, leaves_ms });
        }
        let key = Prefix::new(7, 1).item(number, offset);
        let run: Vec<_> = rows.iter().collect();
        let read = open_items(&key, &sealed(&key, &Run(&run)), epoch).expect("it was just written");
        for row in &mut rows {
            Arc::make_mut(&mut row.event).resource_version = Some(ResourceVersion::new(epoch, row.offset));
        }
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn live_keys_read_back_with_the_epoch_that_is_asked_for(
        event in event(),
        numbers in any::<[u64; 4]>(),
        expires_ms in any::<Option<u64>>(),
    ) {
        let [number, offset, epoch, bytes] = numbers;
        let live_key = event.key.clone().unwrap_or_default();
        let mut row = FoldRow { offset, event: Arc::new(event), bytes, expires_ms };
        let key = Prefix::new(7, 1).fold(number, &live_key);
        let value = sealed(&key, &row);
        let read = open_fold(&key, &value, epoch).expect("it was just written");
        Arc::make_mut(&mut row.event).resource_version = Some(ResourceVersion::new(epoch, offset));
        prop_assert_eq!(read, row);
    }

    #[test]
    fn idempotency_keys_read_back_as_written(
        name in ".{0,40}",
        hash in any::<u128>(),
        first_offset in any::<u64>(),
        count in any::<u32>(),
        ends_ms in any::<u64>(),
    ) {
        let key = Prefix::new(7, 1).known_key(9, &name);
        reads_back(&key, &KeyRow { name: name.into(), hash, first_offset, count, ends_ms });
    }

    #[test]
    fn blocks_of_results_read_back_as_written(
        producer in ".{0,40}",
        numbers in any::<[u64; 3]>(),
        results in vec((any::<u128>(), outcome()), 0..33),
    ) {
        let [block, heard_ms, first_sequence] = numbers;
        let key = Prefix::new(7, 1).block(9, &producer, block);
        reads_back(&key, &BlockRow { producer: producer.into(), block, heard_ms, first_sequence, results });
    }

    #[test]
    fn what_is_the_stores_own_reads_back_as_written(
        position in position(),
        numbers in any::<[u32; 3]>(),
        view in any::<u64>(),
        place in bytes(),
        receives in any::<bool>(),
        touched in any::<[u64; 7]>(),
    ) {
        let [generation, next_generation, staged] = numbers;
        let staging = Staging { id: SnapshotId { position, view }, generation: staged, place: place.clone() };
        let staging = receives.then_some(staging);
        reads_back(&Prefix::new(7, 0).row(), &Pointer { generation, next_generation, staging });
        reads_back(&Prefix::new(7, 1).garbage_number(view), &Heap { through: view, place });
        reads_back(&Prefix::new(7, 1).due(view, "a"), &DueMark);
        reads_back(progress::KEY, &Progress { batch: view, synced: view / 2, touched });
    }

    #[test]
    fn whatever_is_under_a_good_seal_never_panics(body in vec(any::<u8>(), 0..80), version in 0..3_u8) {
        fn read<R: Row>(key: &[u8], body: &[u8], version: u8) {
            let _ = open::<R>(key, &resealed::<R>(key, body, version));
        }
        let prefix = Prefix::new(7, 1);
        read::<ShardRow>(&prefix.row(), &body, version);
        read::<TopicRow>(&prefix.topic("a"), &body, version);
        read::<KeyRow>(&prefix.known_key(1, "a"), &body, version);
        read::<BlockRow>(&prefix.block(1, "a", 1), &body, version);
        read::<Pointer>(&prefix.row(), &body, version);
        read::<Heap>(&prefix.garbage_number(1), &body, version);
        read::<Progress>(progress::KEY, &body, version);
        let item = prefix.item(1, 2);
        let _ = open_items(&item, &resealed::<Run<'_>>(&item, &body, version), 1);
        let fold = prefix.fold(1, "a");
        let _ = open_fold(&fold, &resealed::<FoldRow>(&fold, &body, version), 1);
    }
}

fn resealed<V: Value>(key: &[u8], body: &[u8], version: u8) -> Vec<u8> {
    let mut value = seal::begin(version, body.len());
    value.extend_from_slice(body);
    seal::end(V::TABLE, key, value)
}

#[test]
fn a_row_of_a_later_version_is_told_so() {
    let key = Prefix::new(7, 1).topic("a");
    let error = open::<TopicRow>(&key, &resealed::<TopicRow>(&key, b"", 2)).expect_err("it is not known");
    assert!(matches!(error, StoreError::Format { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_live_key_under_another_key_is_corrupt() {
    let event = Event { key: Some("a".to_owned()), ..Event::default() };
    let row = FoldRow { offset: 1, event: Arc::new(event), bytes: 1, expires_ms: None };
    let key = Prefix::new(7, 1).fold(1, "b");
    assert!(matches!(open_fold(&key, &sealed(&key, &row), 1), Err(StoreError::CorruptRow { .. })));
}

/// Their bytes, for good: a change of them is a change of the format.
#[test]
fn rows_look_as_they_always_did() {
    let usage = BTreeMap::from([("default".to_owned(), Usage { topics: 1, bytes: 300 })]);
    let position = Position { index: 9, term: 2, leader: 1, shard_ms: 70, membership: Bytes::from_static(b"m") };
    let row = ShardRow { position, now_ms: 70, next_number: 3, policies: Bytes::from_static(b"p"), usage };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let key = Prefix::new(7, 1).row();
    assert_eq!(hex(&key), "000700000001");
    assert_eq!(
        hex(&sealed(&key, &row)),
        "010a0b08091002180120462a016d104618032201702a100a0764656661756c741205080110ac0270a802c5"
    );
    let key = Prefix::new(7, 1).item(3, 258);
    let event = Event { key: Some("k".to_owned()), data: Some(Bytes::from_static(b"data")), ..Event::default() };
    let last = ItemRow { offset: 258, event: Arc::new(event), bytes: 261, appended_ms: 70, leaves_ms: None };
    let first = ItemRow { offset: 256, appended_ms: 60, ..last.clone() };
    assert_eq!(hex(&key), "00070000000100000000000000030000000000000102");
    assert_eq!(
        hex(&sealed(&key, &Run(&[&first, &last]))),
        "0207088502103c28020922016b2a04646174610508850210460922016b2a0464617461b4fc8075"
    );
    // As version 1 wrote it.
    let first_version = "0105088502104622016b2a0464617461778b2d14";
    let bytes = |at: usize| u8::from_str_radix(&first_version[at..at + 2], 16).expect("hexadecimal");
    let value: Vec<u8> = (0..first_version.len()).step_by(2).map(bytes).collect();
    let mut event = Event::clone(&last.event);
    event.resource_version = Some(ResourceVersion::new(1, 258));
    let read = open_items(&key, &value, 1).expect("what was written stays readable");
    assert_eq!(read, [ItemRow { event: Arc::new(event), ..last }]);
}

#[test]
fn publications_that_do_not_ascend_to_the_offset_of_their_row_are_corrupt() {
    let item = |offset| ItemRow { offset, event: Arc::default(), bytes: 1, appended_ms: 1, leaves_ms: None };
    let (a, b, c) = (item(1), item(2), item(3));
    let key = Prefix::new(7, 1).item(1, 3);
    assert!(open_items(&key, &sealed(&key, &Run(&[&a, &b, &c])), 1).is_ok());
    for run in [&[][..], &[&b, &a, &c], &[&a, &a, &c]] {
        let read = open_items(&key, &sealed(&key, &Run(run)), 1);
        assert!(matches!(read, Err(StoreError::CorruptRow { .. })), "{read:?}");
    }
    let elsewhere = Prefix::new(7, 1).item(1, 4);
    let read = open_items(&elsewhere, &sealed(&elsewhere, &Run(&[&a, &b])), 1);
    assert!(read.is_ok_and(|read| read.last().is_some_and(|last| last.offset == 4)), "offsets are told from the key");
}
