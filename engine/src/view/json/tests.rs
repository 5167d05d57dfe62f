use std::borrow::Cow;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Any JSON value, with the names and strings that are hard to read.
pub(in crate::view) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-100_i64..100).prop_map(Value::from),
        // Eighths: serde_json reads long fractions with an error in the last place.
        any::<i32>().prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any_name(), inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// A name, often one of a few, so that paths meet.
pub(in crate::view) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[abcd]", 1 => any_text()]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "[\"\\\\/{}\\[\\],:é😀\u{1}\n]{0,4}", any::<String>()]
}

/// As the door would have it, with every character of a name escaped if `escape` says so.
pub(in crate::view) fn compact(value: &Value, escape: &mut impl FnMut() -> bool) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| compact(item, escape)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let name = if escape() {
                    let units: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                    format!("\"{units}\"")
                } else {
                    Value::from(name.as_str()).to_string()
                };
                format!("{name}:{}", compact(value, escape))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn back(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is_true) => (*is_true).into(),
        Json::Whole(number) => (*number).into(),
        Json::Double(number) => (*number).into(),
        Json::Text(text) => text.as_ref().into(),
        Json::Array(items) => items.iter().map(back).collect(),
        Json::Object(members) => members.iter().map(|(name, value)| (name.to_string(), back(value))).collect(),
    }
}

/// Whole doubles as integers, as the tree has them.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).and_then(whole).map_or(number.into(), Value::from)
        }
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written(value in any_json(), escapes in vec(any::<bool>(), 1..8)) {
        let mut escapes = escapes.into_iter().cycle();
        let text = compact(&value, &mut || escapes.next().unwrap());
        let tree = Json::read(text.as_bytes()).unwrap();
        prop_assert_eq!(back(&tree), with_whole_numbers(value));
        prop_assert_eq!(tree.clone().into_owned(), tree);
        prop_assert_eq!(value_end(text.as_bytes(), 0), Some(text.len()));
    }

    #[test]
    fn a_path_leads_to_the_same_value_with_and_without_reading(value in any_json(), path in vec("[abcd]", 0..4)) {
        let text = value.to_string();
        let path: Vec<Box<str>> = path.into_iter().map(String::into_boxed_str).collect();
        let tree = Json::read(text.as_bytes()).unwrap();
        let found = find(text.as_bytes(), &path).map(|bytes| Json::read(bytes).unwrap());
        prop_assert_eq!(found.as_ref(), tree.at(&path));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop_oneof![
        vec(any::<u8>(), 0..64),
        vec(prop::sample::select(b"{}[]\",:\\u0123456789abcdefd8nt-.e ".to_vec()), 0..64),
    ]) {
        let _ = Json::read(&bytes);
        let path: Vec<Box<str>> = vec!["a".into(), "b".into()];
        let _ = find(&bytes, &path);
        let _ = value_end(&bytes, 0);
        let _ = name(&bytes);
    }
}

#[test]
fn the_last_of_equal_names_counts() {
    let text = br#"{"a":1,"b":{"c":1},"\u0061":2,"b":{"d":3}}"#;
    let tree = Json::read(text).unwrap();
    assert_eq!(tree.get("a"), Some(&Json::Whole(2)));
    let path = |path: &str| path.split('.').map(Box::from).collect::<Vec<Box<str>>>();
    assert_eq!(tree.at(&path("b.c")), None);
    assert_eq!((find(text, &path("a")), find(text, &path("b.c"))), (Some(&b"2"[..]), None));
    assert_eq!(find(text, &path("b.d")), Some(&b"3"[..]));
}

#[test]
fn numbers_have_one_form() {
    for text in ["1", "1.0", "1e0", "10e-1"] {
        assert_eq!(Json::read(text.as_bytes()), Some(Json::Whole(1)), "{text}");
    }
    assert_eq!(Json::read(b"-0.0"), Some(Json::Whole(0)));
    assert_eq!(Json::read(b"9223372036854775807"), Some(Json::Whole(i64::MAX)));
    assert_eq!(Json::read(b"9223372036854775808"), Some(Json::Double(9_223_372_036_854_775_808.0)));
    assert_eq!(Json::read(b"0.1"), Some(Json::Double(0.1)));
    assert_eq!(Json::read(b"\"a\""), Some(Json::Text(Cow::Borrowed("a"))));
}

#[test]
fn nesting_beyond_the_bound_is_not_read() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::read(nested(DEPTH_MAX).as_bytes()).is_some());
    assert_eq!(Json::read(nested(DEPTH_MAX + 1).as_bytes()), None);
    assert_eq!(Json::read("[".repeat(1_000_000).as_bytes()), None);
    assert_eq!(value_end("[".repeat(1_000_000).as_bytes(), 0), None);
}
