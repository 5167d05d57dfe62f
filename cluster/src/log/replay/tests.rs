use super::super::record::Stamp;
use super::*;

const A: GroupId = GroupId(1);
const B: GroupId = GroupId(2);
const UNKNOWN: GroupId = GroupId(9);

/// Writes records and replays them, with gaps where a test wants them.
struct Story {
    replay: Replay,
    written: BTreeMap<GroupId, Summary>,
    segment: u64,
    offset: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Sound,
    Damaged,
    Lost,
}

impl Story {
    fn new() -> Self {
        let mut replay = Replay::default();
        replay.begin(1, true);
        replay.opened();
        Self { replay, written: BTreeMap::new(), segment: 1, offset: 64 }
    }

    fn tell(&mut self, group: GroupId, kind: Kind, index: u64, fate: Fate) -> &mut Self {
        let summary = self.written.entry(group).or_default();
        let stamp = Stamp { synced: 0, life: 1 };
        let head = Head::new(kind, group, summary.turn, index, stamp, b"");
        match kind {
            Kind::Entry => assert!(summary.entry(index)),
            Kind::Vote => summary.vote(Bytes::new()),
            Kind::Truncate => summary.truncate(index),
            Kind::Purge => summary.purge(Purged { index, id: Bytes::new() }),
            _ => unreachable!("openings are not told"),
        }
        self.offset += 64;
        let place = Place { segment: self.segment, offset: self.offset };
        match fate {
            Fate::Sound => self.replay.record(place, &head, b""),
            Fate::Damaged => self.replay.damaged(place, &head),
            Fate::Lost => self.replay.hole(hole(self.offset)),
        }
        self
    }

    fn sound(&mut self, group: GroupId, kind: Kind, index: u64) -> &mut Self {
        self.tell(group, kind, index, Fate::Sound)
    }

    fn lost(&mut self, group: GroupId, kind: Kind, index: u64) -> &mut Self {
        self.tell(group, kind, index, Fate::Lost)
    }

    /// A new segment that opens with what was written; with doubts in place of some groups.
    fn segment(&mut self, doubts: &[GroupId], is_oldest: bool) -> &mut Self {
        self.segment += 1;
        self.replay.begin(self.segment, is_oldest);
        let place = Place { segment: self.segment, offset: 64 };
        let stamp = Stamp { synced: 0, life: 1 };
        for group in doubts {
            let damage = hole(777).encode();
            let head = Head::new(Kind::Doubt, *group, 0, 0, stamp, &damage);
            self.replay.record(place, &head, &damage);
        }
        for (group, summary) in self.written.iter().filter(|(group, _)| !doubts.contains(group)) {
            let payload = summary.encode();
            let head = Head::new(Kind::Opening, *group, summary.turn, 0, stamp, &payload);
            self.replay.record(place, &head, &payload);
        }
        self.replay.opened();
        self
    }

    /// What is judged: the offset of the damage, by group.
    fn verdict(&mut self) -> BTreeMap<GroupId, Option<u64>> {
        let verdict = std::mem::take(&mut self.replay).finish();
        let offset = |damage: &Option<Damage>| damage.as_ref().map(|damage| damage.offset);
        for (group, judged) in verdict.groups.iter().filter(|(_, judged)| judged.damage.is_none()) {
            assert_eq!(Some(&judged.held.summary), self.written.get(group), "whoever is trusted has it all");
        }
        let mut groups: BTreeMap<_, _> =
            verdict.groups.iter().map(|(id, judged)| (*id, offset(&judged.damage))).collect();
        groups.insert(OTHERS, offset(&verdict.others));
        groups
    }
}

fn hole(offset: u32) -> Damage {
    Damage::new(1, offset.into(), What::Record)
}

fn expect<const N: usize>(groups: [(GroupId, Option<u64>); N]) -> BTreeMap<GroupId, Option<u64>> {
    groups.into_iter().collect()
}

#[test]
fn whole_records_are_trusted() {
    let verdict = Story::new()
        .sound(A, Kind::Entry, 5)
        .sound(A, Kind::Vote, 0)
        .sound(B, Kind::Purge, 3)
        .sound(A, Kind::Truncate, 5)
        .verdict();
    assert_eq!(verdict, expect([(A, None), (B, None), (OTHERS, None)]));
}

#[test]
fn a_hole_faults_the_group_that_goes_on_out_of_turn_and_clears_the_one_that_does_not() {
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).sound(B, Kind::Entry, 1).lost(A, Kind::Entry, 2);
    story.sound(A, Kind::Entry, 3).sound(B, Kind::Entry, 2);
    assert_eq!(story.verdict(), expect([(A, Some(256)), (B, None), (OTHERS, Some(256))]));
}

#[test]
fn a_lost_truncation_is_noticed_though_the_indexes_go_on() {
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).sound(A, Kind::Entry, 2);
    story.lost(A, Kind::Truncate, 2).lost(A, Kind::Entry, 2).sound(A, Kind::Entry, 3);
    assert_eq!(story.verdict()[&A], Some(256));
}

