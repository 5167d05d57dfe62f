//! Three replicas over ways that can be cut.

use super::transport::{SHARD, Three};
use super::*;

#[tokio::test]
async fn every_replica_applies_what_the_leader_acknowledged() {
    let three = Three::start().await;
    for n in 0..20 {
        assert_eq!(three.propose(1, &n.to_string()).await, Ok(text(&format!("{} {n}", n + 1))));
    }
    let read = three.read(1).await.unwrap();
    assert_eq!(read, three.place(1).disk.file(SHARD).position().index);
    assert_eq!(three.agree(&[1, 2, 3]).await.len(), 20);
    assert_eq!(three.node(1).health(SHARD), Some(Health::Leads));
    assert_eq!(three.node(2).health(SHARD), Some(Health::Follows { leader: Some(1) }));
}

#[tokio::test]
async fn a_follower_says_that_it_does_not_lead() {
    let three = Three::start().await;
    three.propose(1, "x").await.unwrap();
    three.agree(&[1, 2]).await;
    let elsewhere = Unavailable::NoLeader { retry_after_ms: 50 };
    assert_eq!(three.propose(2, "x").await, Err(elsewhere));
    assert_eq!(three.read(2).await, Err(elsewhere));
    assert_eq!(three.agree(&[1, 2, 3]).await, ["x"]);
}

#[tokio::test]
async fn what_is_asked_of_a_replica_before_it_is_up_is_answered_when_it_is() {
    let three = Three::start().await;
    three.kill(3);
    let shards = three.begin_to_begin(3);
    let only = ShardId::of("", ShardCount::new(1).unwrap());
    let (read, proposal) = (shards.read_barrier(only), shards.propose(only, text("x")));
    assert!(matches!(soon(read).await, Err(Unavailable::NoLeader { .. })));
    assert!(matches!(soon(proposal).await, Err(Unavailable::NoLeader { .. })));
}

#[tokio::test]
async fn a_leader_that_is_cut_off_is_replaced_and_nothing_acknowledged_is_lost() {
    let three = Three::start().await;
    three.propose(1, "before").await.unwrap();
    three.net.isolate(1);
    let cut_off = three.node(1).propose(ShardId::of("", ShardCount::new(1).unwrap()), text("cut off"));
    let leader = three.led_by_one_of([2, 3], SHARD).await;
    // Right after the election, when its lease is not established yet.
    assert_eq!(three.propose(leader, "after").await, Ok(text("2 after")));
    assert!(three.read(leader).await.is_ok());
    three.net.heal();
    assert!(matches!(soon(cut_off).await, Err(Unavailable::NoLeader { .. })));
    assert_eq!(three.agree(&[leader, 1]).await, ["before", "after"]);
}

#[tokio::test]
async fn leadership_is_handed_over_when_asked_for() {
    let three = Three::start().await;
    three.propose(1, "x").await.unwrap();
    three.agree(&[1, 2, 3]).await;
    three.node(1).group(SHARD).raft().unwrap().trigger().transfer_leader(2).await.unwrap();
    three.led_by(2, SHARD).await;
    assert_eq!(three.propose(2, "y").await, Ok(text("2 y")));
    assert_eq!(three.agree(&[2, 1, 3]).await, ["x", "y"]);
}

