//! The rows of one table that are under topic numbers, walked through once beside the topics in the order of their
//! numbers.

use std::collections::HashSet;

use fjall::Slice;

use super::faults::Faults;
use crate::store::fault::StoreError;
use crate::store::key::{self, PREFIX_BYTES, Prefix};
use crate::store::still::{Cursor, Still};
use crate::store::table::Table;

pub(super) struct Lane {
    table: Table,
    rows: Cursor,
    next: Option<NumberedRow>,
    /// Said once for each.
    unknown: Option<u64>,
}

struct NumberedRow {
    number: u64,
    key: Slice,
    value: Slice,
}

impl Lane {
    pub(super) fn new(still: &Still, table: Table, prefix: Prefix, faults: &mut Faults) -> Result<Self, StoreError> {
        let mut lane = Self { table, rows: still.rows(table, prefix.all())?, next: None, unknown: None };
        lane.step(faults);
        Ok(lane)
    }

    fn step(&mut self, faults: &mut Faults) {
        self.next = None;
        for row in self.rows.by_ref() {
            let Some((key, value)) = faults.note(row) else { return };
            let numbered = key.get(PREFIX_BYTES..).and_then(key::split_number).map(|(number, _)| number);
            if let Some(number) = numbered {
                self.next = Some(NumberedRow { number, key, value });
                return;
            }
            faults
                .add(format!("{}: {}", self.table.name(), key::shown(self.table, &key)), "it is under no topic number");
        }
    }

    /// Gives the rows of a topic. Those before it are of no topic that there is.
    pub(super) fn of(
        &mut self,
        number: u64,
        dead: &HashSet<u64>,
        faults: &mut Faults,
        mut take: impl FnMut(&[u8], &[u8], &mut Faults),
    ) {
        while let Some(row) = self.next.take_if(|row| row.number <= number) {
            if row.number == number {
                take(&row.key, &row.value, faults);
            } else {
                self.ownerless(&row, dead, faults);
            }
            self.step(faults);
        }
    }

    /// What is left is of no topic that there is.
    pub(super) fn finish(mut self, dead: &HashSet<u64>, faults: &mut Faults) {
        while let Some(row) = self.next.take() {
            self.ownerless(&row, dead, faults);
            self.step(faults);
        }
    }

    fn ownerless(&mut self, row: &NumberedRow, dead: &HashSet<u64>, faults: &mut Faults) {
        if !dead.contains(&row.number) && self.unknown.replace(row.number) != Some(row.number) {
            let place = format!("{}: {}", self.table.name(), key::shown(self.table, &row.key));
            faults.add(place, "there is no topic of that number, and it is not marked to be cleared away");
        }
    }
}
