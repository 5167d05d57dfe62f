//! What stops one group stops no other.

use super::breakable_log::BreakableLog;
use super::*;

fn breakable() -> (Arc<BreakableLog>, Alone) {
    let log = Arc::new(BreakableLog::default());
    (log.clone(), Alone { log, ..Alone::new() })
}

#[tokio::test]
async fn a_defect_of_a_state_machine_stops_its_group_and_tells_everyone_who_waits() {
    for defect in ["panic", "silence"] {
        let node = Alone::new();
        let shards = node.start().await;
        assert_eq!(propose(&shards, 0, "fine").await, Ok(text("1 fine")));
        let gate = node.disk.file(GroupId(0)).gate();
        let bad = shards.propose(shard(0), text(defect));
        assert_eq!(gate.entered.recv(), Ok(1));
        let behind = shards.propose(shard(0), text("behind"));
        drop(gate.go_on);
        assert_eq!(soon(bad).await, Err(Unavailable::Stopped));
        assert_eq!(soon(behind).await, Err(Unavailable::Stopped));
        assert_eq!(propose(&shards, 0, "late").await, Err(Unavailable::Stopped));
        assert_eq!(soon(shards.read_barrier(shard(0))).await, Err(Unavailable::Stopped));
        assert_eq!(shards.health(GroupId(0)), Some(Health::Failed(Unavailable::Stopped)));
        assert_eq!(propose(&shards, 1, "fine").await, Ok(text("1 fine")));
        shards.shutdown();
    }
}

#[tokio::test]
async fn a_fault_of_the_store_stops_its_group_as_a_storage_fault() {
    let node = Alone::new();
    let shards = node.start().await;
    assert_eq!(propose(&shards, 0, "fault").await, Err(Unavailable::StorageFault));
    assert_eq!(propose(&shards, 0, "fine").await, Err(Unavailable::StorageFault));
    assert_eq!(shards.health(GroupId(0)), Some(Health::Failed(Unavailable::StorageFault)));
    assert_eq!(propose(&shards, 1, "fine").await, Ok(text("1 fine")));
}

#[tokio::test]
async fn after_a_failed_sync_nothing_of_that_group_is_acknowledged_or_applied() {
    let (log, node) = breakable();
    let shards = node.start().await;
    assert!(propose(&shards, 0, "fine").await.is_ok());
    log.fail(GroupId(0));
    assert_eq!(propose(&shards, 0, "lost").await, Err(Unavailable::StorageFault));
    assert_eq!(propose(&shards, 0, "late").await, Err(Unavailable::StorageFault));
    assert_eq!(soon(shards.read_barrier(shard(0))).await, Err(Unavailable::StorageFault));
    assert_eq!(node.disk.file(GroupId(0)).lines(), ["fine"]);
    assert_eq!(propose(&shards, 1, "fine").await, Ok(text("1 fine")));
    assert_eq!(shards.health(GroupId(1)), Some(Health::Leads));
}

#[tokio::test]
async fn a_group_whose_log_cannot_be_read_fails_at_the_start_and_the_others_serve() {
    let (log, node) = breakable();
    log.make_unreadable(GroupId(2));
    let shards = node.start().await;
    assert_eq!(shards.health(GroupId(2)), Some(Health::Failed(Unavailable::StorageFault)));
    assert_eq!(propose(&shards, 2, "x").await, Err(Unavailable::StorageFault));
    assert_eq!(propose(&shards, 1, "x").await, Ok(text("1 x")));
}

#[tokio::test]
async fn a_group_whose_vote_cannot_be_saved_fails_at_the_start_and_the_others_serve() {
    let (log, node) = breakable();
    log.fail(GroupId::META);
    let shards = node.start().await;
    assert_eq!(shards.health(GroupId::META), Some(Health::Failed(Unavailable::StorageFault)));
    assert_eq!(soon(shards.meta().propose(text("x"))).await, Err(Unavailable::StorageFault));
    assert_eq!(propose(&shards, 1, "x").await, Ok(text("1 x")));
}

#[tokio::test]
async fn a_state_machine_that_cannot_be_opened_fails_its_group_alone() {
    let node = Alone::new();
    let parts =
        RaftParts { log: node.log.clone(), clock: node.clock.clone(), backlog: Backlog::default(), peers: None };
    let mut open = |group: GroupId| match group {
        GroupId(1) => Err(crate::shard::StateFault("a planted fault".into())),
        _ => node.disk.machine(group),
    };
    let shards = RaftShards::start(&node.settings, parts, &mut open).unwrap();
    soon(shards.ready()).await.unwrap();
    assert_eq!(propose(&shards, 1, "x").await, Err(Unavailable::StorageFault));
    assert_eq!(propose(&shards, 0, "x").await, Ok(text("1 x")));
}

