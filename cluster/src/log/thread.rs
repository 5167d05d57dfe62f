//! The loop of the writer's thread: the only place of the log with a clock.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::fault::LogFault;
use super::settings::SyncMode;
use super::shared::{Shared, Wake};
use super::spares::FULL_RETRY;
use super::writer::{Step, Writer};

/// How long nothing must have been called before the log marks how far it is durable: 200 ms, so that a steady trickle pays nothing.
const MARK_AFTER: Duration = Duration::from_millis(200);

/// Writes until the log is closed.
pub(super) fn run(writer: &Mutex<Writer>, shared: &Shared, sync: SyncMode) {
    let guard = PanicGuard { writer };
    let (mut sync_at, mut mark_at): (Option<Instant>, Option<Instant>) = (None, None);
    let mut step = Step::Done;
    loop {
        let until = [sync_at, mark_at].into_iter().flatten().min();
        let at_most = until.map(|until| until.saturating_duration_since(Instant::now()));
        if matches!(step, Step::Idle | Step::Failed) && shared.wait(at_most) == Wake::Closing {
            break;
        }
        let mut writer = writer.lock();
        step = writer.step();
        let now = Instant::now();
        if sync_at.is_some_and(|at| at <= now) {
            // A failure is told to everyone who calls from now on.
            let _ = writer.flush();
            sync_at = None;
        }
        if step == Step::Idle && mark_at.is_some_and(|at| at <= now) {
            let _ = writer.mark();
        }
        if let SyncMode::Interval { interval_ms } = sync
            && writer.is_unsynced()
        {
            sync_at = sync_at.or(Some(now + Duration::from_millis(interval_ms)));
        }
        mark_at = writer.is_unmarked().then(|| now + MARK_AFTER);
        drop(writer);
        if step == Step::Full && shared.rest(FULL_RETRY) {
            break;
        }
    }
    std::mem::forget(guard);
}

/// If the thread panics, nobody writes any more: everyone who waits is told, and everyone who calls from then on.
struct PanicGuard<'a> {
    writer: &'a Mutex<Writer>,
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        let source = io::Error::other("its writer ended by a defect, report it");
        self.writer.lock().give_up(&LogFault::io("write", Path::new("the log"), source));
    }
}
