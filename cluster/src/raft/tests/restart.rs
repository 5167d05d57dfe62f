//! What a restart brings back: what the state machine stored, and above it exactly the log.

use super::*;

#[tokio::test]
async fn a_restart_replays_what_is_above_the_stored_position_and_nothing_else() {
    let node = Alone::new();
    let file = node.disk.file(GroupId(0));
    let shards = node.start().await;
    for n in 0..10 {
        propose(&shards, 0, &format!("saved {n}")).await.unwrap();
    }
    let saved = file.save();
    shards.stored(GroupId(0), saved);
    for n in 0..10 {
        propose(&shards, 0, &format!("not saved {n}")).await.unwrap();
    }
    let lines = file.lines();
    let last = file.position().index;
    shards.shutdown();

    let shards = node.start().await;
    assert_eq!(file.lines(), lines, "nothing twice, nothing skipped");
    let replayed: Vec<_> = (saved + 1..=last + 1).collect();
    assert_eq!(*file.seen.lock(), replayed, "and the entry that began its term");
    propose(&shards, 0, "after").await.unwrap();
    assert_eq!(file.lines().len(), 21);
}

#[tokio::test]
async fn a_replay_longer_than_one_read_is_complete() {
    let node = Alone::new();
    let shards = node.start().await;
    let long = "x".repeat(700_000);
    for n in 0..16 {
        propose(&shards, 0, &format!("{n}{long}")).await.unwrap();
    }
    let file = node.disk.file(GroupId(0));
    let lines = file.lines();
    shards.shutdown();
    let _shards = node.start().await;
    assert_eq!(file.lines(), lines);
}

#[tokio::test]
async fn a_restart_with_everything_stored_replays_only_its_own_term() {
    let node = Alone::new();
    let file = node.disk.file(GroupId(2));
    let shards = node.start().await;
    propose(&shards, 2, "x").await.unwrap();
    shards.shutdown();
    let saved = file.save();
    let shards = node.start().await;
    assert_eq!(*file.seen.lock(), [saved + 1]);
    assert_eq!(propose(&shards, 2, "y").await, Ok(text("2 y")));
}

#[tokio::test]
async fn a_node_that_is_not_the_only_member_does_not_serve_by_itself() {
    let mut node = Alone::new();
    node.start().await.shutdown();
    node.settings.node = 2;
    let shards = node.start().await;
    assert_eq!(shards.health(GroupId(0)), Some(Health::Failed(Unavailable::Stopped)));
    assert_eq!(propose(&shards, 0, "x").await, Err(Unavailable::Stopped));
}

#[tokio::test]
async fn a_shutdown_in_the_middle_of_the_start_ends_and_answers() {
    for _ in 0..20 {
        let node = Alone::new();
        let shards = node.begin();
        let early = shards.propose(shard(0), text("early"));
        let ready = shards.ready();
        shards.shutdown();
        assert!(matches!(soon(early).await, Ok(_) | Err(Unavailable::ShuttingDown)));
        soon(ready).await.unwrap();
        assert_eq!(Arc::strong_count(&node.log), 1);
    }
}

/// The first entry of a group has index 0, as has a state that knows none.
#[tokio::test]
async fn a_state_that_stored_the_first_entry_alone_is_told_from_an_empty_one() {
    let node = Alone::new();
    let file = node.disk.file(GroupId(0));
    let disk = node.disk.clone();
    let shards = node.start().await;
    propose(&shards, 0, "x").await.unwrap();
    shards.shutdown();
    // What a store would hold that was written right after the founding.
    let first = {
        let eager = Alone { disk: Disk::eager(), ..Alone::new() };
        let shards = eager.start().await;
        shards.shutdown();
        eager.disk.file(GroupId(0)).position().membership
    };
    assert!(!first.is_empty());
    disk.file(GroupId(0)).save_as(crate::shard::Position { membership: first, ..Default::default() });
    let _shards = node.start().await;
    assert_eq!(file.seen.lock().first(), Some(&1));
    assert_eq!(file.lines(), ["x"]);
}
