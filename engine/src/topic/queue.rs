//! What one subscriber with a pace has waiting: how much of it may go, and when (rules W15 and W18 of the protocol's `SPEC.md`).
//! Pure: every moment comes in, as the time since some beginning that is always the same.

use std::sync::Arc;
use std::time::Duration;

use fanfare_protocol::{Event, ResourceVersion};

use super::glass::Glass;
use super::held::Held;
use crate::log::Page;
use crate::view::{FRAME_BYTES, HeldBytes, Lens, Pacer};

/// Events of a frame at most.
const FRAME_EVENTS: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    held: Held,
    pacer: Pacer,
    /// Read up to here.
    read: ResourceVersion,
    /// Told up to here.
    told: ResourceVersion,
    /// What is left to tell of the batch under way, in events.
    batch: usize,
    /// There was more to read than there was room for.
    has_more: bool,
    /// What comes next is not there any more: what waits is told before that is.
    is_ending: bool,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Some of what waits may go.
    Send,
    /// Nothing waits.
    Nothing,
    /// Nothing may go before this time has passed.
    After(Duration),
}

/// The events of a frame, which covers exactly the versions in (`after`, `through`].
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) after: ResourceVersion,
    pub(super) through: ResourceVersion,
    pub(super) events: Vec<Arc<Event>>,
}

impl Queue {
    /// Of a reader behind `cursor`; `None` for a lens without a pace. What it holds is told to `bytes`.
    pub(super) fn new(
        lens: Option<&Arc<Lens>>,
        bytes: HeldBytes,
        is_state: bool,
        cursor: ResourceVersion,
    ) -> Option<Self> {
        let pacer = Pacer::new(*lens?.pace());
        let held = Held::new(lens, bytes, is_state)?;
        Some(Self { held, pacer, read: cursor, told: cursor, batch: 0, has_more: false, is_ending: false })
    }

    /// It goes on behind a snapshot.
    pub(super) fn go_on(&mut self, cursor: ResourceVersion) {
        (self.read, self.told) = (cursor, cursor);
    }

    /// From where the log is to be read on.
    pub(super) fn read(&self) -> ResourceVersion {
        self.read
    }

