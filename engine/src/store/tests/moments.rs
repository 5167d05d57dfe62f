//! Readers see whole windows, whatever goes on in the background.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Directory, shard};
use crate::log::Stored;
use crate::log::rows::{Change, ShardRow, Window};
use crate::store::contract::{Author, Step};
use crate::store::table::Table;

/// The engine's own snapshots may fall into the middle of a batch when a flush ends just then.
#[test]
fn no_reader_sees_half_a_window_while_tables_are_flushed() {
    const WINDOWS: u64 = 400;
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let template = Author::new().window(vec![Step::Everything]);
    let mut topics = template.changes.iter().filter_map(|change| match change {
        Change::Topic(_, row) => Some(row.clone()),
        _ => None,
    });
    let row = topics.next_back().expect("there are topics");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let still = storage.still();
                    let ShardRow { now_ms, .. } = still.shard().expect("it can be read");
                    let heads = |topics: Vec<(_, crate::log::rows::TopicRow)>| {
                        topics.into_iter().map(|(_, row)| row.head).collect::<Vec<_>>()
                    };
                    for _ in 0..2 {
                        let listed = heads(still.list("", None, usize::MAX).expect("it can be read"));
                        assert!(listed.iter().all(|head| *head == now_ms), "{listed:?} at {now_ms}");
                    }
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for table in [Table::Shards, Table::Topics] {
                    store.engine.keyspace(table).rotate_memtable().expect("it can be written");
                }
                thread::yield_now();
            }
        });
        for number in 1..=WINDOWS {
            let topic = |n: u64| format!("topic-{n}").parse().expect("it is a name");
            let changes =
                (0..1_500).map(|n| Change::Topic(topic(n), crate::log::rows::TopicRow { head: number, ..row.clone() }));
            let shard = ShardRow { now_ms: number, ..ShardRow::default() };
            storage.commit(&Window { number, shard, changes: changes.collect() }).expect("it can be written");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
