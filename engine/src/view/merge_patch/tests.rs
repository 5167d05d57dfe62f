use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::view::json::tests::{any_json, any_name};

/// RFC 7396, section 2, to the letter.
fn apply(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let Value::Object(mut target) = target else {
        return apply(Value::Object(serde_json::Map::new()), &patch.clone().into());
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let member = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), apply(member, value));
        }
    }
    target.into()
}

fn patch(old: &str, new: &str) -> Option<String> {
    merge_patch(old.as_bytes(), new.as_bytes()).map(|patch| String::from_utf8(patch.to_vec()).unwrap())
}

#[test]
fn a_patch_says_what_changed_and_nothing_else() {
    let old = r#"{"bid":1,"ask":{"price":2,"size":3},"name":"a long name"}"#;
    for (new, expected) in [
        (r#"{"bid":4,"ask":{"price":2,"size":3},"name":"a long name"}"#, r#"{"bid":4}"#),
        (r#"{"bid":1,"ask":{"price":5,"size":3},"name":"a long name"}"#, r#"{"ask":{"price":5}}"#),
        (r#"{"bid":1,"ask":{"size":3,"price":2},"name":"a long name"}"#, "{}"),
        (r#"{"bid":1,"name":"a long name"}"#, r#"{"ask":null}"#),
        (r#"{"bid":1,"ask":[2,null],"name":"a long name"}"#, r#"{"ask":[2,null]}"#),
    ] {
        assert_eq!(patch(old, new).as_deref(), Some(expected), "{new}");
    }
}

#[test]
fn what_a_patch_cannot_say_has_none() {
    let padding = "x".repeat(200);
    let with = |members: &str| format!(r#"{{"padding":"{padding}"{members}}}"#);
    for (old, new) in [
        ("", r#","a":null"#),
        (r#","a":1"#, r#","a":null"#),
        (r#","a":1"#, r#","a":{"b":null}"#),
        (r#","a":{"b":1}"#, r#","a":{"b":null}"#),
        ("", r#","a":{"b":{"c":null}}"#),
    ] {
        assert_eq!(patch(&with(old), &with(new)), None, "{old} to {new}");
    }
    assert_eq!(patch(&with(r#","a":null,"b":1"#), &with(r#","a":null"#)).as_deref(), Some(r#"{"b":null}"#));
}

#[test]
fn there_is_no_patch_between_other_things_than_objects() {
    for (old, new) in [("1", "{}"), ("{}", "1"), ("[1]", "[1,2]"), ("null", "null"), ("", ""), ("{", "{\"a\":1}")] {
        assert_eq!(patch(old, new), None);
    }
}

#[test]
fn a_patch_that_is_not_smaller_is_none() {
    assert_eq!(patch("{}", r#"{"a":1}"#), None);
    assert_eq!(patch("{}", "{}"), None);
    assert_eq!(patch(r#"{"b":1}"#, r#"{"a":1}"#), None);
}

#[test]
fn nesting_does_not_reach_the_end_of_the_stack() {
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(patch(&nested(DEPTH_MAX, "[1]"), &nested(DEPTH_MAX, "[2]")).is_none(), "as long as the whole");
    let wide = |n: u8| nested(DEPTH_MAX - 1, &format!(r#"{{"pad":"{}","n":{n}}}"#, "x".repeat(99)));
    assert!(patch(&wide(1), &wide(2)).is_some());
    assert_eq!(patch(&nested(50_000, "1"), &nested(50_000, "2")), None);
    assert_eq!(patch("{}", &nested(50_000, "2")), None);
}

/// Objects that differ a little, as the values of one key do.
fn two_objects() -> impl Strategy<Value = (Value, Value)> {
    let object = || proptest::collection::btree_map(any_name(), any_json(), 0..6);
    (object(), object(), object()).prop_map(|(shared, old, new)| {
        let with = |own: std::collections::BTreeMap<String, Value>| shared.clone().into_iter().chain(own).collect();
        (with(old), with(new))
    })
}

proptest! {
    #[test]
    fn a_patch_makes_the_old_into_the_new((old, new) in two_objects()) {
        let text = new.to_string();
        if let Some(patch) = merge_patch(old.to_string().as_bytes(), text.as_bytes()) {
            prop_assert!(patch.len() < text.len());
            prop_assert_eq!(apply(old, &serde_json::from_slice(&patch).unwrap()), new);
        }
    }

    #[test]
    fn without_nulls_a_small_change_has_a_patch((_, new) in two_objects(), name in "[abcd]") {
        let mut old = new.clone();
        old[&name] = 77.into();
        let text = new.to_string();
        let has_null = text.contains("null");
        let changed = new.get(&name).map_or(0, |value| value.to_string().len());
        if !has_null && text.len() > changed + 20 {
            prop_assert!(merge_patch(old.to_string().as_bytes(), text.as_bytes()).is_some());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        old in proptest::collection::vec(prop::sample::select(b"{}[]\",:\\u0061abn1".to_vec()), 0..40),
        new in proptest::collection::vec(prop::sample::select(b"{}[]\",:\\u0061abn1".to_vec()), 0..40),
    ) {
        let _ = merge_patch(&old, &new);
    }
}
