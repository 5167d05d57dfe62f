//! A JSON value in memory, borrowing from its text what it can.

use std::borrow::Cow;

use fanfare_protocol::limits::JSON_DEPTH_MAX;

use super::skim::{name, string_end, value_end};

/// Levels of nesting that are read. The door takes no more (`JSON_DEPTH_MAX`), and what comes from an old store must not be able
/// to exhaust the stack either.
pub(in crate::view) const DEPTH_MAX: usize = JSON_DEPTH_MAX;

/// A JSON value. Numbers have one form each, so that equal ones compare equal: `1`, `1.0` and `1e0` are all `Whole(1)`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::view) enum Json<'j> {
    Null,
    Bool(bool),
    /// A number without a fraction that 64 bits hold.
    Whole(i64),
    /// Any other number.
    Double(f64),
    Text(Cow<'j, str>),
    Array(Vec<Json<'j>>),
    /// Sorted by name, each name once.
    Object(Vec<(Cow<'j, str>, Json<'j>)>),
}

impl<'j> Json<'j> {
    /// Reads one compact value; `None` when it is not one, or nested too deep.
    pub(in crate::view) fn read(json: &'j [u8]) -> Option<Self> {
        let mut reader = Reader { json, at: 0 };
        let value = reader.value(0)?;
        (reader.at == json.len()).then_some(value)
    }

    /// The member of that name, of an object that has one.
    pub(in crate::view) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let found = members.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&members[found].1)
    }

    /// The value that a path of members leads to.
    pub(in crate::view) fn at(&self, path: &[Box<str>]) -> Option<&Self> {
        path.iter().try_fold(self, |value, step| value.get(step))
    }

    pub(in crate::view) fn number(number: f64) -> Self {
        whole(number).map_or(Self::Double(number), Self::Whole)
    }

    /// The same, borrowing from nothing.
    pub(in crate::view) fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(is_true) => Json::Bool(is_true),
            Self::Whole(number) => Json::Whole(number),
            Self::Double(number) => Json::Double(number),
            Self::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
            Self::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => Json::Object(
                members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())).collect(),
            ),
        }
    }
}

/// The integer that a double is, if it is one that 64 bits hold.
pub(in crate::view) fn whole(number: f64) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    is_whole.then_some(number as i64)
}

struct Reader<'j> {
    json: &'j [u8],
    at: usize,
}

impl<'j> Reader<'j> {
    fn value(&mut self, depth: usize) -> Option<Json<'j>> {
        match self.json.get(self.at)? {
            b'{' if depth < DEPTH_MAX => self.object(depth + 1),
            b'[' if depth < DEPTH_MAX => self.array(depth + 1),
            b'{' | b'[' => None,
            b'"' => self.string().map(Json::Text),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json<'j>> {
        let mut members: Vec<(Cow<'j, str>, Json<'j>)> = Vec::new();
        self.at += 1;
        while !self.take(b'}') {
            if !members.is_empty() && !self.take(b',') {
                return None;
            }
            let name = self.string()?;
            if !self.take(b':') {
                return None;
            }
            members.push((name, self.value(depth)?));
        }
        if !members.is_sorted_by(|(left, _), (right, _)| left < right) {
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            // The sort is stable, and the later of two equal names is kept.
            members.dedup_by(|later, kept| {
                let is_twice = later.0 == kept.0;
                if is_twice {
                    std::mem::swap(later, kept);
                }
                is_twice
            });
        }
        Some(Json::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Json<'j>> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.take(b']') {
            if !items.is_empty() && !self.take(b',') {
                return None;
            }
            items.push(self.value(depth)?);
        }
        Some(Json::Array(items))
    }

    fn string(&mut self) -> Option<Cow<'j, str>> {
        if self.json.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at;
        self.at = string_end(self.json, start)?;
        name(self.json.get(start + 1..self.at - 1)?)
    }

    fn scalar(&mut self) -> Option<Json<'j>> {
        let start = self.at;
        self.at = value_end(self.json, start)?;
        match &self.json[start..self.at] {
            b"null" => Some(Json::Null),
            b"true" => Some(Json::Bool(true)),
            b"false" => Some(Json::Bool(false)),
            number @ [b'-' | b'0'..=b'9', ..] => read_number(std::str::from_utf8(number).ok()?),
            _ => None,
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }
}

fn read_number(text: &str) -> Option<Json<'static>> {
    if let Ok(number) = text.parse() {
        return Some(Json::Whole(number));
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then(|| Json::number(number))
}
