//! What an equality compares: where in an event, and with what, in one form for equal values so that it can be a key of a map.

use std::fmt;

use super::super::json::{Json, whole};

/// A place in an event whose value an equality can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// The event's key.
    Key,
    /// The members that lead into `data`, at least one.
    Data(Box<[Box<str>]>),
    /// The attribute of that name.
    Attribute(Box<str>),
}

impl Path {
    /// From what stands behind `where.`: `key`, `data.PATH` or `attributes.NAME`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text == "key" {
            return Some(Self::Key);
        }
        let (variable, rest) = text.split_once('.')?;
        match variable {
            "attributes" if !rest.is_empty() => Some(Self::Attribute(rest.into())),
            "data" if rest.split('.').all(|step| !step.is_empty()) => {
                Some(Self::Data(rest.split('.').map(Box::from).collect()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Data(steps) => write!(f, "data.{}", steps.join(".")),
            Self::Attribute(name) => write!(f, "attributes.{name}"),
        }
    }
}

/// A value that is neither array nor object, in the one form that all equal ones have: `1`, `1.0` and `1e0` are the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CanonicalValue {
    /// JSON's null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number without a fraction that 64 bits hold.
    Whole(i64),
    /// The bits of any other number.
    Double(u64),
    /// A string.
    Text(Box<str>),
}

impl CanonicalValue {
    /// Of a number; NaN, which equals nothing, has none.
    pub(super) fn number(number: f64) -> Option<Self> {
        match whole(number) {
            Some(whole) => Some(Self::Whole(whole)),
            None => (!number.is_nan()).then(|| Self::Double(number.to_bits())),
        }
    }

    /// Of a value; arrays and objects have none.
    pub(in crate::view) fn of(value: &Json<'_>) -> Option<Self> {
        match value {
            Json::Null => Some(Self::Null),
            Json::Bool(is_true) => Some(Self::Bool(*is_true)),
            Json::Whole(number) => Some(Self::Whole(*number)),
            Json::Double(number) => Some(Self::Double(number.to_bits())),
            Json::Text(text) => Some(Self::Text((**text).into())),
            Json::Array(_) | Json::Object(_) => None,
        }
    }
}
