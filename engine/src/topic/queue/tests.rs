//! A queue over a log that grows, at moments that the tests choose.

use fanfare_protocol::{EventType, Watch};

use super::*;
use crate::view::ViewBudget;

const MS: Duration = Duration::from_millis(1);

fn version(offset: u64) -> ResourceVersion {
    ResourceVersion::new(7, offset)
}

fn put(offset: u64, key: Option<&str>, data: &impl ToString) -> Arc<Event> {
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
    (1..=count).map(|n| put(n, None, &n)).collect()
}

/// What follows `cursor` in a log.
fn page(log: &[Arc<Event>], cursor: ResourceVersion) -> Page {
    let rest = &log[cursor.offset as usize..];
    let mut bytes = 0;
    let fits = |event: &&Arc<Event>| {
        bytes += event.data.as_ref().map_or(0, bytes::Bytes::len);
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
    assert_eq!(reader.send(&log, 100), (15..=20).collect::<Vec<_>>(), "the rest of the batch waits for credit alone");
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
    let log: Vec<_> = (1..=7).map(|n| put(n, Some(keys[n as usize % 2]), &n)).collect();
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
fn quiet_begins_anew_behind_a_key_that_fell_away() {
    let log: Vec<_> = [1, 2, 1, 3].into_iter().zip(1..).map(|(data, n)| put(n, Some("a"), &data)).collect();
    let watch = Watch { debounce_ms: Some(100), on_change: true, ..Watch::default() };
    let mut reader = Reader::new(watch, true, version(0));
    reader.read(&log[..1]);
    reader.pass(100 * MS);
    assert_eq!(reader.send(&log[..1], usize::MAX), [1]);
    reader.read(&log[..2]);
    assert_eq!(reader.turn(), Turn::After(100 * MS));
    reader.read(&log[..3]);
    assert_eq!(reader.turn(), Turn::Nothing);
    reader.pass(5_000 * MS);
    reader.read(&log);
    assert_eq!(reader.turn(), Turn::After(100 * MS));
}

#[test]
fn what_is_too_much_goes_early_but_not_above_a_ceiling() {
    let log: Vec<_> = (1..=20).map(|n| put(n, None, &"x".repeat(20_000))).collect();
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
