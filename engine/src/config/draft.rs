//! A tree of settings while values are laid over its defaults, one by one, so that each that does not fit can be
//! named with its place.

use std::marker::PhantomData;

use fanfare_protocol::spelling::distance;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::later;
use super::problem::Fault;

/// Values of a `T`, each of which fits.
pub(super) struct Draft<T> {
    /// Prefix of every key where it is told to people: empty, or `namespace.`.
    prefix: &'static str,
    table: Table,
    made: PhantomData<T>,
}

/// What stands at a path.
enum Known<'a> {
    Value(&'a Value),
    Section,
    Nothing,
}

impl<T: Serialize + DeserializeOwned> Draft<T> {
    /// Begins with these values.
    pub(super) fn new(prefix: &'static str, defaults: &T) -> Self {
        let table = Table::try_from(defaults).expect("defaults hold only what TOML can say");
        Self { prefix, table, made: PhantomData }
    }

    /// Lays one value over the default.
    ///
    /// # Errors
    /// When there is no such key, or the value is none of it. The draft is then as it was.
    pub(super) fn set(&mut self, path: &[String], value: &Value) -> Result<(), Fault> {
        let key = format!("{}{}", self.prefix, path.join("."));
        if let Some(later) = later::covering(&key) {
            return Err(Fault::Later { key: later.path.to_owned(), about: later.about, instead: later.instead });
        }
        match self.known(path) {
            Known::Section if value.is_table() => return Ok(()),
            Known::Section => return Err(Fault::WrongType { key, expected: "a section", found: shown(value) }),
            Known::Nothing => return Err(self.unknown(key)),
            Known::Value(_) => {}
        }
        let mut table = self.table.clone();
        let Some(place) = place(&mut table, path) else { return Err(self.unknown(key)) };
        let before = std::mem::replace(place, value.clone());
        match T::deserialize(table.clone()) {
            Ok(_) => {
                self.table = table;
                Ok(())
            }
            Err(error) => Err(misfit(key, &before, value, error.message())),
        }
    }

    /// A text as the type of its key, for variables and options: what cannot be read as that stays a text.
    pub(super) fn read(&self, path: &[String], text: &str) -> Value {
        let text = text.trim();
        let read = match self.known(path) {
            Known::Value(Value::Integer(_)) => text.replace('_', "").parse().ok().map(Value::Integer),
            Known::Value(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Known::Value(Value::Array(_)) => Some(list(text)),
            Known::Value(_) | Known::Section | Known::Nothing => None,
        };
        read.unwrap_or_else(|| text.into())
    }

    /// Every key, as it is written.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect(&self.table, self.prefix, &mut keys);
        keys
    }

    /// The values.
    pub(super) fn finish(self) -> T {
        T::deserialize(self.table).expect("every value was tried when it was set")
    }

    fn known(&self, path: &[String]) -> Known<'_> {
        let mut at = &self.table;
        let mut parts = path.iter();
        while let Some(part) = parts.next() {
            match at.get(part) {
                Some(Value::Table(table)) => at = table,
                Some(value) if parts.len() == 0 => return Known::Value(value),
                Some(_) | None => return Known::Nothing,
            }
        }
        Known::Section
    }

    fn unknown(&self, key: String) -> Fault {
        let mut known = self.keys();
        if !key.contains('.') {
            known.extend(self.table.iter().filter(|(_, value)| value.is_table()).map(|(section, _)| section.clone()));
        }
        let nearest = nearest(&key, &known);
        Fault::UnknownKey { key, nearest }
    }
}

/// The key that was likely meant, by its last part: the right key under the wrong section is near, and of several the one whose
/// section is spelt alike too.
pub(super) fn nearest(key: &str, known: &[String]) -> Option<String> {
    let (section, last) = parts(key);
    let near = known.iter().filter_map(|known| {
        let (of, name) = parts(known);
        Some((distance(last, name)?, distance(section, of).unwrap_or(usize::MAX), known))
    });
    near.min_by_key(|(in_name, in_section, _)| (*in_name, *in_section)).map(|(.., known)| known.clone())
}

/// The section of a key, empty where there is none, and its last part.
fn parts(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

fn place<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Value> {
    let (last, sections) = path.split_last()?;
    let mut at = table;
    for section in sections {
        at = at.get_mut(section)?.as_table_mut()?;
    }
    at.get_mut(last)
}

fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            Value::Table(table) => collect(table, &format!("{prefix}{key}."), keys),
            _ => keys.push(format!("{prefix}{key}")),
        }
    }
}

fn list(text: &str) -> Value {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Value::Array(items.map(Value::from).collect())
}

fn misfit(key: String, default: &Value, value: &Value, reason: &str) -> Fault {
    let found = shown(value);
    if !default.same_type(value) && !reason.starts_with("expected") {
        return Fault::WrongType { key, expected: type_name(default), found };
    }
    let reason = match value {
        Value::Integer(number) if *number < 0 => "it must be a positive number".to_owned(),
        Value::Integer(_) if reason.starts_with("invalid value") => "the number is too great".to_owned(),
        _ => reason.trim_end_matches('.').to_owned(),
    };
    Fault::BadValue { key, found, reason }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list of texts",
        Value::Table(_) => "a section",
    }
}

/// A value as an error may show it: named and not too long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Table(_) => return "a section".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
