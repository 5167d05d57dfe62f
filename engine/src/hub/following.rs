//! What readers of the log ask the hub: whether they may join a ring, and to be woken when there is more.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use fanfare_protocol::ResourceVersion;
use tokio::sync::SemaphorePermit;

use super::pages::{EncodedPage, PageKey};
use super::slot::Slot;
use super::terms::Terms;
use super::view::{Continue, HubView};
use super::worker::Hub;
use crate::view::ViewKey;

impl Hub {
    /// A page that was read for another subscriber of the same view, and goes no further than this offset.
    #[must_use]
    pub fn page(&self, key: PageKey, through: u64) -> Option<EncodedPage> {
        let page = self.pages.borrow().find(key, through)?;
        self.node().telemetry.catch_up_pages_shared.inc();
        Some(page)
    }

    /// Keeps a page for the others.
    pub fn keep_page(&self, key: PageKey, page: EncodedPage) {
        self.pages.borrow_mut().keep(key, page);
    }

    /// Waits for a turn to read the log, which lasts until what it gives is dropped: a herd that comes back reads a few at a
    /// time and not faster than it may, so that those who are live are served in between.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = self.catch_ups.acquire().await.ok();
        while let Some(wait) = self.read_wait() {
            tokio::time::sleep(wait).await;
        }
        turn
    }

    fn read_wait(&self) -> Option<Duration> {
        let mut allowance = self.read_bytes.borrow_mut();
        (allowance.now(self.started.elapsed()) == 0).then(|| allowance.wait())
    }

    /// So many bytes were read in a turn.
    pub fn has_read(&self, bytes: usize) {
        self.read_bytes.borrow_mut().spend(bytes);
    }

    /// How a reader that has everything through `cursor` goes on. When it is live, the next sweep serves it.
    pub fn join(&self, slot: Slot, cursor: ResourceVersion) -> Continue {
        let mut views = self.views.borrow_mut();
        let Some(view) = views.open.get_mut(&slot.view) else { return Continue::Wait };
        let how = view.join(slot.key, cursor);
        if how == Continue::Live && view.ring.head().offset > cursor.offset {
            views.mark_moved(slot.view);
            self.work.notify_one();
        }
        how
    }

    /// A reader of the log has told its subscriber everything up to this cursor, and does not ask to join.
    pub fn stands_at(&self, slot: Slot, cursor: ResourceVersion) {
        if let Some(view) = self.views.borrow_mut().open.get_mut(&slot.view) {
            view.stands_at(slot.key, cursor);
        }
    }

    /// What a subscription is of, what it wants, and up to where it has been told everything, once that has begun.
    #[must_use]
    pub fn standing(&self, slot: Slot) -> Option<(ViewKey, Terms, Option<ResourceVersion>)> {
        let views = self.views.borrow();
        let view = views.open.get(&slot.view)?;
        let (terms, cursor) = view.standing(slot.key)?;
        Some((view.key.clone(), terms, cursor))
    }

    /// Where the view of `slot` stands; `None` when it is no longer open.
    #[must_use]
    pub fn head(&self, slot: Slot) -> Option<ResourceVersion> {
        self.views.borrow().open.get(&slot.view).map(HubView::head)
    }

    /// Waits until the view of `slot` moves, or the subscription ends.
    pub async fn moved(&self, slot: Slot) {
        let mut waited = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            let mut views = self.views.borrow_mut();
            let waits = views.open.get_mut(&slot.view).is_some_and(|v| v.wait(slot.key, cx.waker().clone()));
            if waits { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
