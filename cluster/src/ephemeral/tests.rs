use std::sync::Barrier;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;
use crate::shard::{Entry, EntryTime};

/// Answers each command with itself and the number it has in its shard, and shows the entries to the test.
struct Echo {
    shard: ShardId,
    applied: u64,
    entries: mpsc::Sender<(ShardId, Entry)>,
}

impl EphemeralMachine for Echo {
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes> {
        self.entries.send((self.shard, entry.clone())).ok();
        let numbers = self.applied + 1..;
        self.applied += entry.commands.len() as u64;
        let answers = entry.commands.iter().zip(numbers);
        answers.map(|(command, number)| echoed(number, command)).collect()
    }
}

fn echoed(number: u64, command: &[u8]) -> Bytes {
    Bytes::from([number.to_string().as_bytes(), b" ", command].concat())
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn shard(number: u32) -> ShardId {
    ShardId::new(number, ShardCount::DEFAULT).unwrap()
}

fn start(clock: Arc<ManualClock>, limits: BatcherLimits, machines: MakeMachine) -> EphemeralShards {
    EphemeralShards::start(ShardCount::DEFAULT, limits, clock, machines).unwrap()
}

fn echo(limits: BatcherLimits) -> (EphemeralShards, mpsc::Receiver<(ShardId, Entry)>, Arc<ManualClock>) {
    let (entries, seen) = mpsc::channel();
    let clock = Arc::new(ManualClock::new(1_763_715_600_000));
    let machines: MakeMachine = Box::new(move |shard| Box::new(Echo { shard, applied: 0, entries: entries.clone() }));
    (start(Arc::clone(&clock), limits, machines), seen, clock)
}

/// Holds the thread inside `apply` of every entry until the test lets it go on.
struct Gate {
    entered: mpsc::Sender<usize>,
    go_on: Arc<Barrier>,
}

impl EphemeralMachine for Gate {
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes> {
        self.entered.send(entry.commands.len()).unwrap();
        self.go_on.wait();
        entry.commands.clone()
    }
}

fn gated(limits: BatcherLimits) -> (EphemeralShards, mpsc::Receiver<usize>, Arc<Barrier>) {
    let (entered, seen) = mpsc::channel();
    let go_on = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&go_on);
    let machines: MakeMachine =
        Box::new(move |_| Box::new(Gate { entered: entered.clone(), go_on: Arc::clone(&gate) }));
    (start(Arc::new(ManualClock::new(0)), limits, machines), seen, go_on)
}

