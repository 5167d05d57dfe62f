//! The oracle bites: each way in which a watch could lie is planted into what an honest one told, and is found.

use serde_json::json;

use crate::oracle::{Entry, Heard, Lens, Oracle};

fn log() -> Vec<Entry> {
    let put = |key: &str, n: u64| Entry { key: Some(key.to_owned()), data: Some(json!({ "g": n % 2, "n": n })) };
    let delete = Entry { key: Some("a".to_owned()), data: None };
    vec![put("a", 1), put("b", 2), put("a", 3), put("c", 5), delete, put("b", 7), put("c", 8), put("d", 9)]
}

fn lens() -> Lens {
    Lens { group: Some(1), is_state: true, limit: 100, ..Lens::default() }
}

/// A client that saw a snapshot at 2, was cut behind 4 and resumed there.
fn honest() -> Vec<Heard> {
    let put = |offset, key: &str, n: u64| Heard::Put(offset, Some(key.to_owned()), json!({ "g": n % 2, "n": n }));
    vec![
        Heard::Opened(None),
        put(1, "a", 1),
        Heard::SnapshotEnd(2),
        put(3, "a", 3),
        put(4, "c", 5),
        Heard::Opened(Some(4)),
        Heard::Delete(5, "a".to_owned()),
        put(6, "b", 7),
        Heard::Delete(7, "c".to_owned()),
        put(8, "d", 9),
        Heard::Through(8),
    ]
}

#[test]
fn an_honest_watch_is_believed() {
    assert_eq!(Oracle::judge(&log(), &lens(), &honest()), Ok(()));
}

#[test]
fn every_planted_fault_is_found() {
    let put = |offset, key: &str, n: u64| Heard::Put(offset, Some(key.to_owned()), json!({ "g": n % 2, "n": n }));
    let without = |at: usize| {
        let mut heard = honest();
        heard.remove(at);
        heard
    };
    let with = |at: usize, what: Heard| {
        let mut heard = honest();
        heard.insert(at, what);
        heard
    };
    let instead = |at: usize, what: Heard| {
        let mut heard = honest();
        heard[at] = what;
        heard
    };
    let swapped = |at: usize| {
        let mut heard = honest();
        heard.swap(at, at + 1);
        heard
    };
    let faults = [
        ("a drop", without(3)),
        ("a drop of a delete", without(6)),
        ("a drop at the end", without(9)),
        ("a double", with(4, put(3, "a", 3))),
        ("a reorder", swapped(3)),
        ("an early bookmark", with(7, Heard::Through(7))),
        ("a bookmark of the future", instead(10, Heard::Through(9))),
        ("a wrong delete", with(4, Heard::Delete(4, "c".to_owned()))),
        ("a delete of another key", instead(6, Heard::Delete(5, "b".to_owned()))),
        ("a stale snapshot", instead(2, Heard::SnapshotEnd(3))),
        ("a snapshot with too much", with(2, put(3, "a", 3))),
        ("a skipped resume", instead(5, Heard::Opened(Some(5)))),
        ("a resume from before", instead(5, Heard::Opened(Some(3)))),
        ("what the view hides", with(3, put(2, "b", 2))),
        ("other data", instead(4, put(4, "c", 7))),
        ("an end before the end", without(10).into_iter().filter(|heard| *heard != put(8, "d", 9)).collect()),
    ];
    for (name, heard) in faults {
        assert!(Oracle::judge(&log(), &lens(), &heard).is_err(), "{name} was not found");
    }
}

#[test]
fn what_is_replaced_may_be_left_out_only_where_that_was_asked_for() {
    let conflated = [Heard::Opened(None), Heard::SnapshotEnd(0), Heard::Through(8)].to_vec();
    let put = |offset, key: &str, n: u64| Heard::Put(offset, Some(key.to_owned()), json!({ "g": n % 2, "n": n }));
    let mut heard = conflated.clone();
    heard.splice(2..2, [put(6, "b", 7), put(8, "d", 9)]);
    assert!(Oracle::judge(&log(), &lens(), &heard).is_err());
    let conflates = Lens { conflates: true, ..lens() };
    assert_eq!(Oracle::judge(&log(), &conflates, &heard), Ok(()));
    assert!(Oracle::judge(&log(), &conflates, &conflated).is_err(), "the latest has to come");
}
