//! Loading: what was given, laid over the defaults, and checked as a whole.

use std::collections::BTreeMap;

use super::assign::Assignment;
use super::check::Contradiction;
use super::draft::Draft;
use super::environment;
use super::file;
use super::namespace::Namespace;
use super::problem::{Fault, Place, Problem, Problems};
use super::settings::{Config, Settings};
use crate::log::Kind;

/// Everything that can say something about a setting; what comes later wins.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<File>,
    /// Variables, of which only those of ours are looked at.
    pub environment: Vec<(String, String)>,
    /// Options of the command line.
    pub arguments: Vec<Argument>,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, for problems.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// An option that stands for a key.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The option, for problems: `--listen`.
    pub name: &'static str,
    /// The key: `server.listen`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

impl Config {
    /// The configuration that the sources make together.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    pub fn load(sources: Sources) -> Result<Self, Problems> {
        let mut loading = Loading::new(sources.file.is_none());
        if let Some(file) = sources.file {
            loading.file(&file);
        }
        for (name, value) in sources.environment {
            loading.variable(&name, &value);
        }
        for Argument { name, key, value } in sources.arguments {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            let value = loading.settings.read(&path, &value);
            loading.assign(Assignment { path, value, place: Place::Argument(name) });
        }
        loading.finish()
    }
}

impl Namespace {
    /// The one that is declared under a name by these values, as a `[[namespace]]` would by the same; what is not given
    /// has its default. It is not [checked](Self::check) yet.
    ///
    /// # Errors
    /// Every value that is none of its key, and every key that is none.
    pub fn declared(name: &str, values: &toml::Table) -> Result<Self, Vec<Fault>> {
        let mut draft = Draft::new("namespace.", &Self::new(name, Kind::Stream));
        let set = |(key, value): (&String, &toml::Value)| draft.set(std::slice::from_ref(key), value).err();
        let faults: Vec<_> = values.iter().filter_map(set).collect();
        if faults.is_empty() { Ok(draft.finish()) } else { Err(faults) }
    }
}

struct Loading {
    settings: Draft<Settings>,
    namespaces: Vec<Namespace>,
    /// Where each key was last given.
    places: BTreeMap<String, Place>,
    problems: Vec<Problem>,
}

impl Loading {
    fn new(with_demos: bool) -> Self {
        Self {
            settings: Draft::new("", &Settings::bare()),
            namespaces: if with_demos { Namespace::demos() } else { Vec::new() },
            places: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn file(&mut self, file: &File) {
        let given = file::read(&file.name, &file.text);
        self.problems.extend(given.problems);
        for assignment in given.settings {
            self.assign(assignment);
        }
        for (place, assignments) in given.namespaces {
            self.namespace(place, assignments);
        }
    }

    fn namespace(&mut self, begins: Place, assignments: Vec<Assignment>) {
        let mut draft = Draft::new("namespace.", &Namespace::new("", Kind::Stream));
        let mut places = Vec::new();
        for assignment in assignments {
            match draft.set(&assignment.path, &assignment.value) {
                Ok(()) => places.push((assignment.key(), assignment.place)),
                Err(fault) => self.problems.push(Problem { place: assignment.place, fault }),
            }
        }
        let namespace = draft.finish();
        if !places.iter().any(|(key, _)| key == "name") && self.problems.is_empty() {
            return self.problems.push(Problem { place: begins, fault: Fault::NamelessNamespace });
        }
        for (key, place) in places {
            self.places.insert(format!("namespace.{}.{key}", namespace.name), place);
        }
        self.namespaces.push(namespace);
    }

    fn variable(&mut self, name: &str, value: &str) {
        let known = self.settings.keys();
        let place = Place::Variable(name.to_owned());
        match environment::path(name, &known) {
            Ok(None) => {}
            Ok(Some(path)) => {
                let value = self.settings.read(&path, value);
                let key = path.join(".");
                match self.settings.set(&path, &value) {
                    Ok(()) => drop(self.places.insert(key, place)),
                    Err(fault) => {
                        let fault = environment::in_words_of_variables(fault, &known);
                        self.problems.push(Problem { place, fault });
                    }
                }
            }
            Err(fault) => self.problems.push(Problem { place, fault }),
        }
    }

    fn assign(&mut self, assignment: Assignment) {
        let key = assignment.key();
        match self.settings.set(&assignment.path, &assignment.value) {
            Ok(()) => drop(self.places.insert(key, assignment.place)),
            Err(fault) => self.problems.push(Problem { place: assignment.place, fault }),
        }
    }

    fn finish(self) -> Result<Config, Problems> {
        if !self.problems.is_empty() {
            return Err(Problems(self.problems));
        }
        let settings = Settings { namespaces: self.namespaces, ..self.settings.finish() };
        settings.check().map_err(|contradictions| {
            let problem = |contradiction: Contradiction| Problem {
                place: contradiction
                    .keys()
                    .iter()
                    .find_map(|key| self.places.get(key))
                    .cloned()
                    .unwrap_or(Place::Default),
                fault: contradiction.into(),
            };
            Problems(contradictions.into_iter().map(problem).collect())
        })
    }
}

#[cfg(test)]
mod tests;
