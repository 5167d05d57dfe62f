//! The meta group's table of namespaces, read: values become policies. A core.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::meta::Table;
use prost::Message;

use crate::log::{Durability, NamespacePolicy, Policies, Policy};

/// All namespaces, of one version of the table.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    version: u64,
    rows: BTreeMap<String, Row>,
    policies: Arc<Policies>,
}

#[derive(Debug, Clone)]
struct Row {
    version: u64,
    policy: Policy,
}

/// A row that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the namespace `{name}` was declared by a newer version of Fanfare: start that one")]
pub struct BadTable {
    /// Which.
    pub name: String,
}

/// A policy as the table holds it.
#[must_use]
pub(super) fn value(policy: &Policy) -> Bytes {
    NamespacePolicy::from(policy).encode_to_vec().into()
}

impl Declared {
    /// Reads a table.
    ///
    /// # Errors
    /// When a row is none of this version's.
    pub fn read(table: &Table) -> Result<Self, BadTable> {
        let mut rows = BTreeMap::new();
        for (name, row) in table.rows() {
            let bad = || BadTable { name: name.to_owned() };
            let message = NamespacePolicy::decode(row.value.clone()).map_err(|_| bad())?;
            let policy = Policy::try_from(message).map_err(|_| bad())?;
            let policy = Policy { name: name.to_owned(), ..policy };
            rows.insert(name.to_owned(), Row { version: row.version, policy });
        }
        Ok(Self::new(table.version(), rows))
    }

    fn new(version: u64, rows: BTreeMap<String, Row>) -> Self {
        let policies = Arc::new(Policies::new(rows.values().map(|row| row.policy.clone())));
        Self { version, rows, policies }
    }

    /// As if these had been seeded.
    #[cfg(test)]
    pub(super) fn of(policies: impl IntoIterator<Item = Policy>) -> Self {
        let row = |policy: Policy| (policy.name.clone(), Row { version: 1, policy });
        Self::new(1, policies.into_iter().map(row).collect())
    }

    /// Of the table.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same, for whoever looks up what covers a topic.
    #[must_use]
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// A namespace that is declared, and the version since which it is as it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&Policy, u64)> {
        self.rows.get(name).map(|row| (&row.policy, row.version))
    }

    /// All of them, in the order of their names.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (&Policy, u64)> {
        self.rows.values().map(|row| (&row.policy, row.version))
    }

    /// One that is about to have another durability, the first by name.
    #[must_use]
    pub fn moving(&self) -> Option<(&Policy, u64, Durability)> {
        self.rows.values().find_map(|row| Some((&row.policy, row.version, row.policy.moving_to?)))
    }

    /// A namespace whose topics are kept otherwise, or are about to be, than by what covered them before.
    #[must_use]
    pub fn moved_since(&self, before: &Self) -> Option<&str> {
        let is_moved = |row: &&Row| {
            let covered = before.policies.of(&row.policy.name);
            (covered.durability, covered.moving_to) != (row.policy.durability, row.policy.moving_to)
        };
        self.rows.values().find(is_moved).map(|row| row.policy.name.as_str())
    }

    /// Whether that one is.
    #[must_use]
    pub fn is_moving(&self, name: &str) -> bool {
        self.rows.get(name).is_some_and(|row| row.policy.moving_to.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Kind;

    fn policy(name: &str, durability: Durability) -> Policy {
        Policy { durability, ..Policy::new(name, Kind::Stream) }
    }

    #[test]
    fn a_changed_durability_is_noticed_and_nothing_else_is_minded() {
        let (kept, lost) = (Durability::Replicated, Durability::Ephemeral);
        let before = Declared::of([policy("default", kept), policy("chat", kept), policy("typing", lost)]);
        let moved = |after: &Policy| {
            let after = Declared::of([after.clone()]);
            after.moved_since(&before).map(str::to_owned)
        };
        let longer = Policy { history_count: 7, ..policy("chat", kept) };
        for same in [longer, policy("typing", lost), policy("new", kept)] {
            assert_eq!(moved(&same), None);
        }
        let moving = Policy { moving_to: Some(lost), ..policy("chat", kept) };
        for other in [moving, policy("chat", lost), policy("typing", kept), policy("new", lost)] {
            assert_eq!(moved(&other), Some(other.name));
        }
    }
}
