use std::collections::HashMap;

use proptest::prelude::*;

use super::super::{CanonicalValue, Path};
use super::*;

fn key(filter: &Filter) -> Option<String> {
    filter.index().map(|(path, value)| format!("{path} {value:?}"))
}

#[test]
fn an_equality_that_must_hold_is_the_key() {
    for (text, expected) in [
        ("data.a.b == 1", Some("data.a.b Whole(1)")),
        ("1.0 == data.a", Some("data.a Whole(1)")),
        ("data.n > 5 && (data.s == 'x' && key == 'y')", Some("data.s Text(\"x\")")),
        ("key == 'x'", Some("key Text(\"x\")")),
        ("attributes['a b'] == 'x'", Some("attributes.a b Text(\"x\")")),
        ("data.on == true", Some("data.on Bool(true)")),
        ("data.none == null", Some("data.none Null")),
        ("data.a == 0.5", Some("data.a Double(4602678819172646912)")),
        ("data.a == 1 || data.b == 2", None),
        ("!(data.a == 1)", None),
        ("data.a != 1", None),
        ("key == null", None),
        ("data == 1", None),
        ("data.a == [1]", None),
        ("data.a == data.b", None),
        ("data.l.exists(data, data.a == 1)", None),
        ("data.a in [1]", None),
    ] {
        assert_eq!(key(&filter(text)).as_deref(), expected, "{text}");
    }
    let both = Filter::compile(Some("data.a == 1"), &equalities(&[("data.b", "[1]"), ("key", "5")])).unwrap();
    assert_eq!(key(&both).as_deref(), Some("key Text(\"5\")"), "an array is no key");
}

/// So that ten thousand views of one symbol each cost one look-up per event.
#[test]
fn one_look_up_finds_the_views_of_a_value() {
    let filters: Vec<Filter> = (0..100).map(|n| equality("data.symbol", &format!("S{n}"))).collect();
    let mut by_path: HashMap<Path, HashMap<CanonicalValue, usize>> = HashMap::new();
    for (at, filter) in filters.iter().enumerate() {
        let (path, value) = filter.index().unwrap();
        by_path.entry(path.clone()).or_default().insert(value.clone(), at);
    }
    assert_eq!(by_path.len(), 1);
    let event = put(r#"{"price":1,"symbol":"S42"}"#);
    let facts = Facts::of(&event);
    let found: Vec<_> = by_path.iter().filter_map(|(path, views)| views.get(&facts.canonical(path)?)).collect();
    assert_eq!(found, [&42]);
    assert!(filters[42].matches(&facts));
}

fn any_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "0.0",
            "1",
            "1.0",
            "1e0",
            "10e-1",
            "-1",
            "1.5",
            "0.1",
            "true",
            "false",
            "null",
            "\"1\"",
            "\"\"",
            "\"a\"",
            "\"\\u0061\"",
            "9007199254740993",
            "9007199254740992.0",
            "9007199254740992",
            "9223372036854775807",
            "9223372036854775808",
            "9.223372036854775807e18",
            "-9223372036854775808",
            "1e300",
            "[1]",
            "{\"a\":1}",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i32>().prop_map(|number| format!("{:?}", f64::from(number) / 8.0)),
        "[a-c\"]{0,2}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ]
}

proptest! {
    /// The index, the equality and the expression never tell different things.
    #[test]
    fn index_and_evaluation_agree(asked in any_scalar(), is in any_scalar(), depth in 0..3_usize, look_count in 0..8, read_first in any::<bool>()) {
        let path = ["data.a", "data.a.b", "data.a.b.c"][depth];
        let event = put(&match depth {
            0 => format!("{{\"z\":1,\"a\":{is}}}"),
            1 => format!("{{\"a\":{{\"b\":{is},\"c\":[1]}}}}"),
            _ => format!("{{\"a\":{{\"b\":{{\"c\":{is}}}}},\"b\":2}}"),
        });
        let facts = Facts::of(&event);
        if read_first {
            let _ = filter("data.size == 1").matches(&facts);
        }
        for _ in 0..look_count {
            let _ = facts.canonical(&Path::Data(["b".into()].into()));
        }
        let equality = equality(path, &asked);
        let is_match = equality.matches(&facts);
        if let Some((path, value)) = equality.index() {
            prop_assert_eq!(facts.canonical(path).as_ref() == Some(value), is_match);
        }
        // CEL writes no double without a fraction, and no integer beyond 64 bits.
        if let Ok(expression) = compile(&format!("{path} == {asked}")) {
            prop_assert_eq!(expression.matches(&facts), is_match);
            if let Some((path, value)) = expression.index() {
                prop_assert_eq!(facts.canonical(path).as_ref() == Some(value), is_match);
            }
        }
    }

    #[test]
    fn no_filter_matches_where_its_key_is_another(
        terms in prop::collection::vec((0..6_usize, any_scalar()), 1..4),
        is in any_scalar(),
        or in any::<bool>(),
    ) {
        let term = |(form, value): &(usize, String)| match form {
            0 => format!("data.a == {value}"),
            1 => format!("{value} == data.b"),
            2 => format!("data.a != {value}"),
            3 => format!("key == {value}"),
            4 => format!("attributes.colour == {value}"),
            _ => format!("(data.a == {value} || data.b == {value})"),
        };
        let text = terms.iter().map(term).collect::<Vec<_>>().join(if or { " || " } else { " && " });
        if let Ok(filter) = compile(&text) {
            let event = put(&format!("{{\"a\":{is},\"b\":{is}}}"));
            let facts = Facts::of(&event);
            if let Some((path, value)) = filter.index().filter(|_| filter.matches(&facts)) {
                prop_assert_eq!(facts.canonical(path), Some(value.clone()), "{}", text);
            }
        }
    }
}