    /// Behind what the subscriber was told.
    pub(super) fn told(&self) -> ResourceVersion {
        self.told
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the log is to be read on.
    pub(super) fn has_room(&self) -> bool {
        self.held.is_empty() || !(self.is_ending || self.held.has_enough())
    }

    /// Takes what follows in the log.
    pub(super) fn take(&mut self, page: &Page, glass: &mut Glass, now: Duration) {
        if self.told.epoch != page.after.epoch {
            self.told = page.after;
        }
        (self.read, self.has_more) = (page.through, page.more);
        let has_news = self.held.take(&page.events, glass);
        if self.held.is_empty() {
            self.pacer.forget();
        } else if has_news {
            self.pacer.heard(now);
        }
        self.settle();
    }

    /// What follows in the log cannot be had.
    pub(super) fn end(&mut self) {
        (self.is_ending, self.has_more) = (true, false);
        self.settle();
    }

    /// What may be done now.
    pub(super) fn turn(&mut self, now: Duration) -> Turn {
        if self.held.is_empty() {
            return Turn::Nothing;
        }
        if self.batch == 0 {
            let is_early = self.held.is_full() || (self.is_ending && !self.held.is_bounded());
            let due = if is_early { None } else { self.pacer.due(now) };
            if let Some(due) = due.filter(|due| *due > now) {
                return Turn::After(due - now);
            }
            self.batch = match (is_early, self.held.is_bounded()) {
                (true, _) => self.held.count(),
                // What there was no room for is part of the batch.
                (false, true) => self.pacer.most(now),
                (false, false) => self.pacer.most(now).min(self.held.count()),
            };
        }
        Turn::Send
    }

    /// The oldest, at most so many events, as far as [`Self::turn`] allowed it.
    pub(super) fn send(&mut self, most: usize, glass: &mut Glass, now: Duration) -> Batch {
        let sent = self.held.send(most.min(self.batch).min(FRAME_EVENTS), FRAME_BYTES, glass);
        let after = std::mem::replace(&mut self.told, sent.through.unwrap_or(self.read));
        self.pacer.sent(now, sent.count, !self.held.is_empty());
        self.batch -= sent.count;
        self.settle();
        Batch { after, through: self.told, events: sent.events }
    }

    /// Nothing waits: what was read and not told is not to be told. Gives what that covers.
    pub(super) fn quiet(&mut self) -> Batch {
        let after = std::mem::replace(&mut self.told, self.read);
        Batch { after, through: self.read, events: Vec::new() }
    }

    fn settle(&mut self) {
        if self.held.is_empty() {
            self.is_ending = false;
            if !self.has_more {
                self.batch = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{EventType, Watch};

    use super::*;
    use crate::view::ViewBudget;

    const MS: Duration = Duration::from_millis(1);

    fn version(offset: u64) -> ResourceVersion {
        ResourceVersion::new(7, offset)
    }

    fn put(offset: u64, key: Option<&str>, data: impl ToString) -> Arc<Event> {
        Arc::new(Event {
            r#type: EventType::Put.into(),
            resource_version: Some(version(offset)),
            key: key.map(str::to_owned),
            data: Some(data.to_string().into()),
            ..Event::default()
        })
    }

    /// Events with the offsets from 1 on that hold them.
    fn stream(count: u64) -> Vec<Arc<Event>> {
        (1..=count).map(|n| put(n, None, n)).collect()
    }

    /// What follows `cursor` in a log.
    fn page(log: &[Arc<Event>], cursor: ResourceVersion) -> Page {
        let rest = &log[cursor.offset as usize..];
        let mut bytes = 0;
        let fits = |event: &&Arc<Event>| {
            bytes += event.data.as_ref().map_or(0, |data| data.len());
            bytes < 50_000
        };
        let events: Vec<_> = rest.iter().take(256).take_while(fits).cloned().collect();
        let through = version(cursor.offset + events.len() as u64);
        let more = events.len() < rest.len();
        Page { events, after: version(cursor.offset), through, head: version(log.len() as u64), more }
    }

    /// A queue and the log that it reads.
    struct Reader {
        queue: Queue,
        glass: Glass,
        now: Duration,
        told: Vec<u64>,
    }

    impl Reader {
        fn new(watch: Watch, is_state: bool, cursor: ResourceVersion) -> Self {
            let lens = Lens::new(&Watch { topic: "t:a".to_owned(), ..watch }).unwrap();
            let budget = ViewBudget::new(0, 1 << 24);
            let queue = Queue::new(lens.as_ref(), budget.hold(), is_state, cursor).unwrap();
            let mut glass = Glass::new(lens, is_state, false, Some(budget.hold()));
            glass.begin_after(cursor);
            Self { queue, glass, now: Duration::from_secs(7), told: Vec::new() }
        }

        fn take(&mut self, page: &Page) {
            self.queue.take(page, &mut self.glass, self.now);
        }

        fn read(&mut self, log: &[Arc<Event>]) {
            while self.queue.has_room() && self.queue.read().offset < log.len() as u64 {
                self.take(&page(log, self.queue.read()));
            }
        }

        fn turn(&mut self) -> Turn {
            self.queue.turn(self.now)
        }

        /// Everything that may go now, at most so much; it covers what it says.
        fn send(&mut self, log: &[Arc<Event>], mut credit: usize) -> Vec<u64> {
            let mut sent = Vec::new();
            while credit > 0 && self.turn() == Turn::Send {
                let before = self.queue.told();
                let batch = self.queue.send(credit, &mut self.glass, self.now);
                assert_eq!((batch.after, batch.through), (before, self.queue.told()), "frames join");
                let offsets: Vec<_> = batch.events.iter().map(|e| e.resource_version.unwrap().offset).collect();
                assert!(offsets.iter().all(|offset| (before.offset + 1..=batch.through.offset).contains(offset)));
                credit -= offsets.len();
                sent.extend(offsets);
                self.read(log);
            }
            self.told.extend(&sent);
            sent
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
        }
    }

    fn interval(ms: u64, per_second: Option<f64>) -> Watch {
        Watch { interval_ms: Some(ms), max_events_per_second: per_second, ..Watch::default() }
    }

    #[test]
    fn a_batch_of_a_stream_has_what_its_ceiling_and_the_credit_allow() {
        let log = stream(25);
        let mut reader = Reader::new(interval(1_000, Some(10.0)), false, version(0));
        reader.read(&log);
        assert_eq!(reader.send(&log, usize::MAX), (1..=10).collect::<Vec<_>>(), "the first goes at once");
        let Turn::After(wait) = reader.turn() else { panic!("the interval is waited for") };
        assert!((1_000 * MS..1_001 * MS).contains(&wait), "{wait:?}");
        reader.pass(wait);
        assert_eq!(reader.send(&log, 4), (11..=14).collect::<Vec<_>>());
        assert_eq!(reader.queue.told(), version(14));
        reader.pass(100 * MS);
        assert_eq!(
            reader.send(&log, 100),
            (15..=20).collect::<Vec<_>>(),
            "the rest of the batch waits for credit alone"
        );
        assert!(matches!(reader.turn(), Turn::After(_)));
        reader.pass(1_001 * MS);
        assert_eq!(reader.send(&log, 100), (21..=25).collect::<Vec<_>>());
        assert_eq!((reader.turn(), reader.queue.told()), (Turn::Nothing, version(25)));
    }

    #[test]
    fn a_batch_may_be_larger_than_what_is_held_back() {
        let log = stream(6_000);
        let mut reader = Reader::new(interval(1_000, Some(5_000.0)), false, version(0));
        reader.read(&log);
        let held = reader.queue.read().offset;
        assert!(held < 3_000 && !reader.queue.has_room(), "{held} are held back");
        assert_eq!(reader.send(&log, usize::MAX), (1..=5_000).collect::<Vec<_>>());
        assert!(matches!(reader.turn(), Turn::After(wait) if wait >= 1_000 * MS));
        assert!(reader.queue.read().offset - 5_000 <= held, "as much as before");
    }

    #[test]
    fn keys_are_conflated_also_while_there_is_no_credit() {
        let keys = ["a", "b"];
        let log: Vec<_> = (1..=7).map(|n| put(n, Some(keys[n as usize % 2]), n)).collect();
        let mut reader = Reader::new(interval(1_000, None), true, version(0));
        reader.read(&log[..2]);
        assert_eq!(reader.turn(), Turn::Send);
        reader.read(&log);
        assert_eq!(reader.send(&log, 1), [6]);
        assert_eq!(reader.queue.told(), version(6));
        reader.pass(1_000 * MS);
        assert_eq!((reader.send(&log, 1), reader.queue.told()), (vec![7], version(7)));
    }

    #[test]
    fn a_ceiling_cuts_a_batch_that_had_its_quiet() {
        let log = stream(40);
        let watch = Watch { debounce_ms: Some(300), max_events_per_second: Some(100.0), ..Watch::default() };
        let mut reader = Reader::new(watch, false, version(0));
        reader.read(&log[..10]);
        reader.pass(200 * MS);
        assert_eq!(reader.turn(), Turn::After(100 * MS));
        reader.read(&log[..20]);
        assert_eq!(reader.turn(), Turn::After(300 * MS));
        reader.pass(300 * MS);
        let began = reader.now;
        while reader.told.len() < 20 {
            reader.send(&log[..20], usize::MAX);
            if let Turn::After(wait) = reader.turn() {
                reader.pass(wait);
            }
        }
        let took = reader.now - began;
        assert!((100 * MS..250 * MS).contains(&took), "20 events at 100 a second, and no quiet in between: {took:?}");
        reader.read(&log);
        assert_eq!(reader.turn(), Turn::After(300 * MS), "what came later waits for its own");
    }

    #[test]
    fn what_is_too_much_goes_early_but_not_above_a_ceiling() {
        let log: Vec<_> = (1..=20).map(|n| put(n, None, "x".repeat(20_000))).collect();
        for (rate, is_early) in [(None, true), (Some(20.0), false)] {
            let mut reader = Reader::new(interval(10_000, rate), false, version(0));
            reader.read(&log[..1]);
            assert_eq!(reader.send(&log[..1], usize::MAX), [1]);
            reader.read(&log);
            assert!(!reader.queue.has_room());
            assert_eq!(reader.turn() == Turn::Send, is_early);
            let count = reader.send(&log, usize::MAX).len();
            assert_eq!(count > 8 && count < 19, is_early, "{count}");
        }
    }

    #[test]
    fn what_waits_is_told_before_what_ends_it() {
        let log = stream(3);
        let mut reader = Reader::new(interval(60_000, None), false, version(0));
        reader.read(&log[..1]);
        assert_eq!(reader.send(&log[..1], usize::MAX), [1]);
        reader.read(&log);
        assert!(matches!(reader.turn(), Turn::After(_)));
        reader.queue.end();
        assert!(!reader.queue.has_room());
        assert_eq!(reader.send(&log, 1), [2]);
        assert!(!reader.queue.has_room());
        assert_eq!(reader.send(&log, 1), [3]);
        assert!(reader.queue.has_room(), "it is met again");
    }

    #[test]
    fn what_is_hidden_is_covered_but_not_told_of() {
        let log = stream(30);
        let watch = Watch { filter: Some("data == 3 || data > 40".to_owned()), ..interval(100, Some(100.0)) };
        let mut reader = Reader::new(watch, false, version(0));
        reader.read(&log[..2]);
        assert_eq!((reader.turn(), reader.queue.told()), (Turn::Nothing, version(0)));
        reader.read(&log);
        assert_eq!((reader.send(&log, 9), reader.queue.told()), (vec![3], version(30)));
        let log = stream(40);
        reader.read(&log);
        let quiet = reader.queue.quiet();
        assert_eq!((quiet.after, quiet.through, reader.queue.told()), (version(30), version(40), version(40)));
    }

    /// A client that is cut behind any frame and comes back with its cursor has everything once.
    #[test]
    fn nothing_is_lost_or_doubled_wherever_a_client_is_cut() {
        let log = stream(400);
        let shown: Vec<_> = (1..=400).filter(|n| n % 3 > 0).collect();
        for (rate, debounce_ms, credit) in [(None, None, 7), (Some(300.0), None, 50), (Some(900.0), Some(20), 11)] {
            let filter = Some("data % 3 > 0".to_owned());
            let watch = Watch { filter, debounce_ms, ..interval(30, rate) };
            for frames in 1..12 {
                let (mut cursor, mut told) = (version(0), Vec::new());
                while cursor.offset < 400 {
                    let mut reader = Reader::new(watch.clone(), false, cursor);
                    for published in 1.. {
                        let log = &log[..400.min(cursor.offset as usize + published * 9)];
                        reader.read(log);
                        told.extend(reader.send(log, credit));
                        reader.pass(11 * MS);
                        let has_something = !reader.told.is_empty() || reader.queue.is_empty();
                        if published >= frames * 4 && has_something {
                            break;
                        }
                    }
                    if reader.queue.is_empty() {
                        reader.queue.quiet();
                    }
                    cursor = reader.queue.told();
                }
                assert_eq!(told, shown, "{rate:?} {debounce_ms:?} {frames}");
            }
        }
    }
}
