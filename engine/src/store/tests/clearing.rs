//! What is no longer needed goes, in steps.

use super::{Directory, check, flush, shard, whole};
use crate::log::Stored;
use crate::store::StateStore;
use crate::store::contract::{Author, Model, Step};
use crate::store::progress;
use crate::store::still::Still;
use crate::store::table::Table;

/// Rows of all tables.
fn rows(store: &StateStore) -> usize {
    let still: Still = store.engine.still();
    let all = Table::ALL.into_iter().flat_map(|table| {
        let everything = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        still.rows(table, everything).expect("it can be read").map(|row| row.expect("it can be read"))
    });
    all.filter(|(key, _)| **key != *progress::KEY).count()
}

#[test]
fn an_ended_topic_is_cleared_away_in_steps() {
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let mut author = Author::new();
    storage.commit(&author.window(vec![Step::Everything])).expect("it can be written");
    let before = rows(&store);
    storage.commit(&author.window((0..6).map(|topic| Step::End { topic }).collect())).expect("it can be written");
    let mut collected = 0;
    for step in 0.. {
        // One more than the step allows would be too many.
        let now = store.collect(1).expect("it can be cleared away");
        assert!(now <= 1);
        collected += now;
        if now == 0 {
            assert!(step > 20);
            break;
        }
        if step % 5 == 0 {
            flush(&store);
        }
    }
    // What stays are the shard's own row and its pointer; what went with the window: topics and their deadlines.
    assert_eq!((rows(&store), collected), (2, before - 2 - 5 - 5));
    drop((storage, store));
    assert_eq!(whole(check(&directory)).shards[0].garbage, 0);
}

#[test]
fn what_waits_to_be_cleared_away_is_no_fault() {
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let mut author = Author::new();
    let mut model = Model::new();
    // Windows of their own, so that each has a row of its own: more of them than go with the window that forgets them.
    let publish = |topic| Step::Publish { topic, key: 1, bytes: 10, ttl_ms: None };
    let published = (0..300).map(|_| (0..6).map(publish).collect());
    let forgotten = vec![Step::Trim { topic: 0, keep: 3 }, Step::Trim { topic: 3, keep: 3 }, Step::End { topic: 2 }];
    for steps in published.chain([forgotten]) {
        let window = author.window(steps);
        model.apply(&window);
        storage.commit(&window).expect("it can be written");
    }
    model.check(&storage.still());
    // A part is gone, and the rest is not.
    assert_eq!(store.collect(200).expect("it can be cleared away"), 200);
    model.check(&storage.still());
    drop((storage, store));
    assert!(whole(check(&directory)).shards[0].garbage > 0);
    let store = directory.open();
    while store.collect(1_000).expect("it can be cleared away") > 0 {}
    model.check(&store.shard(shard(0)).expect("it can be read").still());
    drop(store);
    assert_eq!(whole(check(&directory)).shards[0].garbage, 0);
}
