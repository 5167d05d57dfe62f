//! What is stored of it, and that a topic which was restored goes on like one that never was.

mod property;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fanfare_protocol::ResourceVersion;

use super::*;
use crate::log::rows::{BLOCK_SEQUENCES, StoredOutcome};

const NUMBER: u64 = 7;
const EPOCH: u64 = 5;

const POLICY: IdempotencyPolicy =
    IdempotencyPolicy { window_ms: 60, entries_max: 4, producers_max: 3, producer_results_max: 40 };

/// The rows of a topic. Takes no change that says a row twice, or what it already says.
#[derive(Debug, Default)]
struct Rows {
    keys: BTreeMap<Arc<str>, KeyRow>,
    blocks: BTreeMap<(Arc<str>, u64), BlockRow>,
}

impl Rows {
    fn write(&mut self, changes: &[Change]) {
        let mut seen = BTreeSet::new();
        for change in changes {
            let row = match change {
                Change::Key(NUMBER, row) => {
                    assert_ne!(self.keys.insert(Arc::clone(&row.name), row.clone()).as_ref(), Some(row));
                    (Arc::clone(&row.name), None)
                }
                Change::KeyGone(NUMBER, name) => {
                    assert!(self.keys.remove(name).is_some(), "there is such a row: {change:?}");
                    (Arc::clone(name), None)
                }
                Change::Block(NUMBER, row) => {
                    let place = (Arc::clone(&row.producer), row.block);
                    assert_ne!(self.blocks.insert(place, row.clone()).as_ref(), Some(row));
                    (Arc::clone(&row.producer), Some(row.block))
                }
                Change::BlockGone(NUMBER, id, block) => {
                    assert!(self.blocks.remove(&(Arc::clone(id), *block)).is_some(), "there is such a row: {change:?}");
                    (Arc::clone(id), Some(*block))
                }
                other => panic!("not a row of what is remembered: {other:?}"),
            };
            assert!(seen.insert(row), "no row is told twice: {change:?}");
        }
    }

    fn restore(&self, known_ms: u64, policy: &IdempotencyPolicy) -> Idempotency {
        let (keys, blocks) = (self.keys.values().cloned().collect(), self.blocks.values().cloned().collect());
        Idempotency::restore(keys, blocks, known_ms, policy).expect("rows that were collected")
    }
}

/// A topic's memory twice: one that is stored and restored, and one to which neither ever happens.
struct Twins {
    stored: Idempotency,
    lasting: Idempotency,
    rows: Rows,
    policy: IdempotencyPolicy,
    now_ms: u64,
    settled_ms: u64,
    head: u64,
}

/// How a publish goes of which nothing is known.
#[derive(Debug, Clone, Copy)]
enum End {
    Published(u32),
    /// For good.
    Conflict,
    /// May be tried again.
    Open,
}

impl Twins {
    fn new() -> Self {
        let (stored, lasting) = (Idempotency::new(), Idempotency::new());
        Self { stored, lasting, rows: Rows::default(), policy: POLICY, now_ms: 0, settled_ms: 0, head: 0 }
    }

    fn publish(
        &mut self,
        key: Option<&str>,
        producer: Option<(&str, u64)>,
        hash: u128,
        end: End,
    ) -> Result<Published, Refusal> {
        let producer = producer.map(|(id, sequence)| Producer { id: id.to_owned(), sequence });
        let identity = Identity { principal: "ada", key, producer: producer.as_ref(), hash };
        let (now_ms, policy) = (self.now_ms, self.policy);
        let fresh = match end {
            End::Published(count) => {
                Ok(Published { epoch: EPOCH, first_offset: self.head + 1, count, repeated: false })
            }
            End::Conflict => Err(Refusal::VersionConflict { current: ResourceVersion::new(EPOCH, self.head) }),
            End::Open => Err(Refusal::TooManyTopics { topics_max: 1 }),
        };
        let answers = [&mut self.stored, &mut self.lasting].map(|half| {
            half.expire(now_ms, &policy);
            let (verdict, permit) = half.check(now_ms, &identity, &policy);
            let result = match verdict {
                Verdict::Stored(outcome) => outcome.repeat(EPOCH),
                Verdict::Refused(refusal) => Err(refusal),
                Verdict::Fresh => fresh.clone(),
            };
            half.record(now_ms, permit, &result, &policy);
            result
        });
        self.settled_ms = now_ms;
        let [stored, lasting] = answers;
        assert_eq!(stored, lasting);
        if let Ok(published) = &stored
            && !published.repeated
        {
            self.head += u64::from(published.count);
        }
        self.check();
        stored
    }

    fn key(&mut self, key: &str) -> Result<Published, Refusal> {
        self.publish(Some(key), None, 1, End::Published(1))
    }

