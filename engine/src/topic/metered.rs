//! A subscription with a meter, whose events wait for nothing else: it reads the log as fast as it may, and never follows the
//! ring of its view.

use std::time::{Duration, Instant};

use fanfare_protocol::{EventType, ResourceVersion};

use super::catch_up::{CatchUp, Ended};
use super::meter::{Meter, Turn};
use crate::view::{self, Span};

impl CatchUp {
    /// Reads until the subscription ends.
    pub(super) async fn follow_metered(&self, mut cursor: ResourceVersion, meter: &Meter) -> Result<(), Ended> {
        let (hub, slot) = (&self.reader.hub, self.reader.slot);
        let silence = Duration::from_millis(hub.node().config.delivery.bookmark_interval_ms.into());
        let began = Instant::now();
        let mut said = began;
        loop {
            self.room().await?;
            hub.stands_at(slot, cursor);
            match meter.turn(began.elapsed()) {
                Turn::Now(events) => {
                    let (before, seen) = (cursor, hub.head(slot));
                    let shown;
                    (cursor, shown) = self.read(cursor, u64::MAX, events).await?;
                    meter.spend(shown);
                    if cursor != before {
                        said = Instant::now();
                        continue;
                    }
                    // Nothing awaits between this and the registration, so no move of the view is missed.
                    if hub.head(slot) == seen {
                        let _ = tokio::time::timeout(silence.saturating_sub(said.elapsed()), hub.moved(slot)).await;
                    }
                    // The view's own bookmarks move it too, and are not for who follows no ring.
                    if said.elapsed() >= silence {
                        said = Instant::now();
                        self.push(&Span::new(cursor, cursor, &[view::marker(EventType::Bookmark, cursor)]))?;
                    }
                }
                Turn::After(wait) => {
                    // The end of the subscription is a move of the view too, so that no one outlives it for long.
                    let _ = tokio::time::timeout(wait, self.ended()).await;
                }
                // Over HTTP a request is the grant, and its answer ends with it.
                Turn::Granted if !self.reader.key.wire.is_session() => return self.end(),
                Turn::Granted => tokio::select! {
                    () = meter.granted() => {}
                    () = self.ended() => {}
                },
            }
        }
    }

    async fn ended(&self) {
        while self.open().is_ok() {
            self.reader.hub.moved(self.reader.slot).await;
        }
    }
}
