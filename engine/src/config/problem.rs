//! What is wrong with a configuration, and where it says so.

use std::fmt;

use super::check::Contradiction;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// No one gave it.
    Default,
    /// A line of the file, counted from 1.
    Line {
        /// The file as the caller named it.
        file: String,
        /// The line.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// An option of the command line.
    Argument(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Argument(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong: a sentence with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, and what to do about it.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not TOML.
    #[error("this is not TOML: {reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// No such key.
    #[error("unknown key `{key}`, {}", instead(nearest.as_deref()))]
    UnknownKey {
        /// As it was given.
        key: String,
        /// The one that was likely meant.
        nearest: Option<String>,
    },
    /// A variable that is a known key but for its underscores.
    #[error("sections and keys are separated by two underscores: write `{nearest}`")]
    OneUnderscore {
        /// The variable that was meant.
        nearest: String,
    },
    /// Known, but of a later version.
    #[error("`{key}` ({about}) is not supported by this version: {instead}")]
    Later {
        /// The key or section.
        key: String,
        /// What it will be for.
        about: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// Another type than the key's.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The key.
        key: String,
        /// Its type.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The right type, but no value of this key.
    #[error("`{key}` cannot be {found}: {reason}")]
    BadValue {
        /// The key.
        key: String,
        /// What was given.
        found: String,
        /// What is allowed.
        reason: String,
    },
    /// A namespace that does not say which.
    #[error("a `[[namespace]]` must have a `name`")]
    NamelessNamespace,
    /// Namespaces are a list, which variables cannot spell.
    #[error("namespaces cannot be declared by the environment: use `[[namespace]]` in the file")]
    NamespaceVariable,
    /// Two values that do not fit together.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// Where to look for what an unknown key should have been.
fn instead(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("the nearest known one is `{nearest}`"),
        None => "`fanfare config example` shows those that there are".to_owned(),
    }
}

/// Everything that is wrong, in the order in which it was met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
