//! Why a filter is refused: in one sentence that says where and what.

use fanfare_protocol::spelling::nearest;
use fanfare_protocol::{Code, Error};

/// A no to a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is no expression, or one that means nothing here.
    #[error("{0}")]
    Bad(String),
    /// It may take longer, or more memory, than a filter is given.
    #[error("{0}")]
    TooCostly(String),
}

impl Refusal {
    pub(super) fn into_error(self, parameter: &str) -> Error {
        let code = match self {
            Self::Bad(_) => Code::BadFilter,
            Self::TooCostly(_) => Code::FilterTooCostly,
        };
        Error::of(code).with_parameter(parameter).with_message(format!("`{parameter}`: {self}"))
    }
}

/// What to write in the place of a name that is not known: the one of `known` that was likely meant, else any of them.
pub(super) fn instead(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`"),
        None => format!("there are `{}`", known.join("`, `")),
    }
}

/// So much of the input as a sentence should quote.
pub(super) fn quoted(input: &str) -> &str {
    &input[..input.floor_char_boundary(64)]
}

/// Where a name stands in a text, for people: `line 1, column 5: `. Empty when it does not stand there.
pub(super) fn place(text: &str, name: &str) -> String {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let found = text
        .match_indices(name)
        .find(|(at, _)| !text[..*at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part));
    let Some((at, _)) = found else { return String::new() };
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: ")
}
