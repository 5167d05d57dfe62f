//! Which generations there may be: those that are in use, those that are being received, those that are to be cleared
//! away. Rows of any other are left over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::faults::Faults;
use crate::store::codec::Pointer;
use crate::store::fault::StoreError;
use crate::store::garbage::{Pile, What};
use crate::store::key::{self, Prefix};
use crate::store::progress;
use crate::store::state::pointed;
use crate::store::still::Still;
use crate::store::table::Table;

#[derive(Debug, Default)]
pub(super) struct Generations {
    pointers: HashMap<u16, Pointer>,
    known: BTreeMap<Prefix, ()>,
    piles: HashMap<Prefix, Piles>,
}

/// What is to be cleared away of a generation that is in use.
#[derive(Debug, Default)]
pub(super) struct Piles {
    /// Topics that have ended.
    pub(super) dead: HashSet<u64>,
    /// Offsets after and up to which publications are forgotten, by the topic's number.
    pub(super) forgotten: HashMap<u64, Vec<(u64, u64)>>,
    pub(super) count: u64,
}

impl Generations {
    pub(super) fn in_use(still: &Still, faults: &mut Faults) -> Result<Self, StoreError> {
        let mut generations = Self::default();
        for number in pointed(still)? {
            let key = Prefix::new(number, 0);
            generations.known.insert(key, ());
            let Some(pointer) = faults.note(still.get::<Pointer>(&key.row())).flatten() else { continue };
            let received = pointer.staging.as_ref().map(|staging| staging.generation);
            let in_use = Some(pointer.generation).filter(|generation| *generation > 0);
            for generation in in_use.into_iter().chain(received) {
                generations.known.insert(Prefix::new(number, generation), ());
                if generation >= pointer.next_generation {
                    let what =
                        format!("generation {generation} is not below the next one, {}", pointer.next_generation);
                    faults.add(format!("shard {number}"), what);
                }
            }
            generations.pointers.insert(number, pointer);
        }
        for row in still.rows(Table::Garbage, (Bound::Unbounded, Bound::Unbounded))? {
            let pile = row.and_then(|(key, value)| Pile::of(&key, &value));
            let Some(pile) = faults.note(pile).flatten() else { continue };
            let piles = generations.piles.entry(pile.prefix()).or_default();
            piles.count += 1;
            match pile.what() {
                What::Generation => {
                    generations.known.insert(pile.prefix(), ());
                }
                What::Number(number) => {
                    piles.dead.insert(number);
                }
                What::Items { number, after } => {
                    piles.forgotten.entry(number).or_default().push((after, pile.through()));
                }
            }
        }
        Ok(generations)
    }

    pub(super) fn pointer(&self, shard: u16) -> Option<&Pointer> {
        self.pointers.get(&shard)
    }

    pub(super) fn piles(&self, prefix: Prefix) -> Option<&Piles> {
        self.piles.get(&prefix)
    }

    /// No table has rows of any other.
    pub(super) fn check(&self, still: &Still, faults: &mut Faults) {
        for table in Table::ALL {
            let mut from = Bound::Unbounded;
            while let Some(key) = faults.note(first(still, table, from)).flatten() {
                if key == progress::KEY {
                    from = Bound::Excluded(key);
                    continue;
                }
                let Some((prefix, _)) = Prefix::of(&key) else {
                    faults.add(format!("{}: {}", table.name(), key.escape_ascii()), "it is under no shard");
                    from = Bound::Excluded(key);
                    continue;
                };
                if !self.known.contains_key(&prefix) {
                    faults.add(
                        format!("{}: {}", table.name(), key::shown(table, &key)),
                        "rows of a generation are left over",
                    );
                }
                // The end of one is the beginning of the next.
                from = match key::end_of(&prefix.row()) {
                    Bound::Excluded(end) => Bound::Included(end),
                    end => {
                        debug_assert_eq!(end, Bound::Unbounded);
                        break;
                    }
                };
            }
        }
    }
}

fn first(still: &Still, table: Table, from: Bound<Vec<u8>>) -> Result<Option<Vec<u8>>, StoreError> {
    let key = still.rows(table, (from, Bound::Unbounded))?.next_key().transpose()?;
    Ok(key.map(|key| key.to_vec()))
}
