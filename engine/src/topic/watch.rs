//! Opening a watch: from its plan to a subscription and the place where it begins.

use std::rc::Rc;
use std::time::Duration;

use fanfare_protocol::{Error, OnGone, ResourceVersion};

use super::bell::Bell;
use super::catch_up::{Reader, Start};
use super::fetch::faulted;
use super::meter::Meter;
use super::plan::{Begin, WatchPlan};
use crate::hub::{Hub, Outlet};
use crate::log::{Gap, ReadLimit};
use crate::node::Node;
use crate::view::{ViewKey, Wire};

/// A subscription that is open and not yet fed: the client is told first, then [`Reader::start`] runs.
#[derive(Debug)]
pub struct Watching {
    /// The version to tell the client.
    pub version: ResourceVersion,
    /// Whether its cursor is continued.
    pub resumed: bool,
    /// Brings it to the head.
    pub reader: Reader,
    /// Where that begins.
    pub start: Start,
}

impl WatchPlan {
    /// Opens the subscription on this worker.
    ///
    /// # Errors
    /// `ALREADY_SUBSCRIBED`, `UNAVAILABLE`, `VERSION_AHEAD`, and with `onGone=close` `GONE` or `EPOCH_CHANGED`.
    pub async fn open(self, hub: &Rc<Hub>, outlet: &Rc<Outlet>, wire: Wire) -> Result<Watching, Error> {
        // Who only wants to know that the topic moved looks at what it reads by itself.
        let lens = self.lens.clone().filter(|_| wire != Wire::Signal);
        let key = ViewKey { topic: self.topic.clone(), wire, lens };
        let slot = hub.subscribe(&key, outlet, self.terms).await?;
        let meter = self.meter(hub.node(), wire);
        let (hub, outlet) = (Rc::clone(hub), Rc::clone(outlet));
        let reader = Reader { hub, outlet, slot, key, terms: self.terms, meter };
        match self.place(&reader).await {
            Ok((version, resumed, start)) => Ok(Watching { version, resumed, reader, start }),
            Err(error) => {
                reader.hub.unsubscribe(&reader.outlet, slot);
                Err(error)
            }
        }
    }

    /// Of a subscriber that does not take all there is.
    fn meter(&self, node: &Node, wire: Wire) -> Option<Rc<Meter>> {
        let is_stream = !node.is_state(&self.topic);
        let pace = self.lens.as_ref().map(|lens| *lens.pace()).unwrap_or_default();
        let rate = pace.rate.filter(|_| is_stream);
        let is_metered = (self.credit.is_some() || rate.is_some()) && wire != Wire::Signal;
        // Where events wait for each other, the ceiling is one of what they wait for.
        let rate = rate.filter(|_| !pace.holds_back(false));
        is_metered.then(|| Rc::new(Meter::new(self.credit, rate)))
    }

    async fn place(&self, reader: &Reader) -> Result<(ResourceVersion, bool, Start), Error> {
        let node = reader.hub.node();
        if !self.terms.is_local && !matches!(self.begin, Begin::After(_)) {
            node.read_barrier(&self.topic).await?;
        }
        let version = match self.begin {
            Begin::After(version) => return self.resume(reader, version).await,
            Begin::Snapshot => {
                let snapshot = node.fetch(node.log.snapshot(&self.topic, self.terms.limit)).await?;
                return Ok((snapshot.version, false, Start::Snapshot(snapshot)));
            }
            Begin::Beginning => node.log.beginning(&self.topic).map_err(|fault| faulted(&fault))?,
            Begin::Latest => node.log.head(&self.topic).map_err(|fault| faulted(&fault))?,
        };
        Ok((version, false, Start::After(version)))
    }

    async fn resume(&self, reader: &Reader, cursor: ResourceVersion) -> Result<(ResourceVersion, bool, Start), Error> {
        let wait = Duration::from_millis(u64::from(reader.hub.node().config.delivery.version_wait_ms));
        let deadline = tokio::time::Instant::now() + wait;
        let bell = Bell::of_topic(reader).await;
        loop {
            let node = reader.hub.node();
            let seen = bell.head();
            match node.fetch(node.log.read_after(&self.topic, cursor, ANYTHING)).await? {
                Ok(_) => return Ok((cursor, true, Start::After(cursor))),
                Err(Gap::Ahead { .. }) if bell.head() != seen => {}
                Err(gap @ Gap::Ahead { .. }) => {
                    let moved = tokio::time::timeout_at(deadline, bell.moved()).await;
                    if moved.is_err() {
                        return Err(gap.to_error(self.topic.as_str()));
                    }
                }
                Err(gap) if self.terms.on_gone == OnGone::Close => return Err(gap.to_error(self.topic.as_str())),
                Err(gap) => return Ok((cursor, false, Start::Gap(cursor, gap))),
            }
        }
    }
}

/// Enough to learn whether a cursor can be continued.
const ANYTHING: ReadLimit = ReadLimit { count: 1, bytes: 1 };
