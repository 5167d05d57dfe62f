//! What has to follow what: the facts, every shard once and in order with all of its pieces, the namespaces, the end. A core.

use super::part::{End, Part};

/// Where a backup has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Beginning,
    /// So many shards are whole, of so many; the next one has had that many pieces, if it has begun.
    Shards {
        done: u32,
        shards: u32,
        pieces: Option<u64>,
    },
    Namespaces,
    Over,
}

impl Order {
    /// Takes the next part.
    ///
    /// # Errors
    /// Why it cannot be the next one.
    pub(super) fn step(&mut self, part: &Part) -> Result<(), &'static str> {
        *self = match (*self, part) {
            (Self::Over, _) => return Err("something follows its end"),
            (_, Part::GivenUp(_)) => Self::Over,
            (Self::Beginning, Part::Begin(begin)) => Self::Shards { done: 0, shards: begin.shards, pieces: None },
            (Self::Shards { done, shards, pieces }, Part::Shard(next)) => {
                let done = if pieces.is_some() { done + 1 } else { done };
                if pieces == Some(0) {
                    return Err("a shard has no pieces");
                }
                if next.shard != done || next.shard >= shards {
                    return Err("a shard is missing, or not of this cluster");
                }
                Self::Shards { done, shards, pieces: Some(0) }
            }
            (Self::Shards { done, shards, pieces: Some(pieces) }, Part::Piece(piece)) if piece.shard == done => {
                Self::Shards { done, shards, pieces: Some(pieces + 1) }
            }
            (Self::Shards { done, shards, pieces: Some(1..) }, Part::Namespaces(_)) if done + 1 == shards => {
                Self::Namespaces
            }
            (Self::Namespaces, Part::End(_)) => Self::Over,
            _ => return Err("a part does not follow the one before it"),
        };
        Ok(())
    }
}

/// What the end has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) pieces: u64,
}

impl Tally {
    pub(super) fn count(&mut self, part: &Part) {
        self.pieces += u64::from(matches!(part, Part::Piece(_)));
    }

    pub(super) fn end(self, bytes: u64, digest: u128) -> End {
        End::new(self.pieces, bytes, digest)
    }
}

#[cfg(test)]
mod tests {
    use fanfare_cluster::{Position, SnapshotId};

    use super::super::part::{Begin, Namespaces, Piece, Shard};
    use super::*;

    fn shard(shard: u32) -> Part {
        Part::Shard(Shard::new(shard, &SnapshotId { position: Position::default(), view: 0 }))
    }

    fn piece(shard: u32) -> Part {
        Part::Piece(Piece { shard, ..Piece::default() })
    }

    fn whole() -> Vec<Part> {
        let begin = Part::Begin(Begin { shards: 2, ..Begin::default() });
        let (namespaces, end) = (Part::Namespaces(Namespaces::default()), Part::End(End::default()));
        vec![begin, shard(0), piece(0), piece(0), shard(1), piece(1), namespaces, end]
    }

    fn refused(parts: &[Part]) -> Option<usize> {
        let mut order = Order::default();
        parts.iter().position(|part| order.step(part).is_err())
    }

    #[test]
    fn the_parts_of_a_whole_backup_follow_each_other() {
        let mut order = Order::default();
        whole().iter().for_each(|part| order.step(part).expect("it is the next one"));
        assert_eq!(order, Order::Over);
    }

    #[test]
    fn what_is_missing_doubled_or_in_another_place_is_noticed() {
        // The second piece of shard 0 may be missing: the pieces themselves tell, and the count at the end.
        for missing in [0, 1, 2, 4, 5, 6] {
            let mut parts = whole();
            parts.remove(missing);
            parts.retain(|part| missing != 2 || *part != piece(0));
            assert!(refused(&parts).is_some(), "without {missing}");
        }
        for doubled in [0, 1, 4, 6, 7] {
            let mut parts = whole();
            parts.insert(doubled, parts[doubled].clone());
            assert_eq!(refused(&parts), Some(doubled + 1));
        }
        let mut swapped = whole();
        swapped.swap(2, 5);
        assert_eq!(refused(&swapped), Some(2));
    }

    #[test]
    fn it_can_be_given_up_anywhere_and_then_is_over() {
        for at in 0..whole().len() {
            let mut order = Order::default();
            whole()[..at].iter().for_each(|part| order.step(part).expect("it is the next one"));
            let given_up = order.step(&Part::GivenUp("why".to_owned()));
            assert_eq!(given_up.is_ok(), at < whole().len());
            assert!(order.step(&whole()[0]).is_err());
        }
    }
}
