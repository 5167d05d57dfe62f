//! Values while a filter runs: CEL's null, bool, int, double, string, list and map, borrowed from the event and from the filter.
//!
//! Numbers compare by what they are worth, whatever their kind: `1 == 1.0`, in an expression as in the index.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::json::{Json, whole};

/// A value. Cloning takes the same small time for all.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number of the data without a fraction. JSON does not tell `5` from `5.0`, so that it is divided like a double, and
    /// is an integer in every other respect.
    Whole(i64),
    Double(f64),
    Text(&'a str),
    /// A string that the filter made.
    Made(Arc<str>),
    /// An array or object of the data.
    Json(&'a Json<'a>),
    /// A list that the filter made.
    List(Arc<[Value<'a>]>),
    /// The event's attributes, a map.
    Attributes(&'a BTreeMap<String, String>),
}

/// A number while it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i64),
    Double(f64),
}

impl<'a> Value<'a> {
    pub(super) fn of(json: &'a Json<'a>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Whole(number) => Self::Whole(*number),
            Json::Double(number) => Self::Double(*number),
            Json::Text(text) => Self::Text(text),
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Made(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Int(number) | Self::Whole(number) => Some(Number::Int(*number)),
            Self::Double(number) => Some(Number::Double(*number)),
            _ => None,
        }
    }

    /// The length of a list.
    pub(super) fn list_len(&self) -> Option<usize> {
        match self {
            Self::Json(Json::Array(items)) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            _ => None,
        }
    }

    /// An item of a list.
    pub(super) fn item(&self, at: usize) -> Option<Self> {
        match self {
            Self::Json(Json::Array(items)) => items.get(at).map(Self::of),
            Self::List(items) => items.get(at).cloned(),
            _ => None,
        }
    }

    /// The length of a map.
    pub(super) fn map_len(&self) -> Option<usize> {
        match self {
            Self::Json(Json::Object(members)) => Some(members.len()),
            Self::Attributes(attributes) => Some(attributes.len()),
            _ => None,
        }
    }

    /// What a map has under that name.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        match self {
            Self::Json(json) => json.get(name).map(Self::of),
            Self::Attributes(attributes) => attributes.get(name).map(|value| Self::Text(value)),
            _ => None,
        }
    }

    /// The names of a map, in order.
    pub(super) fn names(&self) -> Vec<Self> {
        match self {
            Self::Json(Json::Object(members)) => members.iter().map(|(name, _)| Self::Text(name)).collect(),
            Self::Attributes(attributes) => attributes.keys().map(|name| Self::Text(name)).collect(),
            _ => Vec::new(),
        }
    }

    /// What it costs to look at all of it, in the evaluator's steps. Takes as long as it says.
    pub(super) fn steps(&self) -> u32 {
        match self {
            Self::Text(_) | Self::Made(_) => self.text().map_or(1, text_steps),
            Self::Json(json) => json_steps(json),
            Self::List(items) => items.iter().fold(1, |sum, item| item.steps().saturating_add(sum)),
            Self::Attributes(attributes) => {
                attributes.iter().fold(1, |sum, (name, value)| sum + text_steps(name) + text_steps(value))
            }
            _ => 1,
        }
    }

    /// Whether they are worth the same. Values of different kinds are not.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Json(left), Self::Json(right)) => left == right,
            (Self::Attributes(left), Self::Attributes(right)) => left == right,
            _ => {
                if let (Some(left), Some(right)) = (self.text(), other.text()) {
                    return left == right;
                }
                if let (Some(left), Some(right)) = (self.number(), other.number()) {
                    return left.compare(right) == Some(Ordering::Equal);
                }
                if let (Some(len), Some(other_len)) = (self.list_len(), other.list_len()) {
                    let equal = |at| Some(self.item(at)?.equals(&other.item(at)?));
                    return len == other_len && (0..len).all(|at| equal(at) == Some(true));
                }
                let (Some(len), Some(other_len)) = (self.map_len(), other.map_len()) else { return false };
                let equal = |name: Self| Some(self.member(name.text()?)?.equals(&other.member(name.text()?)?));
                len == other_len && self.names().into_iter().all(|name| equal(name) == Some(true))
            }
        }
    }

    /// Their order: of numbers, strings (by code points) and booleans; others have none.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.number(), other.number()) {
            return left.compare(right);
        }
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            _ => Some(self.text()?.cmp(other.text()?)),
        }
    }
}

impl Number {
    /// Exact, also where a double holds no neighbouring integers; NaN has no order.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Double(left), Self::Double(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Double(right)) => compare(left, right),
            (Self::Double(left), Self::Int(right)) => compare(right, left).map(Ordering::reverse),
        }
    }

    pub(super) fn double(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "that is what a double is")]
            Self::Int(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

fn compare(int: i64, double: f64) -> Option<Ordering> {
    match whole(double.trunc()) {
        Some(floor) => Some(int.cmp(&floor).then(0.0_f64.partial_cmp(&double.fract())?)),
        // Beyond every integer of 64 bits, or NaN.
        None => 0.0_f64.partial_cmp(&double),
    }
}

/// Sixteen bytes are looked at in about the time of one step.
pub(super) fn text_steps(text: &str) -> u32 {
    u32::try_from(text.len() / 16).unwrap_or(u32::MAX).saturating_add(1)
}

fn json_steps(json: &Json<'_>) -> u32 {
    match json {
        Json::Text(text) => text_steps(text),
        Json::Array(items) => items.iter().fold(1, |sum, item| json_steps(item).saturating_add(sum)),
        Json::Object(members) => members
            .iter()
            .fold(1, |sum, (name, value)| text_steps(name).saturating_add(json_steps(value)).saturating_add(sum)),
        _ => 1,
    }
}
