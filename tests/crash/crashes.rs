//! Power cuts and kills under load. A few run with all tests; many in a command of their own, by environment variables:
//!
//! ```sh
//! FANFARE_CRASH_POINTS=200 cargo test --test crash by_a_power_cut -- --nocapture
//! FANFARE_CRASH_KILLS=30 cargo test --test crash by_a_kill -- --nocapture
//! ```
//! which is what `cargo xtask crash` does.
//!
//! `FANFARE_CRASH_SEED` begins at another seed, which chooses the blows and what a power cut leaves, not how the threads of
//! a node take turns: a failure comes again, if not always at once. `FANFARE_CRASH_RULES` is `strict` or `journaled`: when
//! a name is durable, see `disk.rs`. `FANFARE_CRASH_KEEP` keeps the directories.

use std::time::Instant;

use fastrand::Rng;

use crate::disk::Rules;
use crate::episode::{Blow, Episode, Plan};
use crate::report::Report;
use crate::verdict::Promise;

/// Blows to one data directory before the next one begins anew: from few, so that beginnings are hit, to so many that
/// files are replaced several times over.
const BLOWS: std::ops::Range<usize> = 3..12;
/// Windows so short that a run of a second sees the store written, the log cut off and files replaced.
const WINDOWS: &str = "window_ms = 80";

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("the variable is a number"))
}

/// Strictly, but for one place: the tables below the store sync each new file of large values and never the directory
/// that they stand in. Every journaling file system keeps the name with the file.
fn rules() -> Rules {
    match std::env::var("FANFARE_CRASH_RULES").as_deref() {
        Err(_) => Rules::StrictBut("blobs"),
        Ok("strict") => Rules::Strict,
        Ok("journaled") => Rules::Journaled,
        Ok(other) => panic!("there are no rules `{other}`"),
    }
}

/// Runs episodes until there were so many blows.
async fn run(plan: &Plan, count: usize, mut blow: impl FnMut(&mut Rng) -> Blow) -> Report {
    let (mut report, started) = (Report::default(), Instant::now());
    let mut seed = number("FANFARE_CRASH_SEED", 1) as u64;
    while report.rows.len() < count {
        let mut chance = Rng::with_seed(seed);
        let mut episode = Episode::new(seed, plan.clone());
        let mut judged = Ok(());
        for _ in 0..chance.usize(BLOWS).min(count - report.rows.len()) {
            match episode.survive(blow(&mut chance)).await {
                Ok(row) => report.rows.push(row),
                Err(breaches) => judged = Err(breaches),
            }
            if judged.is_err() {
                break;
            }
        }
        if judged.is_ok() {
            judged = episode.finish().await;
        }
        if let Err(breaches) = judged {
            match report.rows.last_mut().filter(|row| row.seed == seed) {
                Some(row) => row.breaches.extend(breaches),
                None => panic!("seed {seed}, before any blow: {breaches:?}"),
            }
        }
        seed += 1;
    }
    report.took = started.elapsed();
    println!("{report}");
    report
}

/// In a start (a first one takes some 600 operations, later ones a few dozen), under load, or when windows were written.
fn power_cut(chance: &mut Rng) -> Blow {
    let at = match chance.u8(0..10) {
        0 | 1 => chance.u64(1..60),
        2..=7 => chance.u64(60..2_500),
        _ => chance.u64(2_500..6_000),
    };
    Blow::PowerCut { at }
}

/// Late enough that something was acknowledged.
fn late_power_cut(chance: &mut Rng) -> Blow {
    Blow::PowerCut { at: chance.u64(1_200..2_500) }
}

/// G3, G5, G7: with `fsync = "always"` a power cut takes nothing that was acknowledged.
#[tokio::test]
async fn nothing_acknowledged_is_lost_doubled_or_reordered_by_a_power_cut() {
    let plan = Plan { storage: format!("fsync = \"always\"\n{WINDOWS}"), rules: rules(), fault: "", is_checked: true };
    let report = run(&plan, number("FANFARE_CRASH_POINTS", 10), power_cut).await;
    assert_eq!(report.blows_with_breaches(), 0, "{report}");
    let (deleted, expired) = report.departed();
    assert!(deleted > 0 && expired > 0, "nothing was to come back: {report}");
}

/// Without a power cut everything that was written is there, also what was never synced.
#[tokio::test]
async fn nothing_acknowledged_is_lost_doubled_or_reordered_by_a_kill() {
    let count = number("FANFARE_CRASH_KILLS", 3);
    for (fsync, count) in [("always", count - count / 3), ("never", count / 3)] {
        let storage = format!("fsync = \"{fsync}\"\n{WINDOWS}");
        let plan = Plan { storage, rules: rules(), fault: "", is_checked: true };
        let report = run(&plan, count, |chance| Blow::Kill { after: chance.usize(1..1_500) }).await;
        assert_eq!(report.blows_with_breaches(), 0, "{report}");
    }
}

/// The test bites: without syncs the same power cuts lose what was acknowledged. They lose the end and nothing worse.
#[tokio::test]
async fn a_log_that_is_never_synced_loses_what_was_acknowledged() {
    let storage = format!("fsync = \"never\"\n{WINDOWS}");
    let plan = Plan { storage, rules: rules(), fault: "", is_checked: true };
    let broken = run(&plan, number("FANFARE_CRASH_LOSSES", 3), late_power_cut).await.broken();
    assert!(broken.contains_key(&Promise::Kept), "the oracle saw no loss: {broken:?}");
    use Promise::{Batch, Checks, Epoch, Fold, Genuine, Pages, Row, Serves};
    for promise in [Serves, Checks, Epoch, Row, Genuine, Batch, Pages, Fold] {
        assert!(!broken.contains_key(&promise), "worse than a lost end: {broken:?}");
    }
}

/// The test bites: so does a disk that says it has synced and has not.
#[tokio::test]
async fn a_disk_that_lies_about_its_syncs_loses_what_was_acknowledged() {
    let storage = format!("fsync = \"always\"\n{WINDOWS}");
    let plan = Plan { storage, rules: rules(), fault: "sync LIE 0 0 /wal/", is_checked: false };
    let broken = run(&plan, number("FANFARE_CRASH_LOSSES", 3), late_power_cut).await.broken();
    // A log of which nothing is left but later parts is told as damaged, which is the other way to notice.
    let is_noticed = broken.contains_key(&Promise::Kept) || broken.contains_key(&Promise::Serves);
    assert!(is_noticed, "the oracle saw no loss: {broken:?}");
}
