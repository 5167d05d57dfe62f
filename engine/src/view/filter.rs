//! `filter` and `where.…`: which events a view delivers. Compiled once for a view, run once for each event, and bounded in both, so
//! that whoever may watch may bring a filter of their own.
//!
//! The language is CEL. The crate `cel` reads it; what it means for an event is run here (`evaluate`), because a filter of a
//! stranger needs bounds that the crate's interpreter does not have. The two are compared by a property test. What has no value
//! (the key of an event without one, the data of a delete, bytes) is null. `where.data.PATH` goes through objects only.
//!
//! Many views ask for one value of one path each. `index` names such a pair, so that they can be found by their value instead of
//! being run one by one.

mod arithmetic;
mod call;
mod compile;
mod comprehension;
mod evaluate;
mod expression;
mod parse;
mod path;
mod pattern;
mod refusal;
mod region;
#[cfg(test)]
mod tests;
mod value;

pub use path::{CanonicalValue, Path};

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use fanfare_protocol::Error;

use self::expression::{Node, Operator, Variable};
use self::refusal::Refusal;
use super::facts::Facts;
use super::json::Json;

/// Equalities of one view.
const EQUALITY_COUNT_MAX: usize = 16;

/// One equality, its path and its value: both are kept with the view.
const EQUALITY_BYTES_MAX: usize = 1024;

/// A condition on events. Equal ones are those with equal texts, by which views are shared.
#[derive(Clone, Debug)]
pub struct Filter {
    equalities: Box<[Equality]>,
    expression: Option<Node>,
    key: Option<(Path, CanonicalValue)>,
    canonical: Box<str>,
}

/// `where.PATH=VALUE`.
#[derive(Clone, Debug)]
struct Equality {
    path: Path,
    value: Json<'static>,
    canonical: Option<CanonicalValue>,
}

impl Filter {
    /// Of the parameter `filter` and those that begin with `where.`, by what stands behind it (`key`, `data.PATH`,
    /// `attributes.NAME`). All of them have to hold; without any, every event matches.
    ///
    /// # Errors
    /// BAD_FILTER or FILTER_TOO_COSTLY, with the parameter and a sentence that says where and what.
    pub fn compile(filter: Option<&str>, equalities: &BTreeMap<String, String>) -> Result<Self, Error> {
        if equalities.len() > EQUALITY_COUNT_MAX {
            let refusal = Refusal::TooCostly(format!("more than {EQUALITY_COUNT_MAX} equalities"));
            return Err(refusal.into_error("where"));
        }
        let mut canonical = String::new();
        let mut list = Vec::new();
        for (path, value) in equalities {
            let equality = Equality::read(path, value);
            list.push(equality.map_err(|refusal| refusal.into_error(&format!("where.{}", refusal::quoted(path))))?);
            // Quoted, so that no value can pass for the beginning of the next.
            let _ = writeln!(canonical, "where.{path:?}={value:?}");
        }
        let text = filter.map(str::trim);
        let expression = text.map(compile::compile).transpose().map_err(|refusal| refusal.into_error("filter"))?;
        canonical.push_str(text.unwrap_or_default());
        let key = list
            .iter()
            .find_map(|Equality { path, canonical, .. }| Some((path.clone(), canonical.clone()?)))
            .or_else(|| key_of(expression.as_ref()?));
        Ok(Self { equalities: list.into(), expression, key, canonical: canonical.into() })
    }

    /// Whether the event is one of the view's. An expression that fails on it, because a member is missing, a type is another or
    /// a bound is reached, does not match.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.equalities.iter().all(|equality| equality.holds(facts))
            && self.expression.as_ref().is_none_or(|expression| evaluate::is_true(expression, facts))
    }

    /// Whether it may match a put of this event's key at all, whatever else is in it.
    #[must_use]
    pub fn takes_key(&self, facts: &Facts<'_>) -> bool {
        let of_key = |path: &Path| *path == Path::Key;
        self.equalities.iter().filter(|equality| of_key(&equality.path)).all(|equality| equality.holds(facts))
            && self
                .key
                .as_ref()
                .filter(|(path, _)| of_key(path))
                .is_none_or(|(path, value)| facts.canonical(path).as_ref() == Some(value))
    }

    /// A value that an event must have at a path for this filter to match it: where `facts.canonical(path)` gives another, or
    /// none, it does not match. `None` when there is no such pair.
    #[must_use]
    pub fn index(&self) -> Option<(&Path, &CanonicalValue)> {
        self.key.as_ref().map(|(path, value)| (path, value))
    }

    /// The text by which views are shared: the equalities in order, then the expression.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl Equality {
    fn read(path: &str, text: &str) -> Result<Self, Refusal> {
        if path.len() + text.len() > EQUALITY_BYTES_MAX {
            return Err(Refusal::TooCostly(format!("longer than {EQUALITY_BYTES_MAX} bytes")));
        }
        let Some(path) = Path::read(path) else {
            return Err(Refusal::Bad("expected `key`, `data.PATH` or `attributes.NAME` after `where.`".to_owned()));
        };
        let compact = fanfare_protocol::compact(text.to_owned().into(), super::json::DEPTH_MAX).unwrap_or_default();
        let value = match (&path, Json::read(&compact).map(Json::into_owned)) {
            // Keys and attributes are strings, so that `5` can only mean the string.
            (Path::Data(_), Some(value)) | (_, Some(value @ Json::Text(_))) => value,
            _ => Json::Text(text.to_owned().into()),
        };
        Ok(Self { path, canonical: CanonicalValue::of(&value), value })
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        let is_text =
            |text: Option<&str>| matches!((&self.value, text), (Json::Text(value), Some(text)) if value == text);
        match &self.path {
            Path::Key => is_text(facts.key()),
            Path::Attribute(name) => is_text(facts.attributes().get(&**name).map(String::as_str)),
            Path::Data(steps) => facts.datum(steps, |value| *value == self.value) == Some(true),
        }
    }
}

/// An equality that has to hold for the expression to be true: the whole of it, or one side of its `&&`.
fn key_of(node: &Node) -> Option<(Path, CanonicalValue)> {
    match node {
        Node::And(both) => both.iter().find_map(key_of),
        Node::Binary(Operator::Equal, both) => match &**both {
            [place, Node::Literal(literal)] | [Node::Literal(literal), place] => {
                let path = match place {
                    Node::Variable(Variable::Key) => Path::Key,
                    Node::Attribute(name) => Path::Attribute(name.clone()),
                    Node::Data(steps) => Path::Data(steps.clone()),
                    _ => return None,
                };
                let value = literal.canonical()?;
                // An event without a key has none in the index either, and yet `key == null`.
                (path != Path::Key || value != CanonicalValue::Null).then_some((path, value))
            }
            _ => None,
        },
        _ => None,
    }
}
