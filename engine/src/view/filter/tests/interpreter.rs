//! The crate's own interpreter, which has no bounds, as the judge of ours: where it has a value, ours is the same.

use std::cell::Cell;
use std::collections::HashMap;

use cel::{Context, Program, Value};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(is_true) => (*is_true).into(),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().unwrap().into(), Value::from)
        }
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        serde_json::Value::Object(members) => {
            members.iter().map(|(name, json)| (name.clone(), value(json))).collect::<HashMap<_, _>>().into()
        }
    }
}

/// What the crate says of the event; `None` when it fails.
fn judged(text: &str, event: &Event) -> Option<bool> {
    let program = Program::compile(text).ok()?;
    let mut context = Context::default();
    context.add_variable_from_value("data", value(&serde_json::from_slice(event.data.as_ref()?).unwrap()));
    context.add_variable_from_value("key", event.key.clone().unwrap());
    context.add_variable_from_value("publisher", event.publisher.clone().unwrap());
    context.add_variable_from_value("time", event.time.unwrap());
    context.add_variable_from_value("attributes", event.attributes.clone().into_iter().collect::<HashMap<_, _>>());
    match program.execute(&context) {
        Ok(Value::Bool(is_true)) => Some(is_true),
        _ => None,
    }
}

const DATA: [&str; 4] = [
    r#"{"a":1,"b":2.5,"s":"abc","l":[1,2,3],"o":{"a":2,"s":"x"},"n":null,"t":true}"#,
    r#"{"a":-7,"b":0.5,"s":"","l":["a","abc"],"o":{"a":1.5},"t":false}"#,
    r#"{"a":"a","b":3,"s":"b","l":[],"o":{},"n":[1],"t":true}"#,
    r#"{"a":4,"b":-2.25,"s":"cab","l":[{"a":1},{"a":2,"s":"c"}],"o":{"a":null},"n":{"a":1}}"#,
];

/// A value of any kind, as text.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["data.a", "data.b", "data.s", "data.l", "data.o", "data.o.a", "data.n", "data.t"]),
        1 => prop::sample::select(vec!["key", "publisher", "attributes.colour", "attributes", "data.l[0]", "data.o['a']"]),
        3 => prop::sample::select(vec!["0", "1", "2", "-3", "2.5", "-0.5", "'a'", "'abc'", "''", "true", "null", "[1, 2]", "[]"]),
    ];
    leaf.prop_map(str::to_owned).prop_recursive(2, 8, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            // Not `+`, which the crate lets join a list and the names of a map.
            (pair, prop::sample::select(vec!["-", "*", "%"]))
                .prop_map(|((left, right), operator)| format!("({left} {operator} {right})")),
            inner.clone().prop_map(|of| format!("size({of})")),
            inner.clone().prop_map(|of| format!("[{of}, 1]")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("([{left}, 1] + [{right}])")),
            inner.prop_map(|of| format!("(-({of}))")),
            Just("(7 / 2)".to_owned()),
        ]
    })
}

/// A number and a string, more often than not, so that conditions have a value.
fn any_number() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["data.b", "data.a", "size(data.s)", "size(data.l)", "time", "2", "-3", "0.5", "1"]);
    (leaf.clone(), leaf, any::<bool>())
        .prop_map(|(left, right, is_sum)| if is_sum { format!("({left} + {right})") } else { left.to_owned() })
}

fn any_string() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["data.s", "key", "attributes.colour", "string(data.t)", "'a'", "'abc'", "''", "'b'"]);
    (leaf.clone(), leaf, any::<bool>())
        .prop_map(|(left, right, is_sum)| if is_sum { format!("({left} + {right})") } else { left.to_owned() })
}

/// A condition, as text. `x` is what a loop is at.
fn any_condition() -> impl Strategy<Value = String> {
    let pair = || (any_value(), any_value());
    let leaf = prop_oneof![
        3 => ((any_number(), any_number()), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]))
            .prop_map(|((left, right), operator)| format!("{left} {operator} {right}")),
        3 => ((any_string(), any_string()), prop::sample::select(vec!["==", "!=", "<", ">="]))
            .prop_map(|((left, right), operator)| format!("{left} {operator} {right}")),
        2 => ((any_string(), any_string()), prop::sample::select(vec!["contains", "startsWith", "endsWith"]))
            .prop_map(|((of, part), name)| format!("{of}.{name}({part})")),
        3 => (pair(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "in"]))
            .prop_map(|((left, right), operator)| format!("{left} {operator} {right}")),
        1 => (pair(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]))
            .prop_map(|((of, part), name)| format!("{of}.{name}({part})")),
        1 => prop::sample::select(vec!["has(data.n)", "has(data.o.s)", "has(data.zz)", "data.t", "data.zz == 1", "true"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(left, right)| format!("({left} && {right})")),
            pair.clone().prop_map(|(left, right)| format!("({left} || {right})")),
            inner.clone().prop_map(|of| format!("!({of})")),
            (inner, pair).prop_map(|(condition, (yes, no))| format!("({condition} ? {yes} : {no})")),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = String> {
    let macros = vec!["all", "exists", "exists_one"];
    let item = (any_condition(), prop::sample::select(vec!["data.a", "data.s", "data.t", "1", "'a'"]));
    prop_oneof![
        3 => any_condition(),
        2 => (prop::sample::select(macros), item, prop::sample::select(vec!["data.l", "data.o", "[1, 2, 3]", "data.n"]))
            .prop_map(|(name, (condition, place), range)| format!("{range}.{name}(x, {})", condition.replace(place, "x"))),
        1 => (any_condition(), any_value())
            .prop_map(|(condition, of)| format!("data.l.filter(x, {}) == {of}", condition.replace("data.a", "x"))),
        1 => (any_value(), any_value()).prop_map(|(to, of)| format!("data.l.map(x, {}) == {of}", to.replace("data.a", "x"))),
    ]
}

#[test]
fn where_the_crate_has_a_value_ours_is_the_same() {
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) });
    let (true_count, false_count) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(&(any_filter(), 0..DATA.len()), |(text, at)| {
        let event = put(DATA[at]);
        let Some(expected) = judged(&text, &event) else { return Ok(()) };
        let count = if expected { &true_count } else { &false_count };
        count.set(count.get() + 1);
        match compile(&text) {
            Ok(filter) => prop_assert_eq!(is_match(&filter, &event), expected, "{} on {}", text, DATA[at]),
            Err(error) => prop_assert_eq!(error.name, "FILTER_TOO_COSTLY", "{}", text),
        }
        Ok(())
    });
    outcome.unwrap();
    // Else the filters are too often ones on which both fail, and nothing is compared.
    assert!(true_count.get() > 100 && false_count.get() > 100, "{true_count:?} and {false_count:?} of 2,000");
}
