//! A topic as an author knows it, and what has to be written when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::{Event, EventType, ResourceVersion, TopicName};

use crate::log::Kind;
use crate::log::rows::{BLOCK_SEQUENCES, BlockRow, Change, FoldRow, ItemRow, KeyRow, StoredOutcome, TopicRow};

/// Everything that is stored of a topic.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Topic {
    pub(super) row: TopicRow,
    pub(super) items: BTreeMap<u64, ItemRow>,
    pub(super) folds: BTreeMap<String, FoldRow>,
    pub(super) keys: BTreeMap<Arc<str>, KeyRow>,
    pub(super) blocks: BTreeMap<(Arc<str>, u64), BlockRow>,
}

impl Topic {
    pub(super) fn new(name: &str, number: u64, now_ms: u64) -> Self {
        let kind = if name.starts_with("fleet") { Kind::State } else { Kind::Stream };
        let row = TopicRow {
            number,
            epoch: number << 40 | 7,
            head: 0,
            floor: 0,
            history_count: 0,
            history_bytes: 0,
            oldest_ms: None,
            leaving_count: 0,
            settled_ms: now_ms,
            keys_count: 0,
            fold_bytes: 0,
            known_count: 0,
            known_ms: 0,
            due_ms: None,
            kind,
            counted_by: if kind == Kind::State { "fleet" } else { "default" }.into(),
        };
        let (items, folds) = (BTreeMap::new(), BTreeMap::new());
        let mut topic = Self { row, items, folds, keys: BTreeMap::new(), blocks: BTreeMap::new() };
        topic.publish(now_ms, 0, Some(3), None);
        topic
    }

    /// A put, or a delete without bytes.
    pub(super) fn publish(&mut self, now_ms: u64, key: u8, bytes: Option<u16>, ends_ms: Option<u64>) {
        let is_state = self.row.kind == Kind::State;
        self.row.head += 1;
        let offset = self.row.head;
        let event = Event {
            r#type: if bytes.is_some() { EventType::Put } else { EventType::Delete }.into(),
            resource_version: Some(ResourceVersion::new(self.row.epoch, offset)),
            key: is_state.then(|| format!("key-{key}")),
            data: bytes.map(|bytes| Bytes::from(vec![b'0' + key; bytes.into()])),
            publisher: Some("someone".to_owned()),
            time: Some(now_ms as i64),
            ..Event::default()
        };
        let event = Arc::new(event);
        let bytes = 256 + u64::from(bytes.unwrap_or_default());
        let leaves_ms = ends_ms.filter(|_| !is_state);
        let item = ItemRow { offset, event: Arc::clone(&event), bytes, appended_ms: now_ms, leaves_ms };
        self.items.insert(offset, item);
        if let Some(key) = event.key.clone() {
            if event.r#type() == EventType::Put {
                self.folds.insert(key, FoldRow { offset, event, bytes, expires_ms: ends_ms });
            } else {
                self.folds.remove(&key);
            }
        }
        self.settle(now_ms);
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        self.items.retain(|_, item| item.leaves_ms.is_none_or(|at_ms| at_ms > now_ms));
        let over: Vec<_> =
            self.folds.values().filter(|live| live.expires_ms.is_some_and(|at_ms| at_ms <= now_ms)).collect();
        let over: Vec<_> =
            over.into_iter().filter_map(|live| live.event.key.as_ref()?.strip_prefix("key-")?.parse().ok()).collect();
        over.into_iter().for_each(|key| self.publish(now_ms, key, None, None));
        self.keys.retain(|_, key| key.ends_ms > now_ms);
        self.settle(now_ms);
    }

    pub(super) fn trim(&mut self, keep: usize) {
        while self.items.len() > keep
            && let Some((offset, _)) = self.items.pop_first()
        {
            self.row.floor = offset;
        }
        self.settle(self.row.settled_ms);
    }

    pub(super) fn remember(&mut self, now_ms: u64, key: u8) {
        let name: Arc<str> = format!("4:me\u{1f511}{key}").into();
        let hash = u128::MAX / 997 * u128::from(key);
        let row =
            KeyRow { name: Arc::clone(&name), hash, first_offset: self.row.head, count: 1, ends_ms: now_ms + 500 };
        self.keys.insert(name, row);
        self.row.known_ms = now_ms;
        self.settle(now_ms);
    }

    pub(super) fn forget(&mut self) {
        self.keys.pop_first();
        if let Some(producer) = self.blocks.keys().next().map(|(producer, _)| Arc::clone(producer)) {
            self.blocks.retain(|(other, _), _| *other != producer);
        }
        self.settle(self.row.settled_ms);
    }

    pub(super) fn produce(&mut self, now_ms: u64, producer: u8, refused: bool) {
        // One's id begins like the other's.
        let producer: Arc<str> = "2:me".chars().chain("abc".chars().take(producer.into())).collect::<String>().into();
        let last = self.blocks.range((Arc::clone(&producer), 0)..=(Arc::clone(&producer), u64::MAX)).next_back();
        let sequence = last.map_or(30, |(_, row)| row.first_sequence + row.results.len() as u64);
        let block = sequence / BLOCK_SEQUENCES;
        let new = || BlockRow {
            producer: Arc::clone(&producer),
            block,
            heard_ms: 0,
            first_sequence: sequence,
            results: Vec::new(),
        };
        let row = self.blocks.entry((Arc::clone(&producer), block)).or_insert_with(new);
        row.heard_ms = now_ms;
        row.results.push(match refused {
            true => (u128::from(sequence), StoredOutcome::Refused(Bytes::from_static(b"no"))),
            false => (u128::MAX - u128::from(sequence), StoredOutcome::Published { first_offset: sequence, count: 2 }),
        });
        if let Some(old) = block.checked_sub(3) {
            self.blocks.remove(&(producer, old));
        }
        self.settle(now_ms);
    }

    /// The sums.
    fn settle(&mut self, now_ms: u64) {
        let producers: BTreeSet<_> = self.blocks.keys().map(|(producer, _)| producer).collect();
        self.row.known_count = (self.keys.len() + producers.len()) as u64;
        self.row.settled_ms = now_ms;
        self.row.history_count = self.items.len() as u64;
        self.row.history_bytes = self.items.values().map(|item| item.bytes).sum();
        self.row.oldest_ms = self.items.values().next().map(|item| item.appended_ms);
        self.row.leaving_count = self.items.values().filter(|item| item.leaves_ms.is_some()).count() as u64;
        self.row.keys_count = self.folds.len() as u64;
        self.row.fold_bytes = self.folds.values().map(|live| live.bytes).sum();
    }
}

