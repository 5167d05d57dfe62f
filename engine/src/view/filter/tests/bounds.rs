use fanfare_protocol::Code;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn refusal(text: &str, code: Code, says: &str) {
    let error = compile(text).expect_err(text);
    assert_eq!(error.known_code(), Some(code), "{text}: {error}");
    assert_eq!(error.parameter.as_deref(), Some("filter"));
    assert!(error.message.starts_with("`filter`: ") && error.message.contains(says), "{text}: {error}");
}

#[test]
fn what_is_no_filter_is_refused_with_place_and_reason() {
    for (text, says) in [
        ("", "expected an expression"),
        ("  ", "expected an expression"),
        ("data.price >", "line 1, column"),
        ("data.price > 1 &&\n  ]", "line 2, column 3"),
        ("dta.price > 1", "line 1, column 1: unknown variable `dta`, did you mean `data`"),
        ("data.x == 1 && kee == 'a'", "line 1, column 16: unknown variable `kee`, did you mean `key`"),
        (
            "data.a == 1 &&\ndata.s.contans('x')",
            "line 2, column 8: unknown function `contans`, did you mean `contains`",
        ),
        ("now() > 1", "unknown function `now`, there are `size`, `contains`,"),
        ("foo(1)", "unknown function `foo`, there are `size`,"),
        ("now > 1", "unknown variable `now`, there are `key`, "),
        ("timestamp('2026-01-01T00:00:00Z') > now", "unknown function `timestamp`"),
        ("geo.witin(1, 2, box(1,2,3,4))", "did you mean `geo.within`"),
        ("geo == 1", "unknown variable `geo`"),
        ("data.s.contains('x', 'y')", "expected `text.contains(part)`"),
        ("contains(data.s, 'x')", "expected `text.contains(part)`"),
        ("size()", "expected `size(value)`"),
        ("data.l.exists(x)", "wrong number of values for `exists`"),
        ("has(data)", "has"),
        ("data.s.matches('(')", "the pattern `(` is none"),
        ("data.s.matches(data.p)", "must be written as a string"),
        ("data.s.matches()", "expected `text.matches"),
        ("1 + 1", "expected a condition"),
        ("'text'", "expected a condition"),
        ("data.l.map(x, x)", "expected a condition"),
        ("{'a': 1} == data", "maps and messages"),
        ("data{a: 1} == data", "maps and messages"),
        ("b'a' == data.x", "bytes"),
        ("data.?a == 1", "unsupported syntax"),
        ("box(1, 2, 3, 4)", "stands only as the third value"),
        ("geo.within(1, 2, 3)", "expected `box`, `circle` or `polygon`"),
        ("geo.within(1, 2)", "expected `geo.within(latitude"),
        ("geo.within(1, 2, box(1, 2, 3, data.x))", "all numbers"),
        ("geo.within(1, 2, box(1, 2, 3))", "all numbers"),
        ("geo.within(1, 2, box(3, 2, 1, 4))", "south must not be above north"),
        ("geo.within(1, 2, box(91, 2, 92, 4))", "in this order"),
        ("geo.within(1, 2, circle(1, 2, -3))", "must not be negative"),
        ("geo.within(1, 2, polygon([[1, 2], [3, 4]]))", "at least three points"),
        ("geo.within(1, 2, polygon([[1, 2], [3, 4], [5]]))", "all numbers"),
        ("geo.within(1, 2, polygon([[60, 0], [60, 120], [60, -120]]))", "around a pole"),
        ("data.x == 18446744073709551615u", "64 bits"),
    ] {
        refusal(text, Code::BadFilter, says);
    }
    let error = Filter::compile(None, &equalities(&[("attribute.x", "1")])).expect_err("there is no such variable");
    assert_eq!((error.known_code(), error.parameter.as_deref()), (Some(Code::BadFilter), Some("where.attribute.x")));
}

#[test]
fn what_could_cost_too_much_is_refused() {
    let numbers = |count: usize| vec!["1"; count].join(",");
    for (text, says) in [
        (format!("data.s == '{}'", "x".repeat(4096)), "longer than 4096 bytes"),
        (format!("{}true{}", "(".repeat(129), ")".repeat(129)), "more than 128 parentheses"),
        (format!("{}true", "true?true:".repeat(65)), "more than 64 question marks"),
        (format!("data.a == {}1{}", "[".repeat(60), "]".repeat(60)), "nested deeper than 32 levels"),
        (format!("data{} == 1", ".a".repeat(500)), "nested deeper than 64"),
        (format!("data.a == {}", vec!["1"; 300].join("+")), "more than 512 operations"),
        (vec!["true"; 600].join("&&"), "more than 512 operations"),
        (format!("data.a in [{}]", numbers(1001)), "a list of more than 1000 items"),
        ("data.l.exists(x, x.exists(y, y == 1))".to_owned(), "more than one comprehension"),
        ("data.l.filter(x, x > 1).exists(x, x > 2)".to_owned(), "more than one comprehension"),
        ("data.l.all(x, true) && data.l.exists(x, true)".to_owned(), "more than one comprehension"),
        (["data.s.matches('a')"; 9].join("||"), "more than 8 patterns"),
        ("data.s.matches('(a{100}){100}')".to_owned(), "too much memory"),
        ("data.s.matches('(a|b)*a(a|b){20}')".to_owned(), "too much memory"),
    ] {
        refusal(&text, Code::FilterTooCostly, says);
    }
    let many = (0..17).map(|n| (format!("data.a{n}"), n.to_string())).collect();
    for pairs in [many, equalities(&[("key", &"x".repeat(1024))])] {
        let error = Filter::compile(None, &pairs).expect_err("it is too much");
        assert_eq!(error.known_code(), Some(Code::FilterTooCostly));
    }
    assert!(is_match(&filter(&format!("data.a in [{}]", numbers(1000))), &put("{\"a\":1.0}")));
}

