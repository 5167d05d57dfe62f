//! What the meta group's entries do: the same commands give the same tables on every replica. A core.

use std::sync::Arc;

use bytes::Bytes;

use super::answer::{Outcome, Refused};
use super::command::{Put, Seed, Verb};
use super::table::{Row, Table};

/// Namespaces of a cluster: 1,000. All of them are told to every shard in one command, and a thousand policies of some
/// 100 bytes are what such a command should carry.
pub const NAMESPACES_MAX: usize = 1_000;

/// The name of a row: 255 bytes, as a topic's.
pub const NAME_BYTES_MAX: usize = 255;

/// The value of a row: 1 KiB, twice the largest policy of a namespace. All rows stay within 1.3 MiB.
pub const VALUE_BYTES_MAX: usize = 1_024;

/// All tables. Behind an `Arc` each, because readers hold on to the one that they have seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MetaState {
    pub(super) namespaces: Arc<Table>,
}

impl MetaState {
    /// Applies one command.
    pub(super) fn apply(&mut self, command: Bytes) -> Result<Outcome, Refused> {
        match Verb::decode(command)? {
            Verb::PutNamespace(put) => self.put(put),
            Verb::SeedNamespaces(seed) => self.seed(seed),
        }
    }

    fn put(&mut self, Put { name, value, if_version }: Put) -> Result<Outcome, Refused> {
        check(&name, &value)?;
        let row = self.namespaces.rows.get(&name);
        let current = row.map_or(0, |row| row.version);
        if if_version.is_some_and(|wanted| wanted != current) {
            return Err(Refused::Conflict { current });
        }
        match row {
            Some(row) if row.value == value => return Ok(Outcome::Unchanged { version: row.version }),
            None if self.namespaces.rows.len() >= NAMESPACES_MAX => return Err(Refused::TableFull),
            Some(_) | None => {}
        }
        let table = Arc::make_mut(&mut self.namespaces);
        table.version += 1;
        table.rows.insert(name, Row { version: table.version, value });
        Ok(Outcome::Changed { version: table.version })
    }

    /// A table that was seeded with nothing was seeded all the same.
    fn seed(&mut self, Seed { rows }: Seed) -> Result<Outcome, Refused> {
        let version = self.namespaces.version;
        if version > 0 {
            return Ok(Outcome::Unchanged { version });
        }
        if rows.len() > NAMESPACES_MAX {
            return Err(Refused::TableFull);
        }
        rows.iter().try_for_each(|row| check(&row.name, &row.value))?;
        let version = 1;
        let rows = rows.into_iter().map(|row| (row.name, Row { version, value: row.value })).collect();
        self.namespaces = Arc::new(Table { version, rows });
        Ok(Outcome::Changed { version })
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let Table { version, rows } = &*self.namespaces;
        assert!(rows.len() <= NAMESPACES_MAX);
        for (name, row) in rows {
            assert_eq!(check(name, &row.value), Ok(()));
            assert!((1..=*version).contains(&row.version), "a row is as old as a table was");
        }
    }
}