#[tokio::test]
async fn commands_are_applied_and_answered_in_the_order_of_their_proposals() {
    let (cluster, seen, _) = echo(BatcherLimits::default());
    let proposals: Vec<_> = (0..100).map(|n: u32| cluster.propose(shard(5), text(&n.to_string()))).collect();
    for (n, proposal) in proposals.into_iter().enumerate() {
        assert_eq!(proposal.await, Ok(echoed(n as u64 + 1, n.to_string().as_bytes())));
    }
    cluster.shutdown();
    let indexes: Vec<_> = seen.try_iter().map(|(_, entry)| entry.index).collect();
    assert_eq!(indexes, (1..=indexes.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_waits_while_an_entry_is_applied_becomes_the_next_entry() {
    let (cluster, entered, go_on) = gated(BatcherLimits::default());
    let first = cluster.propose(shard(0), text("first"));
    assert_eq!(entered.recv(), Ok(1));
    let rest: Vec<_> = (0..50).map(|n: u32| cluster.propose(shard(0), text(&n.to_string()))).collect();
    go_on.wait();
    assert_eq!(entered.recv(), Ok(50));
    go_on.wait();
    assert_eq!(first.await, Ok(text("first")));
    for (n, proposal) in rest.into_iter().enumerate() {
        assert_eq!(proposal.await, Ok(text(&n.to_string())));
    }
}

#[tokio::test]
async fn a_shard_that_is_full_is_overloaded_and_others_are_not() {
    let limits = BatcherLimits { waiting_commands_max: 2, ..BatcherLimits::default() };
    let (cluster, entered, go_on) = gated(limits);
    let mut accepted = vec![cluster.propose(shard(0), text("applying"))];
    assert_eq!(entered.recv(), Ok(1));
    accepted.push(cluster.propose(shard(0), text("waits")));
    accepted.push(cluster.propose(shard(0), text("waits too")));
    let overloaded = Unavailable::Overloaded { retry_after_ms: limits.retry_after_ms };
    assert_eq!(cluster.propose(shard(0), text("refused")).await, Err(overloaded));
    accepted.push(cluster.propose(shard(1), text("elsewhere")));
    for _ in 0..3 {
        go_on.wait();
    }
    for proposal in accepted {
        assert!(proposal.await.is_ok());
    }
}

#[tokio::test]
async fn shutdown_answers_what_was_accepted_and_refuses_the_rest() {
    let (cluster, entered, go_on) = gated(BatcherLimits::default());
    let cluster = Arc::new(cluster);
    let applying = cluster.propose(shard(0), text("applying"));
    assert_eq!(entered.recv(), Ok(1));
    let waiting = cluster.propose(shard(0), text("waiting"));
    cluster.shared.close();
    assert_eq!(cluster.propose(shard(0), text("late")).await, Err(Unavailable::ShuttingDown));
    assert_eq!(cluster.propose(shard(9), text("late")).await, Err(Unavailable::ShuttingDown));
    let ending = thread::spawn({
        let cluster = Arc::clone(&cluster);
        move || cluster.shutdown()
    });
    go_on.wait();
    go_on.wait();
    ending.join().unwrap();
    assert_eq!(applying.await, Ok(text("applying")));
    assert_eq!(waiting.await, Ok(text("waiting")));
    assert_eq!(cluster.read_barrier(shard(0)).await, Ok(2), "what was applied can still be read");
    cluster.shutdown();
}

/// The flag and the inbox are two things: a proposal between them must not be forgotten.
#[tokio::test]
async fn a_proposal_that_slips_past_the_flag_is_refused_by_the_inbox() {
    let (cluster, _, _) = echo(BatcherLimits::default());
    cluster.shutdown();
    cluster.shared.closing.store(false, Ordering::Release);
    assert_eq!(cluster.propose(shard(0), text("late")).await, Err(Unavailable::ShuttingDown));
    assert_eq!(cluster.propose(shard(0), text("later")).await, Err(Unavailable::ShuttingDown));
}

struct Faulty;

impl EphemeralMachine for Faulty {
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes> {
        assert!(!entry.commands.contains(&text("panic")), "a planted defect");
        entry.commands.iter().filter(|command| **command != text("silence")).cloned().collect()
    }
}

#[tokio::test]
async fn a_panic_stops_its_shard_and_tells_everyone_who_waits() {
    for defect in ["panic", "silence"] {
        let cluster = start(Arc::new(ManualClock::new(0)), BatcherLimits::default(), Box::new(|_| Box::new(Faulty)));
        assert_eq!(cluster.propose(shard(0), text("fine")).await, Ok(text("fine")));
        assert_eq!(cluster.propose(shard(0), text(defect)).await, Err(Unavailable::Stopped));
        assert_eq!(cluster.propose(shard(0), text("fine")).await, Err(Unavailable::Stopped));
        assert_eq!(cluster.read_barrier(shard(0)).await, Err(Unavailable::Stopped));
        assert_eq!(cluster.propose(shard(1), text("fine")).await, Ok(text("fine")));
    }
}

/// A leader whose date jumps must not expire anything: shard time goes by the monotonic clock alone.
#[tokio::test]
async fn shard_time_follows_the_monotonic_clock_and_not_the_date() {
    let (cluster, seen, clock) = echo(BatcherLimits::default());
    assert_eq!(cluster.shard_ms(shard(3)), 0, "a shard that was never used has no time");
    clock.advance(500);
    assert!(cluster.propose(shard(3), text("a")).await.is_ok());
    clock.advance(70);
    clock.set_wall(9);
    assert_eq!(cluster.shard_ms(shard(3)), 70);
    assert!(cluster.propose(shard(3), text("b")).await.is_ok());
    let times: Vec<_> = seen.try_iter().map(|(_, entry)| entry.time).collect();
    let wall_ms = 1_763_715_600_500;
    assert_eq!(times, [EntryTime { shard_ms: 0, wall_ms }, EntryTime { shard_ms: 70, wall_ms: 9 }]);
}

#[tokio::test]
async fn a_read_after_an_answer_includes_it() {
    let (cluster, _seen, _) = echo(BatcherLimits::default());
    assert_eq!(cluster.read_barrier(shard(2)).try_now().ok(), Some(Ok(0)));
    for index in 1..=20 {
        assert!(cluster.propose(shard(2), text("x")).await.is_ok());
        assert_eq!(cluster.read_barrier(shard(2)).try_now().ok(), Some(Ok(index)));
    }
}

#[tokio::test]
async fn dropping_the_handle_ends_the_thread() {
    let (cluster, seen, _) = echo(BatcherLimits::default());
    let proposal = cluster.propose(shard(0), text("x"));
    drop(cluster);
    assert!(proposal.await.is_ok());
    assert_eq!(seen.iter().count(), 1, "the channel ends with the thread");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Several threads propose to several shards: each command is applied once, answered as itself, and each
    /// thread's commands to a shard keep their order.
    #[test]
    fn answers_match_their_commands(
        threads in prop::collection::vec(prop::collection::vec(0u32..4, 0..60), 1..4),
        entry_commands_max in 1usize..8,
    ) {
        let limits = BatcherLimits { entry_commands_max, ..BatcherLimits::default() };
        let (cluster, seen, _) = echo(limits);
        let cluster = Arc::new(cluster);
        let proposers: Vec<_> = threads.iter().cloned().enumerate().map(|(thread, shards)| {
            let cluster = Arc::clone(&cluster);
            thread::spawn(move || {
                let named = shards.into_iter().enumerate();
                let made = named.map(|(n, to)| {
                    let command = format!("{thread}:{n}");
                    let proposal = cluster.propose(shard(to), text(&command));
                    (to, command, proposal)
                });
                made.collect::<Vec<_>>()
            })
        }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut answered = 0;
        for proposer in proposers {
            let mut last = [0u64; 4];
            for (to, command, proposal) in proposer.join().unwrap() {
                let answer = runtime.block_on(async {
                    tokio::time::timeout(Duration::from_secs(10), proposal).await
                }).expect("every proposal is answered").unwrap();
                let answer = String::from_utf8(answer.to_vec()).unwrap();
                let (number, echoed) = answer.split_once(' ').unwrap();
                prop_assert_eq!(echoed, command);
                let number: u64 = number.parse().unwrap();
                prop_assert!(number > last[to as usize], "out of order");
                last[to as usize] = number;
                answered += 1;
            }
        }
        cluster.shutdown();
        let mut applied = 0;
        let mut indexes = [0u64; 4];
        for (shard, entry) in seen.try_iter() {
            prop_assert!(entry.commands.len() <= entry_commands_max);
            indexes[shard.index()] += 1;
            prop_assert_eq!(entry.index, indexes[shard.index()]);
            applied += entry.commands.len();
        }
        prop_assert_eq!(applied, answered);
        prop_assert_eq!(answered, threads.iter().map(Vec::len).sum::<usize>());
    }
}