/// With nothing in flight there is nobody whose answer would tell.
#[tokio::test]
async fn a_core_that_ends_by_itself_stops_its_group_and_the_others_serve() {
    let node = Alone::new();
    let shards = node.start().await;
    propose(&shards, 0, "x").await.unwrap();
    let core = shards.group(GroupId(0)).raft().unwrap().clone();
    core.external_request(|_| panic!("a planted defect")).await.unwrap();
    let failed = async {
        while shards.health(GroupId(0)) != Some(Health::Failed(Unavailable::Stopped)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, failed).await.expect("it is noticed");
    assert_eq!(soon(shards.read_barrier(shard(0))).await, Err(Unavailable::Stopped));
    assert_eq!(propose(&shards, 0, "x").await, Err(Unavailable::Stopped));
    assert_eq!(propose(&shards, 1, "x").await, Ok(text("1 x")));
}

/// A format of a later version, or a record of another kind, is said and not guessed at.
#[tokio::test]
async fn an_entry_of_an_unknown_format_fails_its_group_and_is_not_applied() {
    let node = Alone::new();
    node.start().await.shutdown();
    let last = node.log.group(GroupId(0)).unwrap().last.unwrap();
    let strange = crate::log::LogEntry { index: last.index + 1, bytes: Bytes::from_static(&[9, 0, 0]) };
    node.log.append(GroupId(0), vec![strange], Box::new(|done| done.unwrap()));
    let shards = node.start().await;
    assert_eq!(shards.health(GroupId(0)), Some(Health::Failed(Unavailable::StorageFault)));
    assert_eq!(propose(&shards, 1, "x").await, Ok(text("1 x")));
}

#[tokio::test]
async fn as_many_entries_wait_for_a_sync_as_may_be_in_flight_and_the_rest_is_the_next_one() {
    let (log, node) = breakable();
    let shards = node.start().await;
    log.slow_down(GroupId(0));
    let mut proposals = Vec::new();
    for n in 1..=4 {
        proposals.push(shards.propose(shard(0), text("x")));
        log.until(|log| log.unsynced() == n).await;
    }
    proposals.extend((0..50).map(|_| shards.propose(shard(0), text("x"))));
    // Handed on after those, so that whatever would have left has.
    propose(&shards, 1, "x").await.unwrap();
    assert_eq!(log.unsynced(), 4);
    log.sync();
    for proposal in proposals {
        soon(proposal).await.unwrap();
    }
    assert_eq!(*node.disk.file(GroupId(0)).sizes.lock(), [1, 1, 1, 1, 50]);
}

#[tokio::test]
async fn a_log_that_asks_for_it_is_purged_up_to_there_when_that_is_stored() {
    let (log, node) = breakable();
    let shards = node.start().await;
    let file = node.disk.file(GroupId(1));
    for n in 0..10 {
        propose(&shards, 1, &n.to_string()).await.unwrap();
    }
    log.pin(GroupId(1), 6);
    shards.stored(GroupId(1), 3);
    propose(&shards, 1, "more").await.unwrap();
    assert_eq!(log.purged(GroupId(1)), None, "not stored that far: nothing goes");
    let saved = file.save();
    shards.stored(GroupId(1), saved);
    log.until(|log| log.purged(GroupId(1)).is_some()).await;
    assert_eq!(log.first(GroupId(1)), 7, "no further than it takes");
    assert_eq!(log.first(GroupId(2)), 0, "a group that keeps nothing is left alone");
    let lines = file.lines();
    shards.shutdown();
    let _shards = node.start().await;
    assert_eq!(file.lines(), lines);
}

/// Nobody would notice by itself: what is left of the state is sound, and so is what is left of the log.
#[tokio::test]
async fn a_state_that_ends_below_what_its_log_was_purged_to_is_a_storage_fault_of_its_group() {
    let (log, node) = breakable();
    let file = node.disk.file(GroupId(1));
    let shards = node.start().await;
    propose(&shards, 1, "early").await.unwrap();
    let early = file.position();
    for n in 0..10 {
        propose(&shards, 1, &n.to_string()).await.unwrap();
    }
    let purged = early.index + 1;
    log.pin(GroupId(1), purged);
    shards.stored(GroupId(1), file.save());
    log.until(|log| log.purged(GroupId(1)) == Some(purged)).await;
    shards.shutdown();
    let just_there = crate::shard::Position { index: purged, ..early.clone() };
    for (position, health) in [
        (early, Health::Failed(Unavailable::StorageFault)),
        (crate::shard::Position::default(), Health::Failed(Unavailable::StorageFault)),
        (just_there, Health::Leads),
    ] {
        file.save_as(position.clone());
        let shards = node.start().await;
        assert_eq!(shards.health(GroupId(1)), Some(health), "{position:?}");
        assert_eq!(shards.health(GroupId(2)), Some(Health::Leads));
        shards.shutdown();
    }
}
