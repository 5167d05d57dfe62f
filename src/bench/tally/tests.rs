use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One subscriber of one line hears these numbers, of so many that there were.
fn heard(numbers: &[u32], published: u32) -> (Counts, u64) {
    let mut tally = Tally::new(1, 1, |_, _| 0);
    for number in numbers {
        tally.heard(0, 0, *number);
    }
    (tally.counts(), tally.lost(|_, _| published))
}

fn counts(received: u64, doubled: u64, reordered: u64) -> Counts {
    Counts { received, doubled, reordered, foreign: 0 }
}

#[test]
fn all_in_their_places_are_received_and_nothing_else() {
    assert_eq!(heard(&[0, 1, 2, 3], 4), (counts(4, 0, 0), 0));
}

#[test]
fn a_planted_loss_is_caught_in_the_middle_and_at_either_end() {
    assert_eq!(heard(&[0, 1, 3], 4), (counts(3, 0, 0), 1));
    assert_eq!(heard(&[1, 2, 3], 4), (counts(3, 0, 0), 1));
    assert_eq!(heard(&[0, 1, 2], 4), (counts(3, 0, 0), 1));
    assert_eq!(heard(&[], 4), (counts(0, 0, 0), 4));
}

#[test]
fn a_planted_double_is_caught_at_once_and_later() {
    assert_eq!(heard(&[0, 1, 1, 2], 3), (counts(4, 1, 0), 0));
    assert_eq!(heard(&[0, 1, 2, 0], 3), (counts(4, 1, 0), 0));
}

#[test]
fn a_planted_reorder_is_neither_a_loss_nor_a_double() {
    assert_eq!(heard(&[0, 2, 1, 3], 4), (counts(4, 0, 1), 0));
    assert_eq!(heard(&[3, 0, 1, 2], 4), (counts(4, 0, 3), 0));
}

#[test]
fn what_comes_late_and_then_again_is_both() {
    assert_eq!(heard(&[0, 2, 1, 1], 3), (counts(4, 1, 1), 0));
}

#[test]
fn a_gap_may_fill_from_its_middle() {
    assert_eq!(heard(&[0, 5, 3, 1, 4], 6), (counts(5, 0, 3), 1));
}

#[test]
fn lines_and_subscribers_are_counted_apart() {
    let mut tally = Tally::new(2, 2, |_, _| 0);
    for (subscriber, line, number) in [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1)] {
        tally.heard(subscriber, line, number);
    }
    // The first lacks one of its first line and one of its second, the other one of its second.
    assert_eq!((tally.counts(), tally.lost(|_, _| 2)), (counts(5, 0, 0), 3));
}

#[test]
fn a_line_that_is_not_the_subscribers_is_foreign() {
    let mut tally = Tally::new(1, 1, |_, _| 0);
    tally.heard(0, 1, 0);
    tally.heard(1, 0, 0);
    assert_eq!(tally.counts(), Counts { received: 2, foreign: 2, ..Counts::default() });
}

#[test]
fn what_is_forgotten_of_too_many_gaps_stays_lost() {
    let odd: Vec<u32> = (0..1_000).map(|number| number * 2 + 1).collect();
    assert_eq!(heard(&odd, 2_000), (counts(1_000, 0, 0), 1_000));
}

#[test]
fn whoever_begins_later_lacks_nothing_from_before_and_hears_it_twice() {
    let mut tally = Tally::new(1, 1, |_, _| 5);
    for number in [5, 6, 4] {
        tally.heard(0, 0, number);
    }
    assert_eq!((tally.counts(), tally.lost(|_, _| 8)), (counts(3, 1, 0), 1));
}

proptest! {
    /// Whatever comes in whatever order, with fewer gaps than are remembered: the counts are those of whoever remembers all.
    #[test]
    fn the_counts_are_those_of_a_full_memory(numbers in prop::collection::vec(0_u32..60, 0..200)) {
        let (mut seen, mut latest, mut expected) = (BTreeSet::new(), None, Counts::default());
        for number in &numbers {
            expected.received += 1;
            if !seen.insert(*number) {
                expected.doubled += 1;
            } else if latest > Some(*number) {
                expected.reordered += 1;
            }
            latest = latest.max(Some(*number));
        }
        prop_assert_eq!(heard(&numbers, 60), (expected, 60 - seen.len() as u64));
    }
}