#[tokio::test]
async fn a_wiped_replica_installs_a_snapshot_and_goes_on_where_it_was_killed_in_the_middle() {
    let mut three = Three::start().await;
    for n in 0..40 {
        three.propose(1, &n.to_string()).await.unwrap();
    }
    three.agree(&[1, 2, 3]).await;
    lose_the_third(&mut three).await;

    let file = three.place(3).disk.file(SHARD);
    let (cutting, mut cut) = tokio::sync::mpsc::unbounded_channel();
    let net = Arc::clone(&three.net);
    *file.on_chunk.lock() = Some(Box::new(move |taken| {
        if taken == 10 {
            net.cut(1, 3);
            cutting.send(()).ok();
        }
    }));
    three.begin(3).await;
    tokio::time::timeout(HANGS, cut.recv()).await.expect("it is being sent a snapshot").unwrap();
    three.kill(3);
    let taken = file.taken.lock().len();
    assert!((10..20).contains(&taken), "{taken} of 40");
    assert!(file.lines().is_empty(), "nothing of it is in use yet");
    // What is committed meanwhile it hears from the log, above the snapshot.
    three.propose(1, "meanwhile").await.unwrap();
    purge_all(&three, 1).await;

    three.net.heal();
    three.begin(3).await;
    let lines = three.agree(&[1, 3]).await;
    assert_eq!(lines.len(), 41);
    assert_eq!(*file.taken.lock(), (1..=40).collect::<Vec<_>>(), "each chunk once");

    three.propose(1, "after").await.unwrap();
    assert_eq!(three.agree(&[1, 2, 3]).await.len(), 42);
    three.kill(3);
    three.begin(3).await;
    three.propose(1, "later").await.unwrap();
    assert_eq!(three.agree(&[1, 2, 3]).await.len(), 43, "a restart begins at what was installed");
}

/// What is written meanwhile is held back in memory by the view.
#[tokio::test]
async fn a_view_that_holds_back_too_much_gives_way_to_a_new_one() {
    let mut three = Three::start().await;
    for n in 0..40 {
        three.propose(1, &n.to_string()).await.unwrap();
    }
    three.agree(&[1, 2, 3]).await;
    lose_the_third(&mut three).await;
    let (from, into) = (three.place(1).disk.file(SHARD), three.place(3).disk.file(SHARD));
    *into.on_chunk.lock() = Some(Box::new(move |taken| {
        if taken == 10 {
            from.make_views_stale();
        }
    }));
    three.begin(3).await;
    assert_eq!(three.agree(&[1, 3]).await.len(), 40);
    let taken = into.taken.lock();
    let (of_the_first, of_the_second) = taken.split_at(taken.len() - 40);
    assert!((10..20).contains(&of_the_first.len()), "{taken:?}");
    assert_eq!(of_the_second, (1..=40).collect::<Vec<_>>(), "the new one from its beginning");
}

/// The leader knows that it needs a snapshot, tries to send one again and again, and reaches nobody.
#[tokio::test]
async fn a_replica_that_is_away_holds_back_no_log() {
    let three = Three::start().await;
    three.propose(1, "known to all").await.unwrap();
    three.agree(&[1, 2, 3]).await;
    three.kill(3);
    let place = three.place(1);
    for n in 0..4 {
        three.propose(1, &n.to_string()).await.unwrap();
        let saved = place.disk.file(SHARD).save();
        place.log.pin(SHARD, saved);
        let purged = async {
            while place.log.purged(SHARD) != Some(saved) {
                // As with every window: an attempt that is under way may hold it back, the next one does not.
                three.node(1).stored(SHARD, saved);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(HANGS, purged).await.expect("the log is let go of");
    }
}

/// The third node has a new disk, and the leader no log for it.
async fn lose_the_third(three: &mut Three) {
    three.kill(3);
    three.wipe(3);
    purge_all(three, 1).await;
    // It comes back under its old name, so the leader is told that this is meant to be.
    for group in [SHARD, GroupId::META] {
        let leader = three.node(1).group(group).raft().unwrap().clone();
        leader.trigger().allow_next_revert(&3, true).await.unwrap().unwrap();
    }
}

/// Everything that a node has applied is stored, and its log asks for the space.
async fn purge_all(three: &Three, node: u64) {
    let place = three.place(node);
    let saved = place.disk.file(SHARD).save();
    place.log.pin(SHARD, saved);
    three.node(node).stored(SHARD, saved);
    if three.node(node).group(SHARD).views.oldest_index().is_none() {
        place.log.until(|log| log.purged(SHARD) == Some(saved)).await;
    }
}
