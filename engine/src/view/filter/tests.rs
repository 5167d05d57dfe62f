//! What filters mean, what they may cost, and that the index and the interpreter of `cel` agree with them.

mod bounds;
mod index;
mod interpreter;
mod meaning;
mod regions;

use std::collections::BTreeMap;

use fanfare_protocol::{ContentType, Error, Event, EventType};

use super::{Facts, Filter};

/// A put of that data.
fn put(data: &str) -> Event {
    Event {
        r#type: EventType::Put.into(),
        key: Some("k".to_owned()),
        data: Some(data.to_owned().into()),
        attributes: [("colour", "red"), ("n", "5")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        publisher: Some("ann".to_owned()),
        time: Some(1_763_715_600_000),
        ..Event::default()
    }
}

/// As [`put`], of bytes.
fn put_bytes(data: &'static [u8]) -> Event {
    Event { data: Some(data.into()), content_type: ContentType::Bytes.into(), ..put("") }
}

fn delete() -> Event {
    Event { r#type: EventType::Delete.into(), data: None, ..put("") }
}

fn equalities(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

fn compile(text: &str) -> Result<Filter, Error> {
    Filter::compile(Some(text), &BTreeMap::new())
}

#[track_caller]
fn filter(text: &str) -> Filter {
    compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn equality(path: &str, value: &str) -> Filter {
    Filter::compile(None, &equalities(&[(path, value)])).unwrap()
}

fn is_match(filter: &Filter, event: &Event) -> bool {
    filter.matches(&Facts::of(event))
}