    fn producer(&mut self, id: &str, sequence: u64) -> Result<Published, Refusal> {
        self.publish(None, Some((id, sequence)), 1, End::Published(1))
    }

    fn run(&mut self, id: &str, sequences: std::ops::Range<u64>) {
        for sequence in sequences {
            assert!(!self.producer(id, sequence).unwrap().repeated);
        }
    }

    fn expire(&mut self, after_ms: u64) {
        self.now_ms += after_ms;
        self.settled_ms = self.now_ms;
        for half in [&mut self.stored, &mut self.lasting] {
            half.expire(self.now_ms, &self.policy);
        }
        self.check();
    }

    fn follow(&mut self, policy: IdempotencyPolicy) {
        self.policy = policy;
        for half in [&mut self.stored, &mut self.lasting] {
            half.follow(&policy);
        }
        self.check();
    }

    /// A window ends.
    fn collect(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.stored.collect(NUMBER, &mut changes);
        self.rows.write(&changes);
        assert_eq!(digest(&self.restored()), digest(&self.stored), "the rows say all that there is");
        changes
    }

    /// The same, as `+key`, `-key`, `+producer/block` and `-producer/block`.
    fn collected(&mut self) -> Vec<String> {
        let changes = self.collect();
        let name = |scoped: &str| scoped.strip_prefix("3:ada").expect("scoped to the principal").to_owned();
        let mut shown: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Key(_, row) => format!("+{}", name(&row.name)),
                Change::KeyGone(_, key) => format!("-{}", name(key)),
                Change::Block(_, row) => format!("+{}/{}", name(&row.producer), row.block),
                Change::BlockGone(_, id, block) => format!("-{}/{block}", name(id)),
                other => panic!("not a row of what is remembered: {other:?}"),
            })
            .collect();
        shown.sort();
        shown
    }

    fn restored(&self) -> Idempotency {
        self.rows.restore(self.stored.known_ms(), &self.policy)
    }

    /// The topic is dropped from memory, and read back.
    fn restore(&mut self) {
        self.collect();
        self.stored = self.restored();
        self.check();
    }

    fn check(&self) {
        for half in [&self.stored, &self.lasting] {
            half.check_invariants(self.settled_ms, &self.policy);
        }
        assert_eq!(digest(&self.stored), digest(&self.lasting));
        assert_eq!(self.stored.next_deadline(&self.policy), self.lasting.next_deadline(&self.policy));
        assert_eq!(self.stored.len(), self.lasting.len());
        assert_eq!(self.stored.known_ms(), self.lasting.known_ms());
    }
}

fn digest(idempotency: &Idempotency) -> u128 {
    let mut digest = Digest::new();
    idempotency.digest(&mut digest);
    digest.finish()
}

#[test]
fn a_key_is_one_row_and_its_repetition_none() {
    let mut twins = Twins::new();
    assert_eq!(twins.collected(), [""; 0]);
    twins.key("a").unwrap();
    assert_eq!(twins.collected(), ["+a"]);
    assert!(twins.key("a").unwrap().repeated);
    assert_eq!(twins.collected(), [""; 0]);
    twins.key("b").unwrap();
    twins.key("c").unwrap();
    assert_eq!(twins.collected(), ["+b", "+c"]);
}

#[test]
fn a_key_that_is_forgotten_takes_its_row_along_if_it_has_one() {
    let mut twins = Twins::new();
    twins.key("a").unwrap();
    assert_eq!(twins.collected(), ["+a"]);
    twins.key("b").unwrap();
    twins.expire(60);
    assert_eq!(twins.collected(), ["-a"]);
    assert_eq!(twins.collected(), [""; 0]);
}

#[test]
fn a_key_that_is_used_again_within_the_window_is_written_once() {
    let mut twins = Twins::new();
    twins.key("a").unwrap();
    twins.collect();
    twins.expire(60);
    twins.key("a").unwrap();
    assert_eq!(twins.collected(), ["+a"]);
    twins.expire(60);
    twins.key("a").unwrap();
    twins.expire(60);
    assert_eq!(twins.collected(), ["-a"]);
}

#[test]
fn restored_keys_are_forgotten_in_the_order_of_their_use_also_when_a_shorter_window_ends_later_ones_first() {
    let mut twins = Twins::new();
    twins.key("z").unwrap();
    twins.follow(IdempotencyPolicy { window_ms: 10, ..POLICY });
    twins.key("a").unwrap();
    assert_eq!(twins.stored.next_deadline(&twins.policy), Some(60), "nothing can be done before the first has ended");
    twins.restore();
    twins.expire(30);
    assert!(twins.key("a").unwrap().repeated);
    twins.expire(30);
    assert_eq!(twins.collected(), ["-a", "-z"]);
    assert_eq!(twins.stored.len(), 0);
}

