use super::*;

const QUOTE: &str = r#"{"symbol":"A","price":100.5,"size":5,"whole":4.0,"ask":{"price":2,"a.b":1},"tags":["x","y"],
    "items":[{"n":1,"s":"one"},{"n":2}],"none":null,"on":true,"text":"héllo world","lat":52.5,"lon":13.4}"#;

fn quote() -> Event {
    put(&QUOTE.replace("\n    ", ""))
}

#[test]
fn what_is_true_of_an_event_matches() {
    for text in [
        "data.price > 100.0 && data.symbol == \"A\"",
        "data.price > 100 && data.price < 101",
        "data.size == 5 && data.size == 5.0 && 5.0 == data.size && data.whole == 4",
        "data.size != \"5\" && data.symbol != null",
        "data[\"ask\"].price == 2 && data.ask[\"a.b\"] == 1",
        "data.tags[1] == 'y' && 'x' in data.tags && !('z' in data.tags)",
        "data.symbol in ['A', 'B'] && data.size in [1.0, 5.0] && !(data.symbol in [1, 2])",
        "data.symbol in ['A', data.text]",
        "'symbol' in data && 'colour' in attributes && !('x' in data)",
        "has(data.ask.price) && !has(data.ask.size) && has(attributes.colour) && !has(data.nothing)",
        "has(data.none) && data.none == null",
        "data.items.exists(i, i.n == 2)",
        "data.items.all(i, i.n > 0)",
        "data.items.exists_one(i, i.n == 1)",
        "data.items.exists(i, i.s == 'one')",
        "data.items.map(i, i.n) == [1, 2]",
        "data.items.map(i, i.n > 1, i.n * 10) == [20]",
        "size(data.items.filter(i, i.n > 1)) == 1",
        "data.ask.exists(name, name == 'price')",
        "data.on && !(!data.on) && (data.on ? true : false)",
        "key == 'k' && publisher == \"ann\" && attributes.colour == 'red' && attributes['n'] == \"5\"",
        "time > 1763715599999 && time < 1763715600001",
        "data.text.contains('llo w') && data.text.startsWith('h\u{e9}') && data.text.endsWith(\"ld\")",
        "size(data.text) == 11 && data.text.size() == 11 && size(data.tags) == 2 && size(attributes) == 2",
        "data.symbol + 'BC' == 'ABC' && data.tags + ['z'] == ['x', 'y', 'z']",
        "data.size * 2 == 10 && data.size % 2 == 1 && data.size + 0.5 == 5.5 && -data.size == -5",
        "data.size / 2 == 2.5 && 5 / 2 == 2 && 5.0 / 2 == 2.5 && data.whole / 8 == 0.5",
        "int(attributes.n) == 5 && double('1.5') == 1.5 && string(data.size) == '5' && int(100.9) == 100",
        "data.symbol < 'B' && false < true",
        "data == data && data.ask != data.items && attributes == attributes",
        "data.text.matches('^h.llo') && data.text.matches(r'w\\w+d$') && !data.symbol.matches('[b-z]')",
        "matches(data.symbol, '(?i)a')",
        "geo.within(data.lat, data.lon, box(50, 10, 55, 15))",
        "data.items.exists(data, data.n == 2)",
        "// only a comment in front\ntrue",
    ] {
        assert!(is_match(&filter(text), &quote()), "{text}");
    }
}

#[test]
fn what_is_false_or_fails_does_not_match() {
    for text in [
        "data.price > 200.0",
        "data.nothing == 1",
        "data.nothing != 1",
        "!(data.nothing == 1)",
        "data.symbol > 1",
        "data.symbol + 1 == 2",
        "data.tags[2] == 'z'",
        "data.tags[-1] == 'y'",
        "data.ask == 2",
        "1 / 0 == 1",
        "5 % 0 == 1",
        "9223372036854775807 + 1 > 0",
        "-(-9223372036854775807 - 1) > 0",
        "data.on == 1",
        "data.text",
        "data.size ? true : true",
        "data.items.all(i, i.s == 'one')",
        "data.items.exists_one(i, i.s == 'one')",
        "data.size.exists(i, true)",
        "data.symbol.matches('^$')",
        "geo.within(data.lat, data.symbol, box(50, 10, 55, 15))",
        "geo.within(91, data.lon, box(50, 10, 55, 15))",
        "int('x') == 0",
        "0.0 / 0.0 == 0.0 / 0.0",
        "has(data.size.x) || !has(data.size.x)",
    ] {
        assert!(!is_match(&filter(text), &quote()), "{text}");
    }
}

