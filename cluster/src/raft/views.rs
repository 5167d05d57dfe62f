//! Views that are being sent: kept for a while after a transfer broke off, so that who comes back goes on where it was
//! and not from the beginning. Chunks of two views are never mixed, so only the same view will do.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::shard::SnapshotView;

/// The views of one group; as many as nodes are being sent one.
pub(super) struct Views {
    kept_for: Duration,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    view: Arc<dyn SnapshotView>,
    transfers: usize,
    /// What counts when there is no transfer.
    until: Instant,
}

/// A transfer under way.
pub(super) struct Held {
    views: Arc<Views>,
    view: Arc<dyn SnapshotView>,
    is_done: bool,
}

impl Views {
    pub(super) fn new(kept_for: Duration) -> Self {
        Self { kept_for, kept: Mutex::default() }
    }

    /// The view that somebody is being sent or may come back for: whoever needs one is given the same.
    pub(super) fn current(&self) -> Option<Arc<dyn SnapshotView>> {
        let mut kept = self.kept.lock();
        drop_expired(&mut kept);
        kept.first().map(|kept| Arc::clone(&kept.view))
    }

    /// The entry that the oldest view stands at. The log above it is still needed by whoever receives the view.
    pub(super) fn oldest_index(&self) -> Option<u64> {
        let mut kept = self.kept.lock();
        drop_expired(&mut kept);
        kept.iter().map(|kept| kept.view.id().position.index).min()
    }

    /// Keeps a view for a transfer.
    pub(super) fn hold(self: &Arc<Self>, view: Arc<dyn SnapshotView>) -> Held {
        let mut kept = self.kept.lock();
        match kept.iter_mut().find(|kept| kept.view.id() == view.id()) {
            Some(kept) => kept.transfers += 1,
            None => kept.push(Kept { view: Arc::clone(&view), transfers: 1, until: Instant::now() }),
        }
        Held { views: Arc::clone(self), view, is_done: false }
    }

    fn release(self: &Arc<Self>, view: &dyn SnapshotView, is_done: bool) {
        let mut kept = self.kept.lock();
        let Some(found) = kept.iter_mut().find(|kept| kept.view.id() == view.id()) else {
            return;
        };
        found.transfers -= 1;
        found.until = if is_done { Instant::now() } else { Instant::now() + self.kept_for };
        let until = found.until;
        drop_expired(&mut kept);
        drop(kept);
        // What a view holds back is let go of also when nobody asks again. Outside the runtime everything is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let views = Arc::clone(self);
            runtime.spawn(async move {
                tokio::time::sleep_until(until).await;
                drop_expired(&mut views.kept.lock());
            });
        }
    }
}

fn drop_expired(kept: &mut Vec<Kept>) {
    let now = Instant::now();
    kept.retain(|kept| kept.transfers > 0 || kept.until > now);
}

impl Held {
    /// The other side has it: nobody will come back for it.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.views.release(&*self.view, self.is_done);
    }
}
