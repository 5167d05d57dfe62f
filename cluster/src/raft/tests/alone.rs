//! A node by itself.

use std::collections::BTreeMap;
use std::thread;

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn commands_are_applied_and_answered_in_the_order_of_their_proposals() {
    let node = Alone::new();
    let shards = node.start().await;
    let proposals: Vec<_> = (0..200).map(|n: u32| shards.propose(shard(1), text(&n.to_string()))).collect();
    for (n, proposal) in proposals.into_iter().enumerate() {
        assert_eq!(soon(proposal).await, Ok(text(&format!("{} {n}", n + 1))));
    }
    assert_eq!(node.disk.file(GroupId(1)).lines(), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(shards.health(GroupId(1)), Some(Health::Leads));
    assert_eq!(shards.health(GroupId(SHARDS)), None);
}

#[tokio::test]
async fn the_meta_group_is_proposed_to_and_read_like_a_shard() {
    let node = Alone::new();
    let shards = node.start().await;
    assert_eq!(soon(shards.meta().propose(text("namespace"))).await, Ok(text("1 namespace")));
    let read = soon(shards.meta().read_barrier()).await.unwrap();
    assert_eq!(read, node.disk.file(GroupId::META).position().index);
    assert_eq!(shards.health(GroupId::META), Some(Health::Leads));
    assert_eq!(node.disk.file(GroupId(0)).lines().len(), 0);
}

#[tokio::test]
async fn what_is_proposed_before_a_group_leads_waits_for_it() {
    let shards = Alone::new().begin();
    let early = shards.propose(shard(0), text("early"));
    let read = shards.read_barrier(shard(0));
    assert_eq!(soon(early).await, Ok(text("1 early")));
    assert!(soon(read).await.is_ok());
}

#[tokio::test]
async fn a_read_after_an_answer_includes_it_and_waits_for_nothing() {
    let node = Alone::new();
    let shards = node.start().await;
    for _ in 0..20 {
        propose(&shards, 2, "x").await.unwrap();
        let read = shards.read_barrier(shard(2)).try_now().expect("alone it needs no wait");
        assert_eq!(read, Ok(node.disk.file(GroupId(2)).position().index));
    }
}

#[tokio::test]
async fn what_waits_while_an_entry_is_applied_becomes_the_next_entry() {
    let node = Alone::new();
    let shards = node.start().await;
    let file = node.disk.file(GroupId(0));
    let gate = file.gate();
    let mut proposals = vec![shards.propose(shard(0), text("held"))];
    assert_eq!(gate.entered.recv(), Ok(1));
    // The thread is inside the state machine: whatever comes now waits for it, and is one entry.
    proposals.extend((0..50).map(|n: u32| shards.propose(shard(0), text(&n.to_string()))));
    drop(gate.go_on);
    for proposal in proposals {
        soon(proposal).await.unwrap();
    }
    assert_eq!(*file.sizes.lock(), [1, 50]);
}

#[tokio::test]
async fn a_group_that_is_full_is_overloaded_and_others_are_not() {
    let limits = BatcherLimits { waiting_commands_max: 2, ..BatcherLimits::default() };
    let node = Alone::with_limits(limits);
    let shards = node.start().await;
    let gate = node.disk.file(GroupId(0)).gate();
    let mut accepted = vec![shards.propose(shard(0), text("applying"))];
    assert_eq!(gate.entered.recv(), Ok(1));
    accepted.push(shards.propose(shard(0), text("waits")));
    accepted.push(shards.propose(shard(0), text("waits too")));
    let overloaded = Unavailable::Overloaded { retry_after_ms: limits.retry_after_ms };
    assert_eq!(propose(&shards, 0, "refused").await, Err(overloaded));
    accepted.push(shards.propose(shard(1), text("elsewhere")));
    drop(gate.go_on);
    for proposal in accepted {
        assert!(soon(proposal).await.is_ok());
    }
}

#[tokio::test]
async fn a_store_that_failed_refuses_commands_to_the_shards_and_not_to_the_meta_group() {
    let node = Alone::new();
    let shards = node.start().await;
    node.backlog.raise();
    assert_eq!(propose(&shards, 0, "x").await, Err(Unavailable::StorageFault));
    assert!(soon(shards.read_barrier(shard(0))).await.is_ok(), "reads go on");
    assert!(soon(shards.meta().propose(text("x"))).await.is_ok());
    node.backlog.clear();
    assert!(propose(&shards, 0, "x").await.is_ok());
}

#[tokio::test]
async fn a_backlog_that_is_held_has_commands_wait_within_their_bounds() {
    let limits = BatcherLimits { waiting_commands_max: 2, ..BatcherLimits::default() };
    let node = Alone::with_limits(limits);
    let shards = node.start().await;
    node.backlog.hold();
    let waiting = [shards.propose(shard(0), text("a")), shards.propose(shard(0), text("b"))];
    let overloaded = Unavailable::Overloaded { retry_after_ms: limits.retry_after_ms };
    assert_eq!(propose(&shards, 0, "c").await, Err(overloaded), "as much waits as may");
    assert!(soon(shards.meta().propose(text("x"))).await.is_ok(), "which is after the thread has come for them");
    let mut waiting = waiting.map(|proposal| proposal.try_now().expect_err("it waits"));
    for end in [Backlog::clear, Backlog::raise] {
        end(&node.backlog);
        for proposal in waiting {
            assert!(soon(proposal).await.is_ok(), "what was accepted goes on its way");
        }
        node.backlog.clear();
        node.backlog.hold();
        waiting = [shards.propose(shard(0), text("d")), shards.propose(shard(1), text("e"))];
    }
    node.backlog.clear();
    for proposal in waiting {
        assert!(soon(proposal).await.is_ok());
    }
}

#[tokio::test]
async fn shutdown_answers_what_was_accepted_and_refuses_the_rest() {
    let node = Alone::new();
    let shards = Arc::new(node.start().await);
    let gate = node.disk.file(GroupId(0)).gate();
    let applying = shards.propose(shard(0), text("applying"));
    assert_eq!(gate.entered.recv(), Ok(1));
    let waiting: Vec<_> = (0..3000).map(|n| shards.propose(shard(0), text(&n.to_string()))).collect();
    let ending = thread::spawn({
        let shards = Arc::clone(&shards);
        move || shards.shutdown()
    });
    while shards.propose(shard(1), text("late")).try_now().ok() != Some(Err(Unavailable::ShuttingDown)) {
        thread::yield_now();
    }
    drop(gate.go_on);
    ending.join().unwrap();
    assert_eq!(soon(applying).await, Ok(text("1 applying")));
    for (n, proposal) in waiting.into_iter().enumerate() {
        assert_eq!(soon(proposal).await, Ok(text(&format!("{} {n}", n + 2))));
    }
    let index = node.disk.file(GroupId(0)).position().index;
    assert_eq!(soon(shards.read_barrier(shard(0))).await, Ok(index), "what was applied can still be read");
    shards.shutdown();
}

#[tokio::test]
async fn dropping_the_handle_ends_everything_and_lets_go_of_it() {
    let node = Alone::new();
    let shards = node.start().await;
    let proposal = shards.propose(shard(0), text("x"));
    drop(shards);
    assert!(soon(proposal).await.is_ok());
    assert_eq!(Arc::strong_count(&node.log), 1, "nothing can write any more");
    assert_eq!(Arc::strong_count(&node.disk.file(GroupId(0))), 2, "the disk's own and this one");
}

/// A leader whose date jumps must not expire anything: shard time goes by the monotonic clock alone.
#[tokio::test]
async fn shard_time_follows_the_monotonic_clock_and_goes_on_after_a_restart() {
    let node = Alone::new();
    let shards = node.start().await;
    node.clock.advance(500);
    propose(&shards, 3, "a").await.unwrap();
    assert_eq!(node.disk.file(GroupId(3)).position().shard_ms, 500);
    node.clock.advance(70);
    node.clock.set_wall(9);
    assert_eq!(shards.shard_ms(shard(3)), 570);
    propose(&shards, 3, "b").await.unwrap();
    shards.shutdown();
    node.clock.advance(100_000);
    // Nothing was stored: the time comes out of the replayed entries.
    let shards = node.start().await;
    assert_eq!(node.disk.file(GroupId(3)).position().shard_ms, 570);
    node.clock.advance(30);
    assert_eq!(shards.shard_ms(shard(3)), 600, "what passed while it was down does not count");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Several threads propose to several shards: each command is applied once, answered as itself, and each thread's
    /// commands to a shard keep their order.
    #[test]
    fn answers_match_their_commands(
        threads in prop::collection::vec(prop::collection::vec(0u32..SHARDS, 0..60), 1..4),
        entry_commands_max in 1usize..8,
        entries_in_flight_max in 1usize..6,
    ) {
        let mut node = Alone::with_limits(BatcherLimits { entry_commands_max, ..BatcherLimits::default() });
        node.settings.entries_in_flight_max = entries_in_flight_max;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shards = Arc::new(runtime.block_on(node.start()));
        let proposers: Vec<_> = threads.iter().cloned().enumerate().map(|(thread, to)| {
            let shards = Arc::clone(&shards);
            thread::spawn(move || {
                let made = to.into_iter().enumerate().map(|(n, to)| {
                    let command = format!("{thread}:{n}");
                    let proposal = shards.propose(shard(to), text(&command));
                    (to, command, proposal)
                });
                made.collect::<Vec<_>>()
            })
        }).collect();
        let mut answered = 0;
        for proposer in proposers {
            let mut last = BTreeMap::new();
            for (to, command, proposal) in proposer.join().unwrap() {
                let answer = runtime.block_on(soon(proposal)).unwrap();
                let answer = String::from_utf8(answer.to_vec()).unwrap();
                let (number, echoed) = answer.split_once(' ').unwrap();
                prop_assert_eq!(echoed, command);
                let number: u64 = number.parse().unwrap();
                prop_assert!(last.insert(to, number).is_none_or(|before| before < number), "out of order");
                answered += 1;
            }
        }
        shards.shutdown();
        let files: Vec<_> = (0..SHARDS).map(|n| node.disk.file(GroupId(n))).collect();
        prop_assert!(files.iter().all(|file| file.sizes.lock().iter().all(|size| *size <= entry_commands_max)));
        prop_assert_eq!(files.iter().map(|file| file.lines().len()).sum::<usize>(), answered);
        prop_assert_eq!(answered, threads.iter().map(Vec::len).sum::<usize>());
    }
}
