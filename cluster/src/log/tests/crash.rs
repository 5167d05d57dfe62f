//! Power goes out anywhere, again and again: with `always`, what was acknowledged is there, in order, and nothing that was
//! truncated or purged comes back. The log is one order of calls, so the oracle is short: after a crash it stands at
//! one of the calls since the last that was acknowledged.

use proptest::prelude::*;

use super::super::disk::SimulatedDisk;
use super::super::{FileLogSettings, SyncMode};
use super::bench::{Act, Bench, acts, settings};

/// How a run ends.
#[derive(Debug, Clone)]
enum End {
    /// Power goes out in the n-th operation after the start of the run.
    Crash { after: u64 },
    /// The same, and again while the log is opened.
    CrashTwice { after: u64, again: u64 },
    /// The process dies there, the machine does not; then power goes out while the log is opened, or soon after.
    KillThenCrash { after: u64, again: u64 },
    /// The log is closed.
    Close,
}

/// More operations than any run has.
const NEVER: u64 = u64::MAX / 2;

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        5 => (1..90_u64).prop_map(|after| End::Crash { after }),
        3 => (1..90_u64, 1..12_u64).prop_map(|(after, again)| End::CrashTwice { after, again }),
        3 => (1..90_u64, 1..20_u64).prop_map(|(after, again)| End::KillThenCrash { after, again }),
        1 => Just(End::Close),
    ]
}

fn runs() -> impl Strategy<Value = Vec<(Vec<Act>, End)>> {
    prop::collection::vec((acts(0..60), ends()), 1..6)
}

/// One run from an open log to the next; how many acknowledged calls are missing then.
fn run(bench: &mut Bench, acts: &[Act], end: &End) -> usize {
    bench.disk.crash_at(match end {
        End::Crash { after } | End::CrashTwice { after, .. } | End::KillThenCrash { after, .. } => *after,
        End::Close => NEVER,
    });
    bench.run(acts);
    if let End::Close = end {
        let (log, _) = bench.log.take().expect("it is open");
        super::super::LogEngine::close(&log).expect("nothing is wrong");
        assert_eq!(bench.acknowledged(), bench.states.len() - 1, "what was called is done: {:?}", bench.outcomes());
    }
    let (acknowledged, vote) = (bench.acknowledged(), bench.acknowledged_vote());
    match end {
        End::Crash { .. } | End::CrashTwice { .. } => {
            bench.disk.crash();
            bench.forget();
            bench.disk.restart();
        }
        End::KillThenCrash { .. } => {
            bench.disk.kill();
            bench.forget();
        }
        End::Close => {}
    }
    if let End::CrashTwice { again, .. } | End::KillThenCrash { again, .. } = end {
        bench.disk.crash_at(*again);
    }
    while let Err(fault) = bench.try_open() {
        assert!(bench.disk.is_crashed(), "{fault}");
        bench.disk.restart();
    }
    assert_eq!(bench.log().faults().len(), 0, "{:?}", bench.log().faults());
    let survived = if let End::Close = end { bench.states.len() - 1 } else { acknowledged };
    let at = bench.stands_at(vote).expect("it stands at a call, and no vote is lost");
    survived.saturating_sub(at)
}

/// All runs; how many acknowledged calls were lost.
fn losses(seed: u64, sector_bytes: usize, settings: FileLogSettings, runs: &[(Vec<Act>, End)]) -> usize {
    let mut bench = Bench::new(SimulatedDisk::with_sectors(seed, sector_bytes), settings);
    bench.try_open().expect("an empty disk");
    let mut lost = 0;
    for (acts, end) in runs {
        lost += run(&mut bench, acts, end);
        // What was read back is promised, whatever happens. But after a kill go on at once: power loss would make names
        // durable, or undo them, before anything is built upon them.
        if !matches!(end, End::KillThenCrash { .. }) {
            lost += run(&mut bench, &[], &End::Crash { after: NEVER });
        }
    }
    lost
}

fn sectors() -> impl Strategy<Value = usize> {
    prop_oneof![Just(64), Just(512), Just(4096)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_with_always(
        seed: u64, sector_bytes in sectors(), settings in settings(), runs in runs(),
    ) {
        prop_assert_eq!(losses(seed, sector_bytes, settings, &runs), 0);
    }

    #[test]
    fn whatever_is_lost_otherwise_is_the_end_of_the_order_and_never_a_vote(
        seed: u64, sector_bytes in sectors(), settings in settings(), runs in runs(), is_never: bool,
    ) {
        let sync = if is_never { SyncMode::Never } else { SyncMode::Interval { interval_ms: 1 } };
        losses(seed, sector_bytes, FileLogSettings { sync, ..settings }, &runs);
    }
}

#[test]
fn the_same_oracle_finds_losses_with_never() {
    let settings = FileLogSettings { sync: SyncMode::Never, segment_bytes: 16_384, ..FileLogSettings::default() };
    let acts: Vec<_> = (0..40).flat_map(|n| [Act::Append { group: n % 3, count: 2, bytes: 50 }, Act::Step]).collect();
    let runs = [(acts, End::Crash { after: 60 })];
    let lossy = (0..50).filter(|seed| losses(*seed, 512, settings, &runs) > 0).count();
    assert!(lossy > 40, "{lossy} of 50 seeds lost something");
    let always = FileLogSettings { sync: SyncMode::Always, ..settings };
    assert!((0..50).all(|seed| losses(seed, 512, always, &runs) == 0));
}

/// A truncation was called, and lay in the drain after the one with its entry: the entry's segment was let go before the
/// truncation was durable, so a crash in between missed the entry.
#[test]
fn a_segment_is_kept_for_an_entry_that_was_dropped_before_it_was_written() {
    let settings =
        FileLogSettings { segment_bytes: 4096, drain_bytes_max: 224, spare_segments_max: 0, ..Default::default() };
    let acts = [
        Act::Append { group: 3, count: 1, bytes: 0 },
        Act::Append { group: 0, count: 1, bytes: 3889 },
        Act::Truncate { group: 3, keep: 1 },
        Act::Step,
        Act::Step,
    ];
    for seed in 0..20 {
        for after in 1..20 {
            assert_eq!(losses(seed, 64, settings, &[(acts.to_vec(), End::Crash { after })]), 0);
        }
    }
}

#[test]
fn every_operation_of_one_program_is_survived() {
    let settings = FileLogSettings {
        segment_bytes: 4096,
        drain_bytes_max: 700,
        spare_segments_max: 1,
        ..FileLogSettings::default()
    };
    let mut acts = Vec::new();
    for n in 0..60 {
        acts.push(Act::Append { group: n % 3, count: 1 + n % 2, bytes: 90 });
        acts.push(if n % 5 == 0 { Act::Vote { group: 3 } } else { Act::Truncate { group: n % 3, keep: 1 } });
        acts.push(Act::Purge { group: (n + 1) % 3, beyond: -1 });
        acts.push(Act::Step);
    }
    let mut whole = Bench::new(SimulatedDisk::new(0), settings);
    whole.try_open().expect("an empty disk");
    whole.run(&acts);
    let operations = whole.disk.operations();
    assert!(operations > 150, "{operations}");
    for after in 1..=operations {
        let mut bench = Bench::new(SimulatedDisk::new(after), settings);
        bench.disk.crash_at(after);
        while let Err(fault) = bench.try_open() {
            assert!(bench.disk.is_crashed(), "{fault}");
            bench.disk.restart();
        }
        let left = after.saturating_sub(bench.disk.operations()).max(1);
        assert_eq!(run(&mut bench, &acts, &End::Crash { after: left }), 0, "at operation {after}");
    }
}