/// Names and values of later tables have the same bounds.
fn check(name: &str, value: &Bytes) -> Result<(), Refused> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && value.len() <= VALUE_BYTES_MAX;
    if fits { Ok(()) } else { Err(Refused::BadRow) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::command::Named;
    use super::*;

    fn put(name: &str, value: &str, if_version: Option<u64>) -> Bytes {
        let value = Bytes::from(value.to_owned());
        Verb::PutNamespace(Put { name: name.to_owned(), value, if_version }).into_command()
    }

    fn seed(rows: &[(&str, &str)]) -> Bytes {
        let named =
            |(name, value): &(&str, &str)| Named { name: (*name).to_owned(), value: Bytes::from((*value).to_owned()) };
        Verb::SeedNamespaces(Seed { rows: rows.iter().map(named).collect() }).into_command()
    }

    #[test]
    fn a_put_gives_the_table_and_the_row_a_new_version() {
        let mut state = MetaState::default();
        assert_eq!(state.apply(put("a", "1", None)), Ok(Outcome::Changed { version: 1 }));
        assert_eq!(state.apply(put("b", "1", None)), Ok(Outcome::Changed { version: 2 }));
        assert_eq!(state.apply(put("a", "2", None)), Ok(Outcome::Changed { version: 3 }));
        let versions: Vec<_> = state.namespaces.rows().map(|(name, row)| (name, row.version)).collect();
        assert_eq!((versions, state.namespaces.version()), (vec![("a", 3), ("b", 2)], 3));
    }

    #[test]
    fn the_same_value_again_changes_nothing() {
        let mut state = MetaState::default();
        state.apply(put("a", "1", None)).unwrap();
        state.apply(put("b", "1", None)).unwrap();
        assert_eq!(state.apply(put("a", "1", None)), Ok(Outcome::Unchanged { version: 1 }));
        assert_eq!(state.namespaces.version(), 2);
    }

    #[test]
    fn a_put_on_condition_is_refused_when_the_row_has_moved_on() {
        let mut state = MetaState::default();
        assert_eq!(state.apply(put("a", "1", Some(1))), Err(Refused::Conflict { current: 0 }));
        assert_eq!(state.apply(put("a", "1", Some(0))), Ok(Outcome::Changed { version: 1 }));
        assert_eq!(state.apply(put("a", "2", Some(0))), Err(Refused::Conflict { current: 1 }));
        assert_eq!(state.apply(put("a", "2", Some(1))), Ok(Outcome::Changed { version: 2 }));
    }

    #[test]
    fn only_a_table_that_never_held_anything_is_seeded() {
        let mut state = MetaState::default();
        assert_eq!(state.apply(seed(&[("a", "1"), ("b", "2")])), Ok(Outcome::Changed { version: 1 }));
        assert_eq!(state.apply(seed(&[("c", "3")])), Ok(Outcome::Unchanged { version: 1 }));
        assert!(state.namespaces.get("c").is_none());
        let mut empty = MetaState::default();
        assert_eq!(empty.apply(seed(&[])), Ok(Outcome::Changed { version: 1 }));
        assert_eq!(empty.apply(seed(&[("c", "3")])), Ok(Outcome::Unchanged { version: 1 }));
    }

    #[test]
    fn tables_names_and_values_have_bounds() {
        let mut state = MetaState::default();
        for number in 0..NAMESPACES_MAX {
            assert!(state.apply(put(&number.to_string(), "", None)).is_ok());
        }
        assert_eq!(state.apply(put("more", "", None)), Err(Refused::TableFull));
        assert!(state.apply(put("0", "x", None)).is_ok(), "what is there can still be changed");
        for (name, value) in [("", "x".to_owned()), (&"n".repeat(256), "x".to_owned()), ("0", "v".repeat(1_025))] {
            assert_eq!(state.apply(put(name, &value, None)), Err(Refused::BadRow));
        }
        let many: Vec<String> = (0..=NAMESPACES_MAX).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(MetaState::default().apply(seed(&many)), Err(Refused::TableFull));
        assert_eq!(state.apply(Bytes::from_static(b"\xff")), Err(Refused::Unreadable));
        state.check();
    }

    #[test]
    fn a_reader_keeps_the_table_that_it_has_seen() {
        let mut state = MetaState::default();
        state.apply(put("a", "1", None)).unwrap();
        let seen = Arc::clone(&state.namespaces);
        state.apply(put("a", "2", None)).unwrap();
        assert_eq!((seen.version(), state.namespaces.version()), (1, 2));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Put(u8, u8, Option<u64>),
        Seed(Vec<(u8, u8)>),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            9 => (0..4u8, 0..3u8, proptest::option::of(0..6u64)).prop_map(|(name, value, at)| Act::Put(name, value, at)),
            1 => proptest::collection::vec((0..4u8, 0..3u8), 0..4).prop_map(Act::Seed),
        ];
        proptest::collection::vec(act, 0..40)
    }

    proptest! {
        #[test]
        fn a_table_holds_what_was_put_last_and_every_change_has_a_version_of_its_own(acts in acts()) {
            let mut state = MetaState::default();
            let mut model: BTreeMap<String, (u64, String)> = BTreeMap::new();
            let mut version = 0;
            for act in acts {
                let before = state.clone();
                let answer = match &act {
                    Act::Put(name, value, at) => state.apply(put(&name.to_string(), &value.to_string(), *at)),
                    Act::Seed(rows) => {
                        let rows: Vec<_> = rows.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
                        let rows: Vec<_> = rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                        state.apply(seed(&rows))
                    }
                };
                if let Ok(Outcome::Changed { version: changed }) = answer {
                    version += 1;
                    prop_assert_eq!(changed, version);
                    let mut insert = |(name, value): (u8, u8)| model.insert(name.to_string(), (version, value.to_string()));
                    match act {
                        Act::Put(name, value, _) => drop(insert((name, value))),
                        Act::Seed(rows) => rows.into_iter().for_each(|row| drop(insert(row))),
                    }
                } else {
                    prop_assert_eq!(&before, &state);
                }
                state.check();
                let held: BTreeMap<_, _> = state.namespaces.rows()
                    .map(|(name, row)| (name.to_owned(), (row.version, String::from_utf8(row.value.to_vec()).unwrap())))
                    .collect();
                prop_assert_eq!(&held, &model);
                prop_assert_eq!(state.namespaces.version(), version);
            }
        }
    }
}
