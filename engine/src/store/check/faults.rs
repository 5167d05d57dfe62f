//! Faults as they are found: all are counted, the first ones kept.

use super::{FAULTS_MAX, Fault};
use crate::store::fault::StoreError;

#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    count: u64,
}

impl Faults {
    pub(super) fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.count += 1;
        if self.list.len() < FAULTS_MAX {
            self.list.push(Fault { place: place.into(), what: what.into() });
        }
    }

    /// One unless it holds.
    pub(super) fn expect(&mut self, holds: bool, place: impl FnOnce() -> String, what: impl FnOnce() -> String) {
        if !holds {
            self.add(place(), what());
        }
    }

    /// What could be read; what could not is a fault.
    pub(super) fn note<T>(&mut self, read: Result<T, StoreError>) -> Option<T> {
        let error = match read {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        match error {
            StoreError::CorruptRow { table, key, what } => self.add(format!("{table}: {key}"), what),
            StoreError::CorruptTable { table, near, what } => self.add(format!("{table}: {near}"), what),
            StoreError::CorruptFile { path, offset, what } => {
                self.add(format!("{}, byte {offset}", path.display()), what);
            }
            StoreError::Format { place, found, known } => {
                self.add(place, format!("it is of version {found}, this program reads up to {known}"));
            }
            other => self.add("state", other.to_string()),
        }
        None
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn into_list(self) -> Vec<Fault> {
        self.list
    }
}