#[test]
fn a_group_that_is_silent_after_a_hole_is_at_fault_and_so_are_unknown_ones() {
    let mut story = Story::new();
    story.sound(A, Kind::Vote, 0).sound(B, Kind::Vote, 0).lost(UNKNOWN, Kind::Vote, 0).sound(B, Kind::Vote, 0);
    assert_eq!(story.verdict(), expect([(A, Some(256)), (B, None), (OTHERS, Some(256))]));
}

#[test]
fn a_group_that_begins_after_a_hole_is_trusted() {
    let mut story = Story::new();
    story.lost(A, Kind::Vote, 0).sound(B, Kind::Entry, 7);
    assert_eq!(story.verdict(), expect([(B, None), (OTHERS, Some(128))]));
}

#[test]
fn an_opening_that_agrees_clears_everyone() {
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).sound(B, Kind::Entry, 1).replay.hole(hole(5));
    story.segment(&[], false);
    assert_eq!(story.verdict(), expect([(A, None), (B, None), (OTHERS, None)]));
}

#[test]
fn an_opening_that_differs_leaves_earlier_entries_under_suspicion_until_they_are_purged() {
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).lost(A, Kind::Vote, 0).segment(&[], false).sound(A, Kind::Entry, 2);
    assert_eq!(story.verdict(), expect([(A, Some(192)), (OTHERS, None)]));
    for (kind, index, healed) in [(Kind::Purge, 1, true), (Kind::Purge, 0, false), (Kind::Truncate, 1, true)] {
        let mut story = Story::new();
        story.sound(A, Kind::Entry, 1).lost(A, Kind::Entry, 2).segment(&[], false).sound(A, Kind::Entry, 3);
        story.sound(A, Kind::Truncate, 2).sound(A, kind, index);
        assert_eq!(story.verdict()[&A].is_none(), healed, "{kind:?} {index}");
    }
}

#[test]
fn a_damaged_payload_costs_its_group_alone_and_an_entry_only_until_it_is_gone() {
    let mut story = Story::new();
    story.sound(B, Kind::Entry, 1).tell(A, Kind::Entry, 1, Fate::Damaged).sound(A, Kind::Entry, 2);
    assert_eq!(story.verdict(), expect([(A, Some(192)), (B, None), (OTHERS, None)]));
    let mut story = Story::new();
    story.tell(A, Kind::Entry, 1, Fate::Damaged).sound(A, Kind::Entry, 2).sound(A, Kind::Purge, 1);
    assert_eq!(story.verdict(), expect([(A, None), (OTHERS, None)]));
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).tell(A, Kind::Vote, 0, Fate::Damaged).sound(A, Kind::Entry, 2);
    assert_eq!(story.verdict()[&A], Some(192));
}

#[test]
fn a_doubt_leaves_the_judgement_to_the_segments_before() {
    let mut story = Story::new();
    story.sound(A, Kind::Vote, 0).sound(B, Kind::Entry, 1).lost(A, Kind::Vote, 0).sound(B, Kind::Entry, 2);
    story.segment(&[OTHERS, A], false).sound(B, Kind::Entry, 3);
    assert_eq!(story.verdict(), expect([(A, Some(256)), (B, None), (OTHERS, Some(256))]));
    let mut story = Story::new();
    story.sound(A, Kind::Vote, 0).segment(&[OTHERS, A], false);
    assert_eq!(story.verdict(), expect([(A, None), (OTHERS, None)]), "the damage is gone: the file was put back");
}

#[test]
fn a_doubt_in_the_oldest_segment_is_all_that_is_known() {
    let mut story = Story::new();
    story.sound(B, Kind::Purge, 1);
    story.replay = Replay::default();
    story.segment(&[OTHERS, A], true).sound(B, Kind::Entry, 2);
    assert_eq!(story.verdict(), expect([(A, Some(777)), (B, None), (OTHERS, Some(777))]));
}

#[test]
fn entries_of_segments_that_are_gone_are_missed_unless_they_were_purged() {
    let mut story = Story::new();
    story.sound(A, Kind::Entry, 1).sound(B, Kind::Entry, 1).sound(B, Kind::Purge, 1);
    story.replay = Replay::default();
    story.segment(&[], true).sound(B, Kind::Entry, 2);
    assert_eq!(story.verdict(), expect([(A, Some(0)), (B, None), (OTHERS, None)]));
}

#[test]
fn a_damaged_opening_loses_groups_only_where_nothing_is_before_it() {
    let mut story = Story::new();
    story.sound(A, Kind::Vote, 0);
    story.segment = 2;
    story.replay.begin(2, false);
    story.replay.hole(hole(70));
    story.replay.opened();
    assert_eq!(story.verdict(), expect([(A, None), (OTHERS, None)]));
    let mut replay = Replay::default();
    replay.begin(2, true);
    replay.hole(hole(70));
    replay.opened();
    assert_eq!(replay.finish().others, Some(hole(70)));
}

#[test]
fn records_out_of_turn_without_a_hole_are_damage_too() {
    let mut story = Story::new();
    story.sound(A, Kind::Vote, 0);
    story.written.insert(A, Summary { turn: 5, ..Summary::default() });
    story.sound(A, Kind::Vote, 0);
    let verdict = std::mem::take(&mut story.replay).finish();
    assert_eq!(verdict.damages[0].what, What::Order);
    assert_eq!(verdict.groups[&A].damage.as_ref(), Some(&verdict.damages[0]));
}
