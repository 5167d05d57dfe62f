//! What tells a reader of the log that there is more in it.

use std::rc::Rc;

use fanfare_protocol::ResourceVersion;

use super::catch_up::Reader;
use crate::hub::{Hub, Outlet, Slot};
use crate::view::{ViewKey, Wire};

/// Moves with what is committed to a topic. A view that leaves events out, or holds them back, does not, so that who waits for
/// them follows, as long as it waits, one that does.
#[derive(Debug)]
pub(super) struct Bell {
    hub: Rc<Hub>,
    /// Its own: nobody is told anything by it, and two views of one client may each have a bell of the same topic.
    outlet: Option<Rc<Outlet>>,
    slot: Slot,
}

impl Bell {
    /// For who reads what `reader` reads: moves with its view.
    pub(super) fn of_view(reader: &Reader) -> Self {
        Self { hub: Rc::clone(&reader.hub), outlet: None, slot: reader.slot }
    }

    /// The same, that moves with its topic.
    pub(super) async fn of_topic(reader: &Reader) -> Self {
        let hub = Rc::clone(&reader.hub);
        if reader.key.lens.is_none() {
            return Self::of_view(reader);
        }
        let key = ViewKey { topic: reader.key.topic.clone(), wire: Wire::Signal, lens: None };
        let outlet = Rc::new(Outlet::of_body(Wire::Signal, 0));
        match hub.subscribe(&key, &outlet, reader.terms).await {
            Ok(slot) => Self { hub, outlet: Some(outlet), slot },
            // Where it cannot be had the view's own has to do: then the wait may be longer than it need be.
            Err(_) => Self::of_view(reader),
        }
    }

    /// Where it stands, as it was last heard; `None` when it will be heard no more.
    pub(super) fn head(&self) -> Option<ResourceVersion> {
        self.hub.head(self.slot)
    }

    /// Resolves when the topic moves, and may do so without.
    pub(super) async fn moved(&self) {
        self.hub.moved(self.slot).await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if let Some(outlet) = &self.outlet {
            self.hub.unsubscribe(outlet, self.slot);
        }
    }
}
