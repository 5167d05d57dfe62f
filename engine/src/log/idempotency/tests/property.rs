//! Anything that may happen to what is remembered, with windows that end and restorations at any moment.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const IDS: [&str; 4] = ["p", "q", "r", "s"];
const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Debug, Clone)]
enum Step {
    Publish {
        key: Option<usize>,
        producer: Option<(usize, Sequence)>,
        hash: u128,
        end: End,
    },
    /// So many publishes of one producer in a row.
    Run(usize, u64),
    Advance(u64),
    Expire,
    Collect,
    Restore,
    Policy(IdempotencyPolicy),
}

#[derive(Debug, Clone)]
enum Sequence {
    Next,
    Back(u64),
    Any(u64),
}

fn policy() -> impl Strategy<Value = IdempotencyPolicy> {
    let results = prop_oneof![Just(0usize), Just(1), Just(3), Just(32), Just(40), Just(70)];
    (1u64..80, 1usize..6, 1usize..4, results).prop_map(
        |(window_ms, entries_max, producers_max, producer_results_max)| IdempotencyPolicy {
            window_ms,
            entries_max,
            producers_max,
            producer_results_max,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![
        6 => Just(Sequence::Next),
        3 => (1u64..80).prop_map(Sequence::Back),
        1 => (0u64..200).prop_map(Sequence::Any),
    ];
    let hash = prop_oneof![6 => Just(1u128), 1 => Just(1u128 << 64)];
    let end = prop_oneof![6 => (1u32..4).prop_map(End::Published), 2 => Just(End::Conflict), 1 => Just(End::Open)];
    let key = option::weighted(0.4, 0..KEYS.len());
    let producer = option::weighted(0.7, (0..IDS.len(), sequence));
    let publish = (key, producer, hash, end);
    prop_oneof![
        12 => publish.prop_map(|(key, producer, hash, end)| Step::Publish { key, producer, hash, end }),
        4 => (0..IDS.len(), 1u64..50).prop_map(|(id, count)| Step::Run(id, count)),
        6 => (1u64..50).prop_map(Step::Advance),
        2 => Just(Step::Expire),
        4 => Just(Step::Collect),
        4 => Just(Step::Restore),
        1 => policy().prop_map(Step::Policy),
    ]
}

/// What each producer would send next.
type Next = BTreeMap<usize, u64>;

fn take(twins: &mut Twins, next: &mut Next, step: Step) {
    match step {
        Step::Publish { key, producer, hash, end } => {
            let sequenced = producer.map(|(id, sequence)| {
                let next = next.get(&id).copied().unwrap_or(1);
                let sequence = match sequence {
                    Sequence::Next => next,
                    Sequence::Back(back) => next.saturating_sub(back),
                    Sequence::Any(any) => any,
                };
                (id, sequence)
            });
            let answer =
                twins.publish(key.map(|key| KEYS[key]), sequenced.map(|(id, sequence)| (IDS[id], sequence)), hash, end);
            if let Some((id, sequence)) = sequenced {
                let answered = match answer {
                    Ok(_) => sequence.saturating_add(1),
                    Err(Refusal::OutOfSequence { expected }) => expected,
                    Err(_) => sequence,
                };
                next.insert(id, answered);
            }
        }
        Step::Run(id, count) => {
            for _ in 0..count {
                let sequence = next.get(&id).copied().unwrap_or(1);
                match twins.producer(IDS[id], sequence) {
                    Ok(_) => next.insert(id, sequence + 1),
                    Err(Refusal::OutOfSequence { expected }) => next.insert(id, expected),
                    Err(_) => next.insert(id, sequence + 1),
                };
            }
        }
        Step::Advance(ms) => twins.now_ms += ms,
        Step::Expire => twins.expire(0),
        Step::Collect => {
            twins.collect();
            assert_eq!(twins.collect(), [], "what was handed over is not handed over again");
        }
        Step::Restore => twins.restore(),
        Step::Policy(policy) => twins.follow(policy),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_restored_goes_on_like_what_never_was(steps in vec(step(), 1..120)) {
        let mut twins = Twins::new();
        let mut next = Next::new();
        for step in steps {
            take(&mut twins, &mut next, step);
        }
        // Of what nothing was ever handed over there is only what there is.
        let mut changes = Vec::new();
        twins.lasting.collect(NUMBER, &mut changes);
        let mut rows = Rows::default();
        rows.write(&changes);
        prop_assert_eq!(rows.keys.len() + rows.blocks.len(), changes.len());
        twins.collect();
        // Of the times in a producer's rows only the greatest counts: one window wrote all of these.
        for row in rows.blocks.values_mut().chain(twins.rows.blocks.values_mut()) {
            row.heard_ms = 0;
        }
        prop_assert_eq!((rows.keys, rows.blocks), (twins.rows.keys, twins.rows.blocks));
    }
}
