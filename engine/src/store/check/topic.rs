//! One topic against what its row says, and its fold against what its history tells of it.

use std::collections::HashMap;
use std::sync::Arc;

use fanfare_protocol::{Event, EventType, TopicName};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use super::faults::Faults;
use crate::log::Kind;
use crate::log::rows::{BLOCK_SEQUENCES, BlockRow, ItemRow, KeyRow, TopicRow};
use crate::store::codec;
use crate::store::key::{self, KnownName, PREFIX_BYTES};

/// What is stored of topics.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) items: u64,
    pub(super) items_bytes: u64,
    pub(super) leaving: u64,
    pub(super) keys: u64,
    pub(super) keys_bytes: u64,
    pub(super) known: u64,
}

impl Figures {
    pub(super) fn add(&mut self, other: Self) {
        self.items += other.items;
        self.items_bytes += other.items_bytes;
        self.leaving += other.leaving;
        self.keys += other.keys;
        self.keys_bytes += other.keys_bytes;
        self.known += other.known;
    }
}

pub(super) struct TopicCheck<'a> {
    name: &'a TopicName,
    row: &'a TopicRow,
    /// Offsets after and up to which publications may still be there.
    forgotten: &'a [(u64, u64)],
    found: Figures,
    /// The last publication.
    last: Option<Last>,
    /// What the retained publications of a `state` topic make of each key that they touch.
    replayed: HashMap<String, Replayed>,
    /// The last producer, the sequence that follows its last result, and whether that ended its block.
    producer: Option<(Arc<str>, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    offset: u64,
    appended_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Replayed {
    offset: u64,
    /// Of the put; `None` for a delete.
    digest: Option<u64>,
}

impl<'a> TopicCheck<'a> {
    pub(super) fn new(name: &'a TopicName, row: &'a TopicRow, forgotten: &'a [(u64, u64)]) -> Self {
        let (found, replayed) = (Figures::default(), HashMap::new());
        Self { name, row, forgotten, found, last: None, replayed, producer: None }
    }

    fn place(&self) -> String {
        format!("topic {}", self.name)
    }

    fn at(&self, offset: u64) -> String {
        format!("topic {}, offset {offset}", self.name)
    }

    pub(super) fn items(&mut self, key: &[u8], value: &[u8], faults: &mut Faults) {
        let TopicRow { epoch, floor, .. } = *self.row;
        let Some(items) = faults.note(codec::open_items(key, value, epoch)) else { return };
        if let Some(offset) = items.last().map(|last| last.offset).filter(|offset| *offset <= floor) {
            let is_forgotten = self.forgotten.iter().any(|(after, through)| (after + 1..=*through).contains(&offset));
            let what = || format!("it is below the floor {floor}, and not marked to be cleared away");
            faults.expect(is_forgotten, || self.at(offset), what);
            return;
        }
        // Those below the floor are forgotten, and go when the last one of their row does.
        items.iter().filter(|item| item.offset > floor).for_each(|item| self.item(item, faults));
    }

    fn item(&mut self, item: &ItemRow, faults: &mut Faults) {
        let TopicRow { head, floor, settled_ms, kind, .. } = *self.row;
        let offset = item.offset;
        faults.expect(offset <= head, || self.at(offset), || format!("it lies above the head {head}"));
        let before = self.last.map_or(floor, |last| last.offset);
        // What left by its own `ttl` leaves a hole; publications of `state` topics never do.
        let may_have_holes = kind != Kind::State;
        faults.expect(
            may_have_holes || offset == before + 1,
            || self.at(offset),
            || format!("what lies between {before} and it is missing"),
        );
        let is_in_time = self.last.is_none_or(|last| last.appended_ms <= item.appended_ms);
        faults.expect(is_in_time, || self.at(offset), || "it was appended before the one in front of it".to_owned());
        let stays = item.leaves_ms.is_none_or(|at_ms| at_ms >= settled_ms);
        faults.expect(stays, || self.at(offset), || "it should have left by its own `ttl`".to_owned());
        if self.last.is_none() {
            let is_oldest = self.row.oldest_ms.is_some_and(|oldest_ms| oldest_ms <= item.appended_ms);
            faults.expect(is_oldest, || self.at(offset), || "it is older than the topic's row says".to_owned());
        }
        self.last = Some(Last { offset, appended_ms: item.appended_ms });
        self.found.items += 1;
        self.found.items_bytes += item.bytes;
        self.found.leaving += u64::from(item.leaves_ms.is_some());
        if kind == Kind::State {
            let is_put = item.event.r#type() == EventType::Put;
            let replayed = Replayed { offset, digest: is_put.then(|| digest(&item.event)) };
            self.replayed.insert(item.event.key.clone().unwrap_or_default(), replayed);
        }
    }

    pub(super) fn fold(&mut self, key: &[u8], value: &[u8], faults: &mut Faults) {
        let TopicRow { epoch, head, floor, kind, .. } = *self.row;
        let Some(live) = faults.note(codec::open_fold(key, value, epoch)) else { return };
        let name = live.event.key.clone().unwrap_or_default();
        let place = || format!("topic {}, key {name}", self.name);
        faults.expect(kind == Kind::State, place, || "only `state` topics have keys".to_owned());
        faults.expect(live.offset <= head, place, || format!("its put {} lies above the head {head}", live.offset));
        match self.replayed.remove(&name) {
            Some(Replayed { offset, digest: None }) => {
                faults.add(place(), format!("it is live, though it was deleted at offset {offset}"));
            }
            Some(Replayed { offset, digest: put }) => {
                let is_it = offset == live.offset && put == Some(digest(&live.event));
                faults.expect(is_it, place, || format!("it is not the put at offset {offset}"));
            }
            None => faults.expect(live.offset <= floor, place, || {
                format!("its put {} is missing among the publications", live.offset)
            }),
        }
        self.found.keys += 1;
        self.found.keys_bytes += live.bytes;
    }

    pub(super) fn known(&mut self, key: &[u8], value: &[u8], faults: &mut Faults) {
        let name = key.get(PREFIX_BYTES..).and_then(key::split_number).and_then(|(_, rest)| key::known_name(rest));
        match name {
            Some(KnownName::Key(_)) => {
                self.found.known += u64::from(faults.note(codec::open::<KeyRow>(key, value)).is_some());
            }
            Some(KnownName::Block(..)) => {
                if let Some(block) = faults.note(codec::open::<BlockRow>(key, value)) {
                    self.block(&block, faults);
                }
            }
            None => faults.add(self.place(), "a row of what it remembers is under no name"),
        }
    }

    fn block(&mut self, block: &BlockRow, faults: &mut Faults) {
        let BlockRow { producer, block: number, first_sequence, results, .. } = block;
        let place = || format!("topic {}, producer {producer}, block {number}", self.name);
        let first = first_sequence.checked_sub(number.saturating_mul(BLOCK_SEQUENCES));
        let fits = first.is_some_and(|first| first + results.len() as u64 <= BLOCK_SEQUENCES);
        faults.expect(fits && !results.is_empty(), place, || "its results are not those of the block".to_owned());
        match &self.producer {
            Some((before, next)) if before == producer => {
                faults.expect(next == first_sequence, place, || format!("it does not go on at sequence {next}"));
            }
            _ => self.found.known += 1,
        }
        self.producer = Some((Arc::clone(producer), first_sequence.saturating_add(results.len() as u64)));
    }

    /// What was found, against what the topic's row says.
    pub(super) fn finish(self, faults: &mut Faults) -> Figures {
        let Self { row, found, .. } = &self;
        let TopicRow { epoch, head, floor, history_count, history_bytes, oldest_ms, kind, .. } = *self.row;
        faults.expect(epoch != 0, || self.place(), || "it has no epoch".to_owned());
        faults.expect(floor <= head, || self.place(), || format!("its floor {floor} lies above its head {head}"));
        let last = self.last.map_or(floor, |last| last.offset);
        faults.expect(
            kind != Kind::State || last == head,
            || self.place(),
            || format!("its publications end at {last}, its head is {head}"),
        );
        faults.expect(
            oldest_ms.is_some() == (history_count > 0),
            || self.place(),
            || format!("it has {history_count} publications, and its oldest is said to be {oldest_ms:?}"),
        );
        let sums = [
            ("publications", found.items, history_count),
            ("bytes of publications", found.items_bytes, history_bytes),
            ("publications with a `ttl`", found.leaving, row.leaving_count),
            ("keys", found.keys, row.keys_count),
            ("bytes of keys", found.keys_bytes, row.fold_bytes),
            ("remembered idempotency keys and producers", found.known, row.known_count),
        ];
        for (what, found, said) in sums {
            faults.expect(found == said, || self.place(), || format!("it should have {said} {what}, and has {found}"));
        }
        for (key, Replayed { offset, .. }) in self.replayed.iter().filter(|(_, replayed)| replayed.digest.is_some()) {
            faults.add(format!("topic {}, key {key}", self.name), format!("its put at offset {offset} has no row"));
        }
        self.found
    }
}

fn digest(event: &Event) -> u64 {
    xxh3_64(&event.encode_to_vec())
}
