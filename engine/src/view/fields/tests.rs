use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::view::json::tests::{any_json, any_name, compact};

fn fields(paths: &str) -> Fields {
    Fields::new(&paths.split(',').map(str::to_owned).collect::<Vec<_>>()).unwrap()
}

fn projected(paths: &str, data: &str) -> String {
    String::from_utf8(fields(paths).project(&Bytes::copy_from_slice(data.as_bytes())).to_vec()).unwrap()
}

#[test]
fn only_named_paths_are_kept_where_they_are() {
    let quote = r#"{"bid":1,"ask":{"price":2,"size":3},"x":[1,{"y":"}"}]}"#;
    for (paths, kept) in [
        ("bid,ask.price", r#"{"bid":1,"ask":{"price":2}}"#),
        ("ask", r#"{"ask":{"price":2,"size":3}}"#),
        ("ask.price.deeper", r#"{"ask":{}}"#),
        ("bid.deeper", "{}"),
        ("nothing", "{}"),
        ("x.y,ask.size", r#"{"ask":{"size":3},"x":[{"y":"}"}]}"#),
        ("x,bid,ask", quote),
    ] {
        assert_eq!(projected(paths, quote), kept, "{paths}");
    }
}

#[test]
fn a_path_goes_through_arrays_to_each_item() {
    let items = r#"{"items":[{"a":1,"b":2},[{"a":3},4],5,{},{"b":{"c":6,"d":7}}]}"#;
    assert_eq!(projected("items.a", items), r#"{"items":[{"a":1},[{"a":3}],{},{}]}"#);
    assert_eq!(projected("items.b.c", items), r#"{"items":[{},[{}],{},{"b":{"c":6}}]}"#);
    assert_eq!(projected("a", r#"[{"a":1,"b":2},7]"#), r#"[{"a":1}]"#);
}

/// Nothing is shown that was not named, whatever the data is instead of an object.
#[test]
fn data_without_members_becomes_null() {
    for data in ["5", "\"a\"", "null", "true", "", "{", "[1", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1}x", "{a}"] {
        assert_eq!(projected("a", data), "null", "{data}");
    }
    assert_eq!(projected("a", "[[],5]"), "[[]]");
}

#[test]
fn an_escaped_name_is_the_name_it_spells() {
    assert_eq!(projected("a,\u{e9}", r#"{"\u0061":1,"\u00e9":2,"\u0062":3}"#), r#"{"\u0061":1,"\u00e9":2}"#);
    assert_eq!(projected("a\"b", r#"{"a\"b":1,"a":2}"#), r#"{"a\"b":1}"#);
}

#[test]
fn all_of_it_is_the_same_bytes() {
    let data = Bytes::from_static(br#"{"a":1,"b":2}"#);
    assert_eq!(fields("b,a").project(&data).as_ptr(), data.as_ptr());
}

#[test]
fn paths_are_folded_into_one_form() {
    assert_eq!(fields("b.c,a,b.c,b,a.x"), fields("a,b"));
    assert_eq!(fields("b,a.x,a.w").paths(), ["a.w", "a.x", "b"]);
    assert_ne!(fields("a.x"), fields("a"));
}

#[test]
fn what_is_no_list_of_paths_is_refused() {
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    assert!(Fields::new(&many(PATH_COUNT_MAX)).is_ok());
    for paths in [many(0), many(PATH_COUNT_MAX + 1), vec!["a..b".into()], vec![String::new()], vec![".".repeat(9)]] {
        let error = Fields::new(&paths).unwrap_err();
        assert_eq!((error.name.as_str(), error.parameter.as_deref()), ("BAD_PARAMETER", Some("fields")));
    }
    assert!(Fields::new(&[vec!["a"; DEPTH_MAX].join(".")]).is_ok());
    assert!(Fields::new(&[vec!["a"; DEPTH_MAX + 1].join(".")]).is_err());
    assert!(Fields::new(&["a".repeat(PATH_BYTES_MAX + 1)]).is_err());
}

#[test]
fn nesting_does_not_reach_the_end_of_the_stack() {
    let nested = |depth: usize| format!("{}{}{}", "[".repeat(depth), "{\"a\":1,\"b\":2}", "]".repeat(depth));
    assert!(projected("a", &nested(DEPTH_MAX - 1)).contains("{\"a\":1}"));
    for data in [nested(DEPTH_MAX), nested(100_000), "[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(projected("a.a.a", &data), "null");
    }
}

/// The same rule on values instead of bytes.
fn model(value: &Value, paths: &[Vec<&str>]) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                let below: Vec<Vec<&str>> =
                    paths.iter().filter(|path| path[0] == name).map(|path| path[1..].to_vec()).collect();
                let is_whole = below.iter().any(Vec::is_empty);
                let goes_on = !below.is_empty() && (value.is_object() || value.is_array());
                let value = if is_whole { Some(value.clone()) } else { goes_on.then(|| model(value, &below)) };
                value.map(|value| (name.clone(), value))
            });
            kept.collect()
        }
        Value::Array(items) => {
            items.iter().filter(|item| item.is_object() || item.is_array()).map(|item| model(item, paths)).collect()
        }
        _ => Value::Null,
    }
}

proptest! {
    #[test]
    fn a_projection_is_that_of_the_value(
        value in any_json(),
        paths in vec(vec("[abcd]", 1..4), 1..5),
        escapes in vec(any::<bool>(), 1..8),
    ) {
        let mut escapes = escapes.into_iter().cycle();
        let data = Bytes::from(compact(&value, &mut || escapes.next().unwrap()));
        let dotted: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
        let kept = Fields::new(&dotted).unwrap().project(&data);
        let borrowed: Vec<Vec<&str>> = paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
        prop_assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), model(&value, &borrowed));
        prop_assert_eq!(Fields::new(&dotted).unwrap().project(&kept), kept, "once is enough");
    }

    #[test]
    fn no_data_makes_a_projection_panic(bytes in vec(prop::sample::select(b"{}[]\",:\\u0061ab1n".to_vec()), 0..48)) {
        let _ = fields("a.b,b").project(&Bytes::from(bytes));
    }

    #[test]
    fn the_form_of_a_selection_is_its_paths(paths in vec(vec(any_name(), 1..3), 1..5)) {
        let dotted: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
        if let Ok(fields) = Fields::new(&dotted) {
            prop_assert_eq!(Fields::new(&fields.paths()).unwrap(), fields);
        }
    }
}