/// The regular expressions that people write stay far below the bound.
#[test]
fn common_patterns_fit() {
    for (pattern, yes, no) in [
        (r"^\d{4}-\d{2}-\d{2}T", "2026-11-22T10:00", "22.11.2026"),
        (r"\w+@\w+\.com", "to ann@example.com", "ann@"),
        (r"\b(warn|error)\b", "an error here", "terrors"),
        (r"^[^/]+/[\w.-]+$", "a b/c_d.e-f", "a//"),
        (r"(?i)stra\u00dfe", "HauptSTRA\u{df}E", "Strasse"),
        (r"^.{3}$", "\u{e4}\u{f6}\u{fc}", "\u{e4}"),
        (r"^(EUR|USD|GBP)/(CHF|JPY)$", "USD/JPY", "USD/EUR"),
        (r"\\d", "a\\d", "5"),
        (r"[\d.]+%$", "99.5%", "%"),
    ] {
        let filter = filter(&format!("data.matches(r'{}')", pattern.replace("\\u00df", "\u{df}")));
        let text = |text: &str| put(&serde_json::Value::from(text).to_string());
        assert!(is_match(&filter, &text(yes)), "{pattern} in {yes}");
        assert!(!is_match(&filter, &text(no)), "{pattern} in {no}");
    }
}

/// None of these may end the stack, take long or allocate without end, in whatever way it ends.
#[test]
fn no_text_reaches_the_end_of_the_stack() {
    for unit in [
        "(",
        "[",
        "{1:",
        "f(",
        "!",
        "-",
        "-(",
        "a?b:",
        "a?(",
        "a+",
        "a&&",
        "a||!",
        "a.b",
        ".b",
        ".b()",
        "[0]",
        "a[",
        ">{",
        "[1].map(x,",
        "a<",
        "1,",
        "a<b>(c<",
        "a{b:",
        "`",
        "'",
        "\"\"\"",
        "r'",
        "\\",
        "//",
        "((a)",
        "\u{e9}",
        "data.",
    ] {
        for count in [10, 60, 100, 4096] {
            let text = unit.repeat(count);
            for text in [text.as_str(), &text[..text.floor_char_boundary(4096)]] {
                for text in [text.to_owned(), format!("data.a{text}"), format!("{text}a")] {
                    let _ = compile(&text);
                }
            }
        }
    }
}

/// Each of these would take minutes or gigabytes without a bound on steps.
#[test]
fn no_event_holds_a_filter_up() {
    let text = "x".repeat(100_000);
    let numbers = vec!["1"; 900].join(",");
    let event = put(&format!(
        "{{\"s\":\"{text}\",\"n\":[{numbers}],\"big\":[{{\"s\":\"{text}\"}}],\"many\":[{numbers},{numbers}]}}"
    ));
    let long = |unit: &str, count: usize, glue: &str| vec![unit; count].join(glue);
    for text in [
        format!("size({}) > 0", long("data.s", 60, "+")),
        format!("data.n.all(x, {})", long("data.s == data.s", 60, "&&")),
        format!("data.n.all(x, {})", long("data == data", 60, "&&")),
        format!("data.n.all(x, {})", long("data.s.contains(data.s)", 60, "&&")),
        format!("data.n.all(x, {})", long("data.s.matches('(x+x+)+y')", 8, "||")),
        format!("data.n.all(x, {})", long("[data.n, data.n] != [data.n, x]", 30, "&&")),
        format!("data.n.map(x, {}) == []", long("data.n", 60, "+")),
        "data.n.all(x, data.n in [data.n, data.n + [2]])".to_owned(),
        "data.n.all(x, size(string(x) + data.s) > 0)".to_owned(),
        "data.many.exists(x, x == 1)".to_owned(),
    ] {
        assert!(!is_match(&filter(&text), &event), "{text}");
    }
    assert!(is_match(&filter("data.n.all(x, x + 1 == 2 && x in [1, 2] && x < 5)"), &event));
    assert!(is_match(&filter("data.s == data.s && data.s.endsWith('x') && size(data.many) == 1800"), &event));
}

proptest! {
    #[test]
    fn no_text_makes_a_filter_panic(text in prop_oneof![
        "[ -~]{0,60}",
        any::<String>(),
        "(data|x|geo|'|\"|\\.|\\(|\\)|\\[|\\]|,|\\?|:|==|&&|[0-9]|-|!| |exists|map|matches|within|polygon|in|r'){0,30}",
    ]) {
        if let Ok(filter) = compile(&text) {
            for event in [put(r#"{"x":[1,{"y":2}],"data":"a"}"#), delete()] {
                let _ = is_match(&filter, &event);
            }
        }
    }
}
