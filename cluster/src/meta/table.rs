//! A table of named values, as everyone who reads it sees it: whole, and of one version.

use std::collections::BTreeMap;

use bytes::Bytes;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    pub(super) version: u64,
    pub(super) rows: BTreeMap<String, Row>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The version of the table that this value came with.
    pub version: u64,
    /// What only the reader understands.
    pub value: Bytes,
}

impl Table {
    /// Grows by one with each change; 0 until there was any.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A row.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Row> {
        self.rows.get(name)
    }

    /// All rows, in the order of their names.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (&str, &Row)> {
        self.rows.iter().map(|(name, row)| (name.as_str(), row))
    }
}