/// What is to be written so that what was becomes what is.
pub(super) fn tell(name: &str, was: Option<&Topic>, is: Option<&Topic>, out: &mut Vec<Change>) {
    let name = TopicName::parse(name).expect("it is one");
    let is_same = was.zip(is).is_some_and(|(was, is)| was.row.number == is.row.number);
    if let Some(was) = was.filter(|_| !is_same) {
        out.push(Change::Dead(was.row.number));
        out.extend(
            was.row
                .due_ms
                .filter(|at_ms| is.and_then(|is| is.row.due_ms) != Some(*at_ms))
                .map(|at_ms| Change::DueGone(at_ms, name.clone())),
        );
        if is.is_none() {
            out.push(Change::TopicGone(name.clone()));
        }
    }
    let Some(is) = is else { return };
    let none = Topic {
        items: BTreeMap::new(),
        folds: BTreeMap::new(),
        keys: BTreeMap::new(),
        blocks: BTreeMap::new(),
        row: is.row.clone(),
    };
    let none = Topic { row: TopicRow { floor: 0, due_ms: None, head: 0, ..none.row.clone() }, ..none };
    let was = was.filter(|_| is_same).unwrap_or(&none);
    if was == is {
        return;
    }
    let number = is.row.number;
    let gone = is.row.floor.min(was.row.head);
    if gone > was.row.floor {
        out.push(Change::ItemsGone(number, was.row.floor, gone));
    }
    let left = was.items.keys().filter(|offset| **offset > gone && !is.items.contains_key(offset));
    out.extend(left.map(|offset| Change::ItemsGone(number, offset - 1, *offset)));
    let new = is.items.values().filter(|item| !was.items.contains_key(&item.offset));
    out.extend(new.map(|item| Change::Item(number, item.clone())));
    let gone = was.folds.keys().filter(|key| !is.folds.contains_key(*key));
    out.extend(gone.map(|key| Change::FoldGone(number, key.as_str().into())));
    let new = is.folds.iter().filter(|(key, live)| was.folds.get(*key) != Some(live));
    out.extend(new.map(|(_, live)| Change::Fold(number, live.clone())));
    let gone = was.keys.keys().filter(|key| !is.keys.contains_key(*key));
    out.extend(gone.map(|key| Change::KeyGone(number, Arc::clone(key))));
    let new = is.keys.iter().filter(|(name, key)| was.keys.get(*name) != Some(key));
    out.extend(new.map(|(_, key)| Change::Key(number, key.clone())));
    let gone = was.blocks.keys().filter(|key| !is.blocks.contains_key(*key));
    out.extend(gone.map(|(producer, block)| Change::BlockGone(number, Arc::clone(producer), *block)));
    let new = is.blocks.iter().filter(|(key, block)| was.blocks.get(*key) != Some(block));
    out.extend(new.map(|(_, block)| Change::Block(number, block.clone())));
    if was.row.due_ms != is.row.due_ms {
        out.extend(was.row.due_ms.map(|at_ms| Change::DueGone(at_ms, name.clone())));
        out.extend(is.row.due_ms.map(|at_ms| Change::Due(at_ms, name.clone())));
    }
    out.push(Change::Topic(name, is.row.clone()));
}
