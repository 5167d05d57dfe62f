//! Who has heard what, by number. A *line* is what one publisher says to one topic; its numbers begin at 0 and leave nothing
//! out, so whoever hears a line knows what is missing. Lost, doubled and reordered are three different faults and are counted
//! apart. Pure; the cost of a number that comes in its place is one comparison.

/// Gaps that are remembered of one line, so that what fills them later is told from what comes again. More than that at once
/// is a server that loses most of what it is given; what is then forgotten counts as lost, and as doubled should it come.
const GAPS_MAX: usize = 64;

/// What has been seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Each that came, whatever its number.
    pub(crate) received: u64,
    /// Came although it had come before.
    pub(crate) doubled: u64,
    /// Came after a later one.
    pub(crate) reordered: u64,
    /// Of a line that this subscriber does not hear.
    pub(crate) foreign: u64,
}

/// One subscriber's place in one line.
#[derive(Debug, Clone, Default)]
struct Place {
    /// The number that comes next.
    next: u32,
    gaps: Option<Box<Gaps>>,
}

/// Numbers that were passed over: ranges, ascending, apart from one another, the end excluded.
#[derive(Debug, Clone, Default)]
struct Gaps {
    ranges: Vec<(u32, u32)>,
    /// Numbers of ranges for which there was no room.
    forgotten: u64,
}

/// Every subscriber's places. Those who hear the same topic hear the same lines, as many for each.
#[derive(Debug)]
pub(crate) struct Tally {
    places: Vec<Place>,
    lines_each: usize,
    counts: Counts,
}

impl Tally {
    /// For so many subscribers, each of which hears so many lines; `first` tells for each subscriber and line the number with
    /// which it begins.
    pub(crate) fn new(subscribers: usize, lines_each: usize, first: impl Fn(usize, usize) -> u32) -> Self {
        let lines_each = lines_each.max(1);
        let place = |index| Place { next: first(index / lines_each, index % lines_each), gaps: None };
        Self { places: (0..subscribers * lines_each).map(place).collect(), lines_each, counts: Counts::default() }
    }

    /// Counts what a subscriber has heard, and tells how many numbers further its line is.
    pub(crate) fn heard(&mut self, subscriber: usize, line: usize, number: u32) -> u32 {
        self.counts.received += 1;
        let index = subscriber * self.lines_each + line;
        let Some(place) = self.places.get_mut(index).filter(|_| line < self.lines_each) else {
            self.counts.foreign += 1;
            return 0;
        };
        let expected = place.next;
        if number >= expected {
            if number > expected {
                place.gaps.get_or_insert_default().leave(expected, number);
            }
            place.next = number.saturating_add(1);
            return place.next - expected;
        }
        if place.gaps.as_mut().is_some_and(|gaps| gaps.fill(number)) {
            self.counts.reordered += 1;
        } else {
            self.counts.doubled += 1;
        }
        0
    }

    /// Takes note of one that belongs to no line of whoever heard it.
    pub(crate) fn heard_foreign(&mut self) {
        self.counts.received += 1;
        self.counts.foreign += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many numbers never came, when `published` tells for each subscriber and line how many there were.
    pub(crate) fn lost(&self, published: impl Fn(usize, usize) -> u32) -> u64 {
        let place = |(index, place): (usize, &Place)| {
            let count = published(index / self.lines_each, index % self.lines_each);
            u64::from(count.saturating_sub(place.next)) + place.gaps.as_ref().map_or(0, |gaps| gaps.missing())
        };
        self.places.iter().enumerate().map(place).sum()
    }
}

impl Gaps {
    /// Remembers what was passed over; it lies behind all that is remembered.
    fn leave(&mut self, from: u32, until: u32) {
        if self.ranges.len() < GAPS_MAX {
            self.ranges.push((from, until));
        } else {
            self.forgotten += u64::from(until - from);
        }
    }

    /// Whether a number was missing until now.
    fn fill(&mut self, number: u32) -> bool {
        let Some(index) = self.ranges.iter().position(|(from, until)| (*from..*until).contains(&number)) else {
            return false;
        };
        let (from, until) = self.ranges[index];
        match (from == number, until == number + 1) {
            (true, true) => {
                self.ranges.remove(index);
            }
            (true, false) => self.ranges[index].0 += 1,
            (false, true) => self.ranges[index].1 -= 1,
            (false, false) => {
                self.ranges[index].1 = number;
                if self.ranges.len() < GAPS_MAX {
                    self.ranges.insert(index + 1, (number + 1, until));
                } else {
                    self.forgotten += u64::from(until - number - 1);
                }
            }
        }
        true
    }

    fn missing(&self) -> u64 {
        self.forgotten + self.ranges.iter().map(|(from, until)| u64::from(until - from)).sum::<u64>()
    }
}

#[cfg(test)]
#[path = "tally/tests.rs"]
mod tests;
