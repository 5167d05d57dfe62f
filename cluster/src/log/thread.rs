//! Who steps the writer: a thread, the only place of the log with a clock, or callers.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::fault::LogFault;
use super::record::Place;
use super::settings::SyncMode;
use super::shared::{Shared, Wake};
use super::spares::FULL_RETRY;
use super::writer::{Step, Writer};

/// How long nothing must have been called before the log marks how far it is durable: 200 ms, so that a steady trickle pays nothing.
const MARK_AFTER: Duration = Duration::from_millis(200);

/// Writes until the log is closed.
pub(super) fn run(writer: &Mutex<Writer>, shared: &Shared, sync: SyncMode) {
    let guard = PanicGuard { writer };
    let mut sync_at: Option<Instant> = None;
    // When, if the log still ends where it did.
    let mut mark_at: Option<(Instant, Place)> = {
        let writer = writer.lock();
        writer.is_unmarked().then(|| (Instant::now() + MARK_AFTER, writer.end()))
    };
    let mut step = Step::Idle;
    loop {
        let until = [sync_at, mark_at.map(|(at, _)| at)].into_iter().flatten().min();
        let at_most = until.map(|until| until.saturating_duration_since(Instant::now()));
        let wake = if matches!(step, Step::Idle | Step::Failed) { shared.wait(at_most) } else { Wake::Work };
        if wake == Wake::Closing {
            break;
        }
        let mut writer = writer.lock();
        // What was begun and found no space is gone on with by whoever comes.
        if wake != Wake::Attended || writer.is_amid() {
            step = writer.step();
        }
        let now = Instant::now();
        if sync_at.is_some_and(|at| at <= now) {
            // A failure is told to everyone who calls from now on.
            let _ = writer.flush();
            sync_at = None;
        }
        let end = writer.end();
        if step == Step::Idle && mark_at.is_some_and(|(at, quiet_since)| at <= now && quiet_since == end) {
            let _ = writer.mark();
        }
        if let SyncMode::Interval { interval_ms } = sync
            && writer.is_unsynced()
        {
            sync_at = sync_at.or(Some(now + Duration::from_millis(interval_ms)));
        }
        mark_at = match mark_at {
            _ if !writer.is_unmarked() => None,
            Some((at, quiet_since)) if quiet_since == end => Some((at, end)),
            _ => Some((now + MARK_AFTER, end)),
        };
        writer.is_watched = sync_at.is_some() || mark_at.is_some() || step == Step::Full;
        drop(writer);
        if step == Step::Full && shared.rest(FULL_RETRY) {
            break;
        }
    }
    std::mem::forget(guard);
}

/// If whoever writes panics, nobody writes any more: everyone who waits is told, and everyone who calls from then on.
struct PanicGuard<'a> {
    writer: &'a Mutex<Writer>,
}

/// Writes what was called, for callers who do so by themselves.
pub(super) fn write(writer: &Mutex<Writer>, shared: &Shared) {
    let guard = PanicGuard { writer };
    let mut stepping = writer.lock();
    while stepping.step() == Step::Done {}
    if stepping.wants_thread() {
        shared.ring();
    }
    drop(stepping);
    std::mem::forget(guard);
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        let source = io::Error::other("its writer ended by a defect, report it");
        self.writer.lock().give_up(&LogFault::io("write", Path::new("the log"), source));
    }
}
