//! Groups whose state came from a backup.

use openraft::async_runtime::watch::WatchReceiver;

use super::transport::{SHARD, Three};
use super::*;

/// The log and the state that a restore leaves to a node.
fn restore(alone: &Alone) {
    let groups = shard_count().ids().map(|shard| GroupId(shard.get().into())).chain([GroupId::META]);
    let groups: Vec<_> = groups.collect();
    write_restored(&*alone.log, groups.iter().copied(), 1).unwrap();
    for group in groups {
        alone.disk.file(group).save_as(restored_position(1, 77));
    }
}

#[tokio::test]
async fn a_restored_group_goes_on_behind_its_state_and_is_not_founded_anew() {
    let alone = Alone::new();
    restore(&alone);
    let shards = alone.start().await;
    assert_eq!(propose(&shards, 0, "x").await, Ok(text("1 x")));
    let file = alone.disk.file(GroupId(0));
    assert_eq!(*file.seen.lock(), [2, 3], "the entry of its first term, and that of the command");
    let position = file.position();
    assert_eq!((position.index, position.term), (3, 2));
    assert!(shards.shard_ms(shard(0)) >= 77, "its time goes on");
    shards.shutdown();
    drop(shards);
    let shards = alone.start().await;
    assert_eq!(propose(&shards, 0, "y").await, Ok(text("2 y")));
}

/// The log below its state is gone, so it has nothing to feed a newcomer from but a snapshot.
#[tokio::test]
async fn who_joins_a_restored_group_is_sent_a_snapshot() {
    let mut three = Three::start().await;
    for node in [1, 2, 3] {
        three.kill(node);
        three.wipe(node);
    }
    let place = three.place(1);
    write_restored(&*place.log, [SHARD, GroupId::META], 1).unwrap();
    for group in [SHARD, GroupId::META] {
        place.disk.file(group).save_as(restored_position(1, 0));
    }
    // Founders are named; the group has been founded.
    three.begin(1).await;
    three.led_by(1, SHARD).await;
    three.propose(1, "x").await.unwrap();
    let leader = three.node(1).group(SHARD).raft().unwrap().clone();
    let voters: Vec<_> = leader.metrics().borrow_watched().membership_config.voter_ids().collect();
    assert_eq!(voters, [1]);
    three.begin(2).await;
    leader.add_learner(2, openraft::EmptyNode {}, true).await.unwrap();
    assert_eq!(three.agree(&[1, 2]).await, ["x"]);
    assert_eq!(three.place(2).disk.file(SHARD).seen.lock().first(), Some(&2), "behind the snapshot");
}

#[tokio::test]
async fn what_is_written_of_restored_groups_is_read_back() {
    let alone = Alone::new();
    restore(&alone);
    let held = alone.log.group(GroupId::META).unwrap();
    assert_eq!((held.purged.map(|purged| purged.index), held.last), (Some(1), None));
    assert!(held.vote.is_some());
}