/// What fails does not matter where the other side decides.
#[test]
fn a_failure_is_forgiven_where_the_other_side_decides() {
    for (text, expected) in [
        ("data.nothing == 1 || data.size == 5", true),
        ("data.size == 5 || data.nothing == 1", true),
        ("!(data.nothing == 1 && data.size == 6)", true),
        ("data.nothing == 1 || data.size == 6", false),
        ("data.nothing == 1 && data.size == 5", false),
        ("data.items.exists(i, i.s == 'one' || i.n == 2)", true),
        ("has(data.nothing) && data.nothing.x == 1 || data.on", true),
    ] {
        assert_eq!(is_match(&filter(text), &quote()), expected, "{text}");
    }
}

#[test]
fn what_an_event_does_not_have_is_null() {
    let bare = Event { key: None, publisher: None, time: None, ..delete() };
    for text in ["data == null", "key == null && publisher == null && time == null", "key != 'k'"] {
        assert!(is_match(&filter(text), &bare), "{text}");
    }
    for event in [delete(), put_bytes(b"{\"a\":1}"), put("5"), put("not json")] {
        assert!(!is_match(&filter("data.a == 1"), &event));
        assert!(!is_match(&filter("data.a != 1"), &event));
        assert!(!is_match(&equality("data.a", "1"), &event));
        assert!(is_match(&filter("key == 'k'"), &event) && is_match(&equality("key", "k"), &event));
    }
    assert!(is_match(&filter("data == 5"), &put("5")));
}

#[test]
fn the_value_of_an_equality_is_json_or_else_a_string() {
    let event = put(r#"{"a":{"b":5},"s":"5","t":"true","u":"x y","n":null,"l":[1,{"m":2}],"f":1.0,"q":"\"5\""}"#);
    for (path, value) in [
        ("data.a.b", "5"),
        ("data.a.b", "5.0"),
        ("data.a.b", " 50e-1 "),
        ("data.a", r#"{"b":5}"#),
        ("data.s", "\"5\""),
        ("data.t", "\"true\""),
        ("data.u", "x y"),
        ("data.u", "\"x y\""),
        ("data.u", "\"\\u0078 y\""),
        ("data.n", "null"),
        ("data.l", r#"[1, {"m": 2.0}]"#),
        ("data.f", "1"),
        ("data.q", r#""\"5\"""#),
        ("key", "k"),
        ("key", "\"k\""),
        ("attributes.n", "5"),
        ("attributes.n", "\"5\""),
    ] {
        assert!(is_match(&equality(path, value), &event), "{path}={value}");
    }
    for (path, value) in [
        ("data.s", "5"),
        ("data.a.b", "\"5\""),
        ("data.a.b.c", "5"),
        ("data.missing", "null"),
        ("data.missing", ""),
        ("data.l.m", "2"),
        ("data.n", "\"null\""),
        ("data.u", "x"),
        ("key", "null"),
        ("attributes.none", ""),
    ] {
        assert!(!is_match(&equality(path, value), &event), "{path}={value}");
    }
}

#[test]
fn all_parameters_have_to_hold() {
    let both = |filter: &str, pairs: &[(&str, &str)]| {
        is_match(&Filter::compile(Some(filter), &equalities(pairs)).unwrap(), &quote())
    };
    assert!(both("data.size == 5", &[("data.symbol", "A"), ("key", "k")]));
    assert!(!both("data.size == 6", &[("data.symbol", "A"), ("key", "k")]));
    assert!(!both("data.size == 5", &[("data.symbol", "B"), ("key", "k")]));
    assert!(is_match(&Filter::compile(None, &BTreeMap::new()).unwrap(), &delete()), "nothing asks for anything");
}

/// A publisher must not be able to show one value to the filter and another to the watcher.
#[test]
fn of_members_with_equal_names_the_last_counts() {
    let event = put(r#"{"level":"public","\u006cevel":"secret"}"#);
    for is_secret in [filter("data.level == 'secret'"), equality("data.level", "secret")] {
        assert!(is_match(&is_secret, &event));
    }
    assert!(!is_match(&equality("data.level", "public"), &event));
}

#[test]
fn equal_texts_are_equal_filters() {
    let filter = |text: &str, pairs: &[(&str, &str)]| Filter::compile(Some(text), &equalities(pairs)).unwrap();
    let one = filter(" data.a == 1\n", &[("key", "a"), ("data.b", "2")]);
    assert_eq!(one, filter("data.a == 1", &[("data.b", "2"), ("key", "a")]));
    assert_ne!(one, filter("data.a == 1", &[("data.b", "2")]));
    let sly = Filter::compile(None, &equalities(&[("data.a", "1\"\ntrue")])).unwrap();
    assert_ne!(sly, filter("true", &[("data.a", "1")]), "no value passes for the beginning of the next");
    assert_eq!(filter("true", &[("key", "a")]).canonical(), "where.\"key\"=\"a\"\ntrue");
}

/// Views of one topic are on several threads.
#[test]
fn a_filter_is_shared_by_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&filter("data.l.exists(x, x.matches('a') || x in ['b'])"));
}
