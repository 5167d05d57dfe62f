//! The TOML file, taken apart into values with their lines.

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::assign::Assignment;
use super::later;
use super::problem::{Fault, Place, Problem};

/// Key of the list of namespaces, the one list of sections.
const NAMESPACE: &str = "namespace";

/// What a file gives.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Values of sections.
    pub(super) settings: Vec<Assignment>,
    /// Values of each `[[namespace]]`, and where it begins.
    pub(super) namespaces: Vec<(Place, Vec<Assignment>)>,
    /// What could not be taken apart.
    pub(super) problems: Vec<Problem>,
}

/// Takes a file apart. Without judging its keys, except that no section of a later version is entered.
pub(super) fn read(name: &str, text: &str) -> Given {
    let reader = Reader { name, text };
    let mut given = Given::default();
    match DeTable::parse(text) {
        Ok(table) => reader.root(table.into_inner(), &mut given),
        Err(error) => {
            let place = reader.place(error.span().map_or(0, |span| span.start));
            let reason = error.message().trim_end_matches('.').replace('\n', ", ");
            given.problems.push(Problem { place, fault: Fault::Syntax { reason } });
        }
    }
    given
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn root(&self, table: DeTable<'_>, given: &mut Given) {
        for (key, value) in table {
            if key.get_ref().as_ref() == NAMESPACE {
                self.namespaces(self.place(key.span().start), value, given);
            } else {
                let place = self.place(key.span().start);
                self.value(vec![key.into_inner().into_owned()], place, value, &mut given.settings, &mut given.problems);
            }
        }
        // The parser sorts by key; people read from top to bottom.
        given.settings.sort_by_key(|assignment| line(&assignment.place));
        given.problems.sort_by_key(|problem| line(&problem.place));
    }

    fn namespaces(&self, place: Place, value: Spanned<DeValue<'_>>, given: &mut Given) {
        let DeValue::Array(items) = value.into_inner() else {
            return given.problems.push(not_a_list(place));
        };
        for item in items {
            let begins = self.place(item.span().start);
            let DeValue::Table(table) = item.into_inner() else {
                given.problems.push(not_a_list(begins));
                continue;
            };
            let mut assignments = Vec::new();
            for (key, value) in table {
                let place = self.place(key.span().start);
                self.value(vec![key.into_inner().into_owned()], place, value, &mut assignments, &mut given.problems);
            }
            assignments.sort_by_key(|assignment| line(&assignment.place));
            given.namespaces.push((begins, assignments));
        }
    }

    fn value(
        &self,
        path: Vec<String>,
        place: Place,
        value: Spanned<DeValue<'_>>,
        assignments: &mut Vec<Assignment>,
        problems: &mut Vec<Problem>,
    ) {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) if !table.is_empty() && later::covering(&path.join(".")).is_none() => {
                for (key, value) in table {
                    let place = self.place(key.span().start);
                    let path = path.iter().cloned().chain([key.into_inner().into_owned()]).collect();
                    self.value(path, place, value, assignments, problems);
                }
            }
            value => match Value::deserialize(ValueDeserializer::from(Spanned::new(span.clone(), value))) {
                Ok(value) => assignments.push(Assignment { path, value, place }),
                // The parser took it, so the one thing left that can be wrong is its size.
                Err(_) => {
                    let found = format!("`{}`", self.text.get(span).unwrap_or_default());
                    let fault =
                        Fault::BadValue { key: path.join("."), found, reason: "the number is too great".to_owned() };
                    problems.push(Problem { place, fault });
                }
            },
        }
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.as_bytes().iter().take(offset);
        Place::Line { file: self.name.to_owned(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
    }
}

fn line(place: &Place) -> usize {
    match place {
        Place::Line { line, .. } => *line,
        Place::Default | Place::Variable(_) | Place::Argument(_) => 0,
    }
}

fn not_a_list(place: Place) -> Problem {
    let fault = Fault::WrongType {
        key: NAMESPACE.to_owned(),
        expected: "a list of sections `[[namespace]]`",
        found: "one value".to_owned(),
    };
    Problem { place, fault }
}
