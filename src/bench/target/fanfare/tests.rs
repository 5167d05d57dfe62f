//! Against the examples of `protocol/conformance/`, which every implementation reads.

use serde_json::Value;

use super::super::wire::{door, hear, said};
use super::*;

/// The bytes of each message of a type, with its length before it, and what it is in JSON.
fn examples(message_type: &str) -> Vec<(Vec<u8>, Value)> {
    let file = include_str!("../../../../protocol/conformance/messages.json");
    let examples: Vec<Value> = serde_json::from_str(file).expect("a list of examples");
    let read = |example: &Value| {
        let message: Value = serde_json::from_str(example["json"].as_str()?).expect("a message in JSON");
        let digits = example["protobuf"].as_str()?.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes = digits.chunks(2).map(byte).collect::<Option<_>>().expect("hexadecimal");
        (message["type"] == message_type).then_some((bytes, message))
    };
    let found: Vec<_> = examples.iter().filter_map(read).collect();
    assert!(!found.is_empty(), "there is a {message_type}");
    found
}

fn example(message_type: &str, name: impl Fn(&Value) -> bool) -> String {
    let found = examples(message_type).into_iter().find(|(_, message)| name(&message["payload"]));
    let (bytes, _) = found.expect("there is such an example");
    format!("82 {}", bytes.escape_ascii())
}

fn node() -> Fanfare {
    Fanfare::new(door())
}

#[test]
fn subscriptions_are_those_of_the_examples() {
    let asked = said(|out| node().subscribe("ticks:eur", Begin::Latest, out));
    let expected = example("SUBSCRIBE", |payload| payload["topic"] == "ticks:eur");
    // The example has another id, the only byte between the type and the payload.
    assert_eq!(asked, [expected.replacen(r"\x10\x02", r"\x10\x01", 1)]);
    assert_eq!(node().door().path, "/v1/ws");
}

#[test]
fn publications_are_those_of_the_examples() {
    let outgoing = Outgoing { topic: "chat:lobby", data: b"1", ticket: 0, producer: None };
    let expected = example("PUBLISH", |payload| payload["data"] == 1);
    assert_eq!(said(|out| node().publish(outgoing, out)), [expected]);
    let (data, producer) = (br#""hi""#, Some(("p-1", (1 << 53) - 1)));
    let outgoing = Outgoing { topic: "chat:lobby", data, ticket: 3, producer };
    let expected = example("PUBLISH", |payload| payload["data"] == "hi");
    assert_eq!(said(|out| node().publish(outgoing, out)), [expected]);
}

#[test]
fn each_put_is_a_delivery_and_a_hole_is_a_refusal() {
    for (bytes, message) in examples("EVENT") {
        let events = message["payload"]["events"].as_array().expect("a list");
        let words = |event: &Value| match event["type"].as_str()? {
            // In JSON bytes are base64, which says nothing of how they come.
            "put" if event["dataBase64"].is_string() => Some(r"delivery \x00\xff\x10\x80".to_owned()),
            "put" => Some(format!("delivery {}", event["data"].to_string().escape_default())),
            "gone" | "failure" => Some("refused: the node said that a view has a hole or has ended".to_owned()),
            _ => None,
        };
        let expected: Vec<String> = events.iter().filter_map(words).collect();
        assert_eq!(hear(&node(), &bytes).expect("a node's message"), expected, "{message}");
    }
}

#[test]
fn answers_and_ends_are_heard_as_such() {
    let first_words = |message_type| -> Vec<String> {
        let first = |(bytes, _): (Vec<u8>, Value)| hear(&node(), &bytes).expect("a node's message").into_iter().next();
        let words = examples(message_type).into_iter().map(|example| first(example).unwrap_or_default());
        words.map(|words| words.split([' ', ':']).next().unwrap_or_default().to_owned()).collect()
    };
    assert!(first_words("PUBLISHED").iter().all(|word| word == "accepted"));
    // A connection of this program asks for one view, and is never answered with several.
    assert_eq!(first_words("SUBSCRIBED"), ["subscribed", "subscribed", "subscribed", "subscribed", ""]);
    assert!(first_words("ERROR").iter().all(|word| word == "refused"));
    assert!(first_words("GOAWAY").iter().all(|word| word == "refused"));
    // Who lags catches up.
    assert_eq!(first_words("VIEW"), ["", "", "refused", "refused", "refused"]);
    assert!(first_words("CONNECTED").iter().all(String::is_empty));
}