#[test]
fn a_publish_of_a_producer_is_one_block() {
    let mut twins = Twins::new();
    twins.run("p", 1..3);
    assert_eq!(twins.collected(), ["+p/0"]);
    twins.run("p", 3..BLOCK_SEQUENCES);
    assert_eq!(twins.collected(), ["+p/0"]);
    twins.run("p", BLOCK_SEQUENCES..BLOCK_SEQUENCES + 1);
    assert_eq!(twins.collected(), ["+p/1"]);
    twins.run("q", 1000..1001);
    assert_eq!(twins.collected(), ["+q/31"], "others are not written again");
    twins.run("p", 33..66);
    assert_eq!(twins.collected(), ["+p/1", "+p/2"]);
}

#[test]
fn a_producer_that_was_only_heard_writes_its_newest_block() {
    let mut twins = Twins::new();
    twins.run("p", 1..64);
    assert_eq!(twins.collected(), ["+p/0", "+p/1"]);
    assert!(twins.producer("p", 63).unwrap().repeated);
    assert_eq!(twins.collected(), [""; 0], "at the same moment");
    twins.now_ms += 1;
    assert!(twins.producer("p", 63).unwrap().repeated);
    assert_eq!(twins.collected(), ["+p/1"]);
    twins.now_ms += 1;
    assert_eq!(twins.producer("p", 99), Err(Refusal::OutOfSequence { expected: 64 }));
    assert_eq!(twins.collected(), ["+p/1"], "a refusal is heard too");
    twins.restore();
    twins.expire(59);
    assert_eq!(twins.stored.len(), 1);
    twins.expire(1);
    assert_eq!(twins.collected(), ["-p/0", "-p/1"]);
}

#[test]
fn a_block_goes_when_none_of_its_results_is_kept() {
    let mut twins = Twins::new();
    twins.run("p", 20..71);
    assert_eq!(twins.collected(), ["+p/0", "+p/1", "+p/2"], "the last 40 begin in the middle of a block");
    twins.run("p", 71..72);
    assert_eq!(twins.collected(), ["+p/2", "-p/0"]);
    twins.run("p", 72..200);
    assert_eq!(twins.collected(), ["+p/5", "+p/6", "-p/1", "-p/2"], "those between came and went unseen");
}

#[test]
fn more_than_the_last_results_may_be_held_but_are_not_repeated() {
    let mut twins = Twins::new();
    twins.run("p", 1..61);
    for restored in [false, true] {
        if restored {
            twins.restore();
        }
        assert_eq!(twins.producer("p", 20), Err(Refusal::OutOfSequence { expected: 61 }));
        assert!(twins.producer("p", 21).unwrap().repeated);
    }
}

#[test]
fn another_bound_of_results_is_the_same_for_what_was_restored_before_and_after() {
    for restored_before in [false, true] {
        let mut twins = Twins::new();
        twins.run("p", 1..61);
        twins.collect();
        for producer_results_max in [3, 1_000, 40] {
            twins.follow(IdempotencyPolicy { producer_results_max, ..POLICY });
            if restored_before {
                twins.restore();
            }
        }
        twins.restore();
        assert!(twins.producer("p", 21).unwrap().repeated);
        twins.follow(IdempotencyPolicy { producer_results_max: 3, ..POLICY });
        assert_eq!(twins.producer("p", 57), Err(Refusal::OutOfSequence { expected: 61 }));
        twins.run("p", 61..62);
        twins.follow(POLICY);
        assert_eq!(twins.producer("p", 31), Err(Refusal::OutOfSequence { expected: 62 }), "with the next one it left");
        assert!(twins.producer("p", 32).unwrap().repeated, "in whole blocks");
    }
}

#[test]
fn a_producer_of_which_no_result_is_kept_is_restored_with_its_next_sequence() {
    let mut twins = Twins::new();
    twins.follow(IdempotencyPolicy { producer_results_max: 0, ..POLICY });
    twins.run("p", 1..65);
    twins.restore();
    assert_eq!(twins.producer("p", 64), Err(Refusal::OutOfSequence { expected: 65 }));
    twins.run("p", 65..66);
}

#[test]
fn a_producer_that_is_forgotten_takes_all_its_blocks_along() {
    let mut twins = Twins::new();
    twins.run("p", 1..61);
    assert_eq!(twins.collected(), ["+p/0", "+p/1"]);
    twins.run("p", 61..75);
    twins.run("q", 1..2);
    twins.expire(60);
    assert_eq!(twins.collected(), ["-p/0", "-p/1"], "of what was never written nothing is said");
}

#[test]
fn a_producer_that_comes_again_within_the_window_writes_over_its_old_blocks() {
    let mut twins = Twins::new();
    twins.run("p", 1..61);
    twins.collect();
    twins.expire(60);
    twins.run("p", 33..34);
    assert_eq!(twins.collected(), ["+p/1", "-p/0"]);
    twins.restore();
    assert_eq!(twins.producer("p", 32), Err(Refusal::OutOfSequence { expected: 34 }));
}

