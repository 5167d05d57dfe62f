//! What is stored of a fold, and that one which was restored goes on like one that never was.

use std::collections::BTreeSet;

use bytes::Bytes;
use fanfare_protocol::ResourceVersion;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const NUMBER: u64 = 7;
const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A fold twice: one that is stored and restored, and one to which neither ever happens.
struct Twins {
    stored: Fold,
    lasting: Fold,
    rows: BTreeMap<String, FoldRow>,
    now_ms: u64,
    head: u64,
}

impl Twins {
    fn new() -> Self {
        Self { stored: Fold::new(), lasting: Fold::new(), rows: BTreeMap::new(), now_ms: 0, head: 0 }
    }

    fn put(&mut self, key: &str, ttl_ms: Option<u64>) {
        self.head += 1;
        let event = Arc::new(Event {
            resource_version: Some(ResourceVersion::new(5, self.head)),
            key: Some(key.to_owned()),
            data: Some(Bytes::from(vec![b'x'; self.head as usize % 9])),
            ..Event::default()
        });
        let expires_ms = ttl_ms.map(|ttl_ms| self.now_ms + ttl_ms);
        for half in [&mut self.stored, &mut self.lasting] {
            half.put(key, self.head, Arc::clone(&event), expires_ms);
        }
        self.check();
    }

    fn delete(&mut self, key: &str) {
        self.head += 1;
        for half in [&mut self.stored, &mut self.lasting] {
            half.delete(key);
        }
        self.check();
    }

    fn expire(&mut self, after_ms: u64) {
        self.now_ms += after_ms;
        loop {
            let [stored, lasting] = [&mut self.stored, &mut self.lasting].map(|half| half.pop_due(self.now_ms));
            assert_eq!(stored, lasting);
            self.check();
            if stored.is_none() {
                return;
            }
            self.head += 1;
        }
    }

    /// A window ends: `+key` and `-key`.
    fn collect(&mut self) -> Vec<String> {
        let mut changes = Vec::new();
        self.stored.collect(NUMBER, &mut changes);
        let mut seen = BTreeSet::new();
        let shown = changes.into_iter().map(|change| {
            let (sign, key) = match change {
                Change::Fold(NUMBER, row) => {
                    let key = row.event.key.clone().expect("a put of a key");
                    assert_ne!(self.rows.insert(key.clone(), row.clone()), Some(row), "it is not what was there");
                    ('+', key)
                }
                Change::FoldGone(NUMBER, key) => {
                    assert!(self.rows.remove(&*key).is_some(), "there is a row of `{key}`");
                    ('-', key.into_string())
                }
                other => panic!("not a row of a fold: {other:?}"),
            };
            assert!(seen.insert(key.clone()), "no row is told twice: `{key}`");
            format!("{sign}{key}")
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort();
        assert_eq!(digest(&self.restored()), digest(&self.stored), "the rows say all that there is");
        shown
    }

    fn restored(&self) -> Fold {
        Fold::restore(self.rows.values().cloned().collect())
    }

    /// The topic is dropped from memory, and read back.
    fn restore(&mut self) {
        self.collect();
        self.stored = self.restored();
        self.check();
    }

    fn check(&self) {
        let (stored, lasting) = (&self.stored, &self.lasting);
        stored.check(self.head);
        lasting.check(self.head);
        assert!(lasting.gone.is_empty(), "where nothing is handed over nothing waits");
        assert_eq!(digest(stored), digest(lasting));
        assert_eq!(stored.next_deadline(), lasting.next_deadline());
        assert_eq!((stored.keys_count(), stored.bytes()), (lasting.keys_count(), lasting.bytes()));
        assert!(KEYS.iter().all(|key| stored.standing(key) == lasting.standing(key)));
    }
}

fn digest(fold: &Fold) -> u128 {
    let mut digest = Digest::new();
    fold.digest(&mut digest);
    digest.finish()
}

#[test]
fn a_put_is_one_row_however_often_it_was_replaced() {
    let mut twins = Twins::new();
    for key in ["a", "a", "b"] {
        twins.put(key, None);
    }
    assert_eq!(twins.collect(), ["+a", "+b"]);
    assert_eq!(twins.collect(), [""; 0]);
    twins.put("a", Some(9));
    twins.put("a", None);
    assert_eq!(twins.collect(), ["+a"]);
}

#[test]
fn a_key_that_ends_takes_its_row_along_if_it_has_one() {
    let mut twins = Twins::new();
    for (key, ttl_ms) in [("a", None), ("b", Some(10)), ("c", None)] {
        twins.put(key, ttl_ms);
    }
    twins.collect();
    twins.put("d", None);
    twins.put("e", Some(10));
    twins.put("c", None);
    for key in ["a", "c", "d"] {
        twins.delete(key);
    }
    twins.expire(10);
    assert_eq!(twins.collect(), ["-a", "-b", "-c"]);
    assert_eq!(twins.collect(), [""; 0]);
}

#[test]
fn a_key_that_is_put_again_within_the_window_is_written_over() {
    let mut twins = Twins::new();
    twins.put("a", None);
    twins.collect();
    twins.delete("a");
    twins.put("a", None);
    assert_eq!(twins.collect(), ["+a"]);
    twins.delete("a");
    twins.put("a", None);
    twins.delete("a");
    assert_eq!(twins.collect(), ["-a"]);
}

#[test]
fn a_restored_key_ends_when_it_was_to_end() {
    let mut twins = Twins::new();
    twins.put("a", Some(20));
    twins.put("b", Some(10));
    twins.restore();
    assert_eq!(twins.stored.next_deadline(), Some(10));
    twins.expire(10);
    assert_eq!(twins.collect(), ["-b"]);
    twins.put("a", None);
    twins.expire(10);
    assert_eq!(twins.collect(), ["+a"]);
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, Option<u64>),
    Delete(usize),
    Expire(u64),
    Collect,
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..KEYS.len(), option::weighted(0.4, 1u64..60)).prop_map(|(key, ttl_ms)| Step::Put(key, ttl_ms)),
        3 => (0..KEYS.len()).prop_map(Step::Delete),
        3 => (0u64..40).prop_map(Step::Expire),
        3 => Just(Step::Collect),
        2 => Just(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_restored_goes_on_like_what_never_was(steps in vec(step(), 1..120)) {
        let mut twins = Twins::new();
        for step in steps {
            match step {
                Step::Put(key, ttl_ms) => twins.put(KEYS[key], ttl_ms),
                Step::Delete(key) => twins.delete(KEYS[key]),
                Step::Expire(after_ms) => twins.expire(after_ms),
                Step::Collect => {
                    twins.collect();
                    prop_assert_eq!(twins.collect(), [""; 0], "what was handed over is not handed over again");
                }
                Step::Restore => twins.restore(),
            }
        }
    }
}
