//! Puts the groups together from the records of all segments, oldest first, and judges which of them can be trusted.
//!
//! The danger of a hole is not the missing entry, it is the missing call that nobody misses: a vote, a truncation whose
//! entries were written again, a purge. So every record carries its turn, the count of its group's records before it,
//! and a group is trusted across a hole only on evidence:
//!
//! 1. **A later record of the group in turn** shows that none was lost.
//! 2. **The opening of a later segment** that equals what was read shows the same, and shows for groups that it does not
//!    name that they did not exist. One that differs replaces what was read: vote, purge and turn are known again, but
//!    the entries from before that opening stay under suspicion until they are purged or truncated.
//! 3. A damaged payload under a sound head costs that entry, or, if it is not an entry, that group.
//! 4. Every other group is at fault: it may have lost its last calls. So are groups that no record names.
//!
//! A group at fault is told so at every call and writes nothing more, hence its state stays what it was; each later
//! segment opens with a doubt in its place. A doubt says nothing: the group is judged by the segments before it, so that
//! it is whole again if a lost file is put back, and at fault if they have been let go.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::damage::{Damage, What};
use super::engine::{GroupId, Purged};
use super::held::{Held, Slot};
use super::record::{Head, Kind, Place};
use super::summary::Summary;

/// Stands for all groups that an opening does not name.
pub(super) const OTHERS: GroupId = GroupId(u32::MAX);

/// The groups so far.
#[derive(Debug, Default)]
pub(super) struct Replay {
    groups: BTreeMap<GroupId, Replayed>,
    /// Where records of any group may have been lost.
    holes: Vec<Damage>,
    /// Of a group that is not known no record can have been lost in so many of the holes.
    others_sure: usize,
    damages: Vec<Damage>,
    opening: Option<Opening>,
}

/// The opening that is being read.
#[derive(Debug)]
struct Opening {
    segment: u64,
    /// No segment before it is there.
    is_oldest: bool,
    others_in_doubt: bool,
    damage: Option<Damage>,
}

#[derive(Debug, Default)]
struct Replayed {
    held: Held,
    /// Its records in so many of the holes are known.
    sure: usize,
    /// A call of it was lost.
    lost: Option<Damage>,
    /// Entries below this index may be others than those that were written.
    suspect: Option<(u64, Damage)>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) groups: BTreeMap<GroupId, Judged>,
    /// Why groups that no record names may have been lost.
    pub(super) others: Option<Damage>,
    /// Everything that is damaged, whether a group suffers from it or not.
    pub(super) damages: Vec<Damage>,
}

/// A group, and why it cannot be trusted.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) held: Held,
    pub(super) damage: Option<Damage>,
}

impl Replay {
    /// Something was here: records of any group.
    pub(super) fn hole(&mut self, damage: Damage) {
        self.damages.push(damage.clone());
        match &mut self.opening {
            // No call is lost with an opening, only what it says of earlier ones.
            Some(opening) => drop(opening.damage.get_or_insert(damage)),
            None => self.holes.push(damage),
        }
    }

    /// Something is wrong that costs nobody a record.
    pub(super) fn oddity(&mut self, damage: Damage) {
        self.damages.push(damage);
    }

    /// A segment begins; up to [`Self::opened`] its opening is read.
    pub(super) fn begin(&mut self, segment: u64, is_oldest: bool) {
        self.opening = Some(Opening { segment, is_oldest, others_in_doubt: false, damage: None });
    }

    /// The opening was read.
    pub(super) fn opened(&mut self) {
        let Some(opening) = self.opening.take() else { return };
        match opening.damage {
            Some(damage) if opening.is_oldest => {
                self.holes.push(damage);
                let holes = self.holes.len();
                self.groups.values_mut().filter(|group| group.lost.is_none()).for_each(|group| group.sure = holes);
            }
            Some(_) => {}
            None if opening.others_in_doubt => {}
            None => self.others_sure = self.holes.len(),
        }
    }

    /// A sound record.
    pub(super) fn record(&mut self, place: Place, head: &Head, payload: &[u8]) {
        let wrong = Damage { group: Some(head.group), ..Damage::new(place.segment, place.offset.into(), What::Order) };
        match (head.kind, &self.opening) {
            (Kind::Mark, _) => {}
            (Kind::Opening, Some(_)) => match Summary::decode(payload, head.turn) {
                Some(summary) => self.group_opening(head.group, summary, wrong),
                None => self.damaged(place, head),
            },
            (Kind::Doubt, Some(_)) => self.doubt(head.group, Damage::decode(payload).unwrap_or(wrong)),
            (Kind::Entry | Kind::Vote | Kind::Truncate | Kind::Purge, None) => {
                if let Some(group) = self.in_turn(head, &wrong) {
                    group.apply(place, head, payload, wrong);
                }
            }
            _ => self.hole(wrong),
        }
    }

