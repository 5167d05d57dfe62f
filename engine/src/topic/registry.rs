//! Which topics are active on this node: the one table that all threads share.

use std::sync::Arc;

use actix::{Actor, Addr, Context};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use fanfare_protocol::TopicName;

use super::actor::{Close, Committing, Open, Quiet, TopicActor};
use crate::hash::Seeded;
use crate::hub::{HubActor, HubId};
use crate::log::Committed;
use crate::node::Node;
use crate::view::ViewKey;

/// Topic to the address of its actor. A message to a topic is sent while its entry is locked, so that an actor
/// which has taken itself out of the table knows that its mailbox holds the last one.
#[derive(Debug, Default)]
pub struct Topics {
    active: DashMap<TopicName, Addr<TopicActor>, Seeded>,
}

impl Topics {
    /// Asks the topic for a view on behalf of a hub, starting the topic's actor on this thread if it is not active.
    pub fn open(&self, key: ViewKey, hub: HubId, address: Addr<HubActor>, node: &Arc<Node>) {
        let topic = key.topic.clone();
        let open = Open { key, hub, address };
        match self.active.entry(topic.clone()) {
            Entry::Occupied(mut entry) => {
                // A dead address is left behind by a topic actor that panicked: the next one starts from the log.
                if !entry.get().connected() {
                    node.telemetry.defects.inc();
                    entry.insert(start(topic, node));
                }
                entry.get().do_send(open);
            }
            Entry::Vacant(entry) => entry.insert(start(topic, node)).do_send(open),
        }
    }

    /// A hub no longer follows a view.
    pub fn close(&self, key: &ViewKey, view: u32, hub: HubId) {
        if let Some(topic) = self.active.get(&key.topic) {
            topic.do_send(Close { view, hub });
        }
    }

    /// A view that leaves events out was silent for long on some hub.
    pub fn quiet(&self, key: &ViewKey, view: u32) {
        if let Some(topic) = self.active.get(&key.topic) {
            topic.do_send(Quiet { view });
        }
    }

    /// Hands committed publications to those topics that are active. Called on the thread that applied them, after
    /// they became visible in the log.
    pub fn committed(&self, batches: Vec<Committed>) {
        for committed in batches {
            if let Some(topic) = self.active.get(&committed.topic) {
                topic.do_send(Committing(committed));
            }
        }
    }

    /// Takes a topic out, so that its mailbox gets no further message.
    pub(super) fn remove(&self, topic: &TopicName) {
        self.active.remove(topic);
    }
}

fn start(topic: TopicName, node: &Arc<Node>) -> Addr<TopicActor> {
    let node = Arc::clone(node);
    TopicActor::create(|_: &mut Context<TopicActor>| TopicActor::new(topic, node))
}