#[test]
fn results_of_every_sort_read_back() {
    let mut twins = Twins::new();
    twins.publish(Some("k"), None, u128::MAX, End::Published(3)).unwrap();
    twins.publish(Some("k"), Some(("p", 1)), u128::MAX, End::Open).unwrap();
    let conflict = twins.publish(None, Some(("p", 2)), 1 << 64, End::Conflict);
    let mismatch = twins.publish(Some("k"), Some(("p", 3)), 2, End::Open);
    assert_eq!(mismatch, Err(Refusal::IdempotencyMismatch));
    twins.restore();
    let again = twins.publish(None, Some(("p", 1)), u128::MAX, End::Open).unwrap();
    assert_eq!((again.first_offset, again.count, again.repeated), (1, 3, true));
    assert_eq!(twins.publish(None, Some(("p", 2)), 1 << 64, End::Open), conflict);
    assert_eq!(twins.publish(None, Some(("p", 2)), 1, End::Open), Err(Refusal::IdempotencyMismatch));
    assert_eq!(twins.publish(None, Some(("p", 3)), 2, End::Open), mismatch);
}

/// Where the queue of silence lags behind depends on when the topic was restored.
#[test]
fn a_full_topic_says_the_same_time_whether_or_not_it_was_restored() {
    let mut twins = Twins::new();
    for (n, id) in ["p", "q", "r"].into_iter().enumerate() {
        twins.run(id, 1..2);
        twins.now_ms += 10 * n as u64;
    }
    twins.run("p", 2..3);
    twins.run("q", 2..3);
    twins.restore();
    assert_eq!(twins.producer("s", 1), Err(Refusal::IdempotencyFull { retry_after_ms: 40 }));
    twins.run("r", 2..3);
    assert_eq!(twins.producer("s", 1), Err(Refusal::IdempotencyFull { retry_after_ms: 60 }));
}

#[test]
fn a_producer_is_silent_for_the_window_that_is_in_force() {
    for (window_ms, gone_at_ms) in [(20, 20), (100, 100)] {
        for restored in [false, true] {
            let mut twins = Twins::new();
            twins.run("p", 1..2);
            twins.follow(IdempotencyPolicy { window_ms, ..POLICY });
            if restored {
                twins.restore();
            }
            assert_eq!(twins.stored.next_deadline(&twins.policy), Some(gone_at_ms));
            twins.expire(gone_at_ms - 1);
            assert_eq!(twins.stored.len(), 1);
            twins.expire(1);
            assert_eq!(twins.stored.len(), 0);
        }
    }
}

#[test]
fn where_nothing_is_ever_handed_over_nothing_waits_for_it() {
    let mut twins = Twins::new();
    for round in 0..50 {
        twins.key(&format!("k{round}")).unwrap();
        twins.run("p", 100 * round..100 * round + 70);
        twins.expire(60);
    }
    twins.key("last").unwrap();
    assert_eq!(twins.collected(), ["+last"]);
}

#[test]
fn blocks_that_do_not_follow_each_other_are_no_producer() {
    let result = (1, StoredOutcome::Published { first_offset: 1, count: 1 });
    let block = |block: u64, first_sequence: u64, count: usize| BlockRow {
        producer: "p".into(),
        block,
        heard_ms: 0,
        first_sequence,
        results: vec![result.clone(); count],
    };
    let unreadable = |bytes: &'static [u8]| BlockRow {
        results: vec![(1, StoredOutcome::Refused(Bytes::from_static(bytes)))],
        ..block(0, 0, 0)
    };
    let bad: [(Vec<BlockRow>, u64); 10] = [
        (vec![block(0, 1, 0)], 0),
        (vec![block(0, 1, 32)], 0),
        (vec![block(1, 31, 1)], 1),
        (vec![block(1, 64, 1)], 1),
        (vec![block(0, 1, 30), block(1, 32, 1)], 1),
        (vec![block(0, 1, 31), block(2, 64, 1)], 2),
        (vec![block(1, 32, 1), block(0, 1, 31)], 0),
        (vec![block(u64::MAX, u64::MAX, 1)], u64::MAX),
        (vec![unreadable(b"\xff")], 0),
        (vec![unreadable(b"\x08\x7f")], 0),
    ];
    for (rows, block) in bad {
        let restored = Idempotency::restore(Vec::new(), rows.clone(), 0, &POLICY).map(|restored| restored.len());
        assert_eq!(restored, Err(BadBlock { producer: "p".into(), block }), "{rows:?}");
    }
    let good = vec![block(0, 1, 31), block(1, 32, 32), block(2, 64, 1)];
    assert_eq!(Idempotency::restore(Vec::new(), good, 0, &POLICY).unwrap().len(), 1);
}