    /// A record whose payload is damaged.
    pub(super) fn damaged(&mut self, place: Place, head: &Head) {
        let what = Damage { group: Some(head.group), ..Damage::new(place.segment, place.offset.into(), What::Payload) };
        match head.kind {
            Kind::Entry | Kind::Vote | Kind::Truncate | Kind::Purge if self.opening.is_none() => {
                self.damages.push(what.clone());
                if let Some(group) = self.in_turn(head, &what) {
                    group.apply_damaged(place, head, what);
                }
            }
            _ => self.hole(Damage { group: None, ..what }),
        }
    }

    /// The group of a record, if it is the one that comes next and nothing was lost of it before.
    fn in_turn(&mut self, head: &Head, wrong: &Damage) -> Option<&mut Replayed> {
        let sure = self.others_sure;
        let group = self.groups.entry(head.group).or_insert_with(|| Replayed { sure, ..Replayed::default() });
        if group.lost.is_none() && group.held.summary.turn == head.turn {
            group.sure = self.holes.len();
            return Some(group);
        }
        if group.lost.is_none() {
            let hole = self.holes.get(group.sure).cloned();
            if hole.is_none() {
                self.damages.push(wrong.clone());
            }
            group.lost = Some(hole.unwrap_or_else(|| wrong.clone()));
        }
        None
    }

    fn group_opening(&mut self, group: GroupId, summary: Summary, wrong: Damage) {
        let Some(opening) = &self.opening else { return };
        let holes = self.holes.len();
        if let Some(known) = self.groups.get_mut(&group)
            && known.lost.is_none()
            && known.held.summary == summary
        {
            known.sure = holes;
            return;
        }
        let before = self.groups.remove(&group);
        let sure = before.as_ref().map_or(self.others_sure, |before| before.sure);
        let lost = before.and_then(|before| before.lost);
        let suspect = (summary.count() > 0).then(|| {
            let missing = Damage::new(opening.segment.saturating_sub(1), 0, What::Missing);
            let hole = || self.holes.get(sure).cloned();
            let damage = lost.or_else(hole).unwrap_or(if opening.is_oldest { missing } else { wrong });
            (summary.next().unwrap_or_default(), damage)
        });
        let held = Held::from_summary(summary);
        self.groups.insert(group, Replayed { held, sure: holes, lost: None, suspect });
    }

    fn doubt(&mut self, group: GroupId, damage: Damage) {
        let Some(opening) = &mut self.opening else { return };
        if group == OTHERS {
            opening.others_in_doubt = true;
            if opening.is_oldest {
                self.holes.push(damage);
            }
        } else if opening.is_oldest || !self.groups.contains_key(&group) {
            self.groups.insert(group, Replayed { lost: Some(damage), ..Replayed::default() });
        }
    }

    /// The verdict, when all segments were read.
    pub(super) fn finish(self) -> Verdict {
        let Self { groups, holes, others_sure, mut damages, .. } = self;
        let judge = |group: Replayed| {
            let unsure = || holes.get(group.sure).cloned();
            let held = group.held.summary.held.clone().unwrap_or_default();
            let suspect = group.suspect.filter(|(below, _)| held.start < *below && !held.is_empty());
            let damage = group.lost.or_else(unsure).or(suspect.map(|(_, damage)| damage));
            Judged { held: group.held, damage }
        };
        let groups: BTreeMap<_, _> = groups.into_iter().map(|(id, group)| (id, judge(group))).collect();
        let others = holes.get(others_sure).cloned();
        // What only a doubt or an opening tells of has no place of its own in the segments that are left.
        for damage in groups.values().filter_map(|judged| judged.damage.as_ref()).chain(&others) {
            if !damages.contains(damage) {
                damages.push(damage.clone());
            }
        }
        Verdict { groups, others, damages }
    }
}

impl Replayed {
    fn apply(&mut self, place: Place, head: &Head, payload: &[u8], wrong: Damage) {
        match head.kind {
            Kind::Entry => self.entry(place, head, wrong),
            Kind::Vote => self.held.summary.vote(Bytes::copy_from_slice(payload)),
            Kind::Truncate => {
                self.held.truncate(head.index);
                if let Some((below, _)) = &mut self.suspect {
                    *below = (*below).min(head.index);
                }
            }
            Kind::Purge => {
                self.held.purge(Purged { index: head.index, id: Bytes::copy_from_slice(payload) });
            }
            Kind::Opening | Kind::Doubt | Kind::Mark => {}
        }
    }

    fn entry(&mut self, place: Place, head: &Head, wrong: Damage) {
        let slot = Slot { place: Some(place), length: head.length, turn: head.turn, bytes: None };
        if !self.held.entry(head.index, slot) {
            self.lost = Some(wrong);
        }
    }

    fn apply_damaged(&mut self, place: Place, head: &Head, what: Damage) {
        if head.kind == Kind::Entry {
            self.entry(place, head, what.clone());
            let below = head.index.saturating_add(1);
            let before = self.suspect.take();
            self.suspect = Some(before.map_or((below, what), |(before, damage)| (before.max(below), damage)));
        } else {
            self.lost = Some(what);
        }
    }
}

#[cfg(test)]
mod tests;
