//! Views that are being sent: kept for a while after a transfer broke off, so that who comes back goes on where it was
//! and not from the beginning. Chunks of two views are never mixed, so only the same view will do.
//!
//! A view holds back the log above it and all that it sees of the store, so one of which nobody has anything is let go of
//! at once: a node that is away is tried again and again, for as long as it is away. One that holds back more than it may
//! is not sent any further: who was being sent it begins anew with another.

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
    end: End,
}

/// How a transfer has ended if it ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The other side was not reached: it has no more of the view than before.
    Unheard,
    /// The other side has a part, or may have, and may come back for the rest.
    Broken,
    /// The other side has it all.
    Done,
}

impl Views {
    pub(super) fn new(kept_for: Duration) -> Self {
        Self { kept_for, kept: Mutex::default() }
    }

    /// The view that somebody is being sent or may come back for: whoever needs one is given the same, unless it holds
    /// back too much.
    pub(super) fn current(&self) -> Option<Arc<dyn SnapshotView>> {
        let mut kept = self.kept.lock();
        drop_expired(&mut kept);
        kept.iter().find(|kept| !kept.view.is_stale()).map(|kept| Arc::clone(&kept.view))
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
        Held { views: Arc::clone(self), view, end: End::Unheard }
    }

    fn release(self: &Arc<Self>, view: &dyn SnapshotView, end: End) {
        let mut kept = self.kept.lock();
        let Some(found) = kept.iter_mut().find(|kept| kept.view.id() == view.id()) else {
            return;
        };
        found.transfers -= 1;
        match end {
            End::Unheard => {}
            End::Broken => found.until = Instant::now() + self.kept_for,
            End::Done => found.until = Instant::now(),
        }
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
    kept.retain(|kept| kept.transfers > 0 || (kept.until > now && !kept.view.is_stale()));
}

impl Held {
    /// What is sent.
    pub(super) fn view(&self) -> &Arc<dyn SnapshotView> {
        &self.view
    }

    /// The other side takes it in.
    pub(super) fn begun(&mut self) {
        self.end = End::Broken;
    }

    /// The other side has it: nobody will come back for it.
    pub(super) fn done(mut self) {
        self.end = End::Done;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.views.release(&*self.view, self.end);
    }
}
