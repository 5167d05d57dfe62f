//! One shard: its topics, each with what it holds, and the sums over all of them.

use std::collections::BTreeMap;
use std::collections::HashSet;

use fanfare_protocol::TopicName;

use super::CheckedShard;
use super::faults::Faults;
use super::generations::{Generations, Piles};
use super::lane::Lane;
use super::topic::{Figures, TopicCheck};
use crate::log::rows::{ShardRow, TopicRow, Usage};
use crate::store::codec::{self, DueMark};
use crate::store::fault::StoreError;
use crate::store::key::{self, PREFIX_BYTES, Prefix};
use crate::store::state::shard_id;
use crate::store::still::Still;
use crate::store::table::Table;
use crate::store::view;

/// `None` when nothing is stored of it, or it cannot be told what.
pub(super) fn check(
    still: &Still,
    number: u16,
    generations: &Generations,
    faults: &mut Faults,
) -> Option<CheckedShard> {
    let pointer = generations.pointer(number)?;
    let prefix = Some(pointer.generation).filter(|generation| *generation > 0).map(|g| Prefix::new(number, g))?;
    let row = still.get::<ShardRow>(&prefix.row());
    let row = faults.note(row)?;
    let Some(row) = row else {
        faults.add(format!("shards: {}", key::shown(Table::Shards, &prefix.row())), "the shard's own row is missing");
        return None;
    };
    let none = Piles::default();
    let piles = generations.piles(prefix).unwrap_or(&none);
    let topics = topics(still, prefix, &row, piles, faults)?;
    check_usage(prefix, &row, &topics, faults);
    let due = check_due(still, prefix, &topics, faults);
    faults.note(due);
    let figures = check_topics(still, prefix, &topics, piles, faults);
    let figures = faults.note(figures)?;
    Some(CheckedShard {
        shard: shard_id(number)?,
        position: row.position,
        topics: topics.len() as u64,
        items: figures.items,
        items_bytes: figures.items_bytes,
        keys: figures.keys,
        keys_bytes: figures.keys_bytes,
        known: figures.known,
        garbage: piles.count,
        is_receiving: pointer.staging.is_some(),
    })
}

/// In the order of their numbers.
fn topics(
    still: &Still,
    prefix: Prefix,
    shard: &ShardRow,
    piles: &Piles,
    faults: &mut Faults,
) -> Option<Vec<(TopicName, TopicRow)>> {
    let mut topics = Vec::new();
    for row in faults.note(still.rows(Table::Topics, prefix.all()))? {
        let Some((key, value)) = faults.note(row) else { continue };
        let name = view::name(Table::Topics, &key, 0);
        let topic = name.and_then(|name| Ok((name, codec::open::<TopicRow>(&key, &value)?)));
        let Some((name, row)) = faults.note(topic) else { continue };
        let place = || format!("topic {name}");
        // Also finds what a damaged filter would hide.
        let found = faults.note(still.get::<TopicRow>(&key)).flatten();
        faults.expect(found.as_ref() == Some(&row), place, || "it is not found under its name".to_owned());
        faults.expect(row.number < shard.next_number, place, || {
            format!("its number {} is not below the next one, {}", row.number, shard.next_number)
        });
        faults.expect(!piles.dead.contains(&row.number), place, || {
            format!("its number {} is marked to be cleared away", row.number)
        });
        topics.push((name, row));
    }
    topics.sort_unstable_by_key(|(_, row)| row.number);
    for pair in topics.windows(2) {
        if let [(first, a), (second, b)] = pair
            && a.number == b.number
        {
            faults.add(format!("topic {second}"), format!("it has the number {} of topic {first}", b.number));
        }
    }
    Some(topics)
}

fn check_usage(prefix: Prefix, shard: &ShardRow, topics: &[(TopicName, TopicRow)], faults: &mut Faults) {
    let mut usage = BTreeMap::<&str, Usage>::new();
    for (_, topic) in topics {
        let usage = usage.entry(&topic.counted_by).or_default();
        usage.topics += 1;
        usage.bytes = usage.bytes.saturating_add(topic.history_bytes).saturating_add(topic.fold_bytes);
    }
    let names: HashSet<&str> = usage.keys().copied().chain(shard.usage.keys().map(String::as_str)).collect();
    for name in names {
        let (is, said) = (usage.get(name).copied(), shard.usage.get(name).copied());
        let (is, said) = (is.unwrap_or_default(), said.unwrap_or_default());
        faults.expect(
            is == said,
            || format!("shard {}, namespace {name}", prefix.shard()),
            || {
                let Usage { topics, bytes } = said;
                format!("it should have {topics} topics of {bytes} bytes, and has {} of {}", is.topics, is.bytes)
            },
        );
    }
}

/// Each topic that becomes due is in the queue at its time, and nothing else.
fn check_due(
    still: &Still,
    prefix: Prefix,
    topics: &[(TopicName, TopicRow)],
    faults: &mut Faults,
) -> Result<(), StoreError> {
    let mut queued = 0_u64;
    for row in still.rows(Table::Due, prefix.all())? {
        let (key, value) = row?;
        let mark = codec::open::<DueMark>(&key, &value);
        let name = mark.and_then(|DueMark| view::name(Table::Due, &key, 8));
        let Some(name) = faults.note(name) else { continue };
        let at_ms = key.get(PREFIX_BYTES..).and_then(key::split_number).map(|(at_ms, _)| at_ms);
        let topic = faults.note(still.get::<TopicRow>(&prefix.topic(name.as_str()))).flatten();
        let is_due = topic.is_some_and(|topic| topic.due_ms == at_ms);
        queued += u64::from(is_due);
        faults.expect(
            is_due,
            || format!("due: {}", key::shown(Table::Due, &key)),
            || "the topic is not due then".to_owned(),
        );
    }
    let due = topics.iter().filter(|(_, topic)| topic.due_ms.is_some()).count() as u64;
    faults.expect(
        due == queued,
        || format!("shard {}", prefix.shard()),
        || format!("{due} topics become due, {queued} are in the queue"),
    );
    Ok(())
}

fn check_topics(
    still: &Still,
    prefix: Prefix,
    topics: &[(TopicName, TopicRow)],
    piles: &Piles,
    faults: &mut Faults,
) -> Result<Figures, StoreError> {
    let mut items = Lane::new(still, Table::Items, prefix, faults)?;
    let mut folds = Lane::new(still, Table::Folds, prefix, faults)?;
    let mut known = Lane::new(still, Table::Known, prefix, faults)?;
    let mut figures = Figures::default();
    for (name, row) in topics {
        let forgotten = piles.forgotten.get(&row.number).map_or(&[][..], Vec::as_slice);
        let mut topic = TopicCheck::new(name, row, forgotten);
        items.of(row.number, &piles.dead, faults, |key, value, faults| topic.items(key, value, faults));
        folds.of(row.number, &piles.dead, faults, |key, value, faults| topic.fold(key, value, faults));
        known.of(row.number, &piles.dead, faults, |key, value, faults| topic.known(key, value, faults));
        figures.add(topic.finish(faults));
    }
    items.finish(&piles.dead, faults);
    folds.finish(&piles.dead, faults);
    known.finish(&piles.dead, faults);
    Ok(figures)
}
