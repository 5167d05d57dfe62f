//! A topic that someone follows on this node.
//!
//! Started by the first hub that wants a view of it, on that hub's worker; stops when no view is left. Hears one
//! message per committed entry, encodes it once per view and hands the frames to the hubs, one message each. Its
//! mailbox is as long as the worker is behind the shard; a commit that finds it long costs no one but the topic.
//! If it panics, its followers' views go silent until they reopen; the log has everything.

use std::sync::Arc;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use fanfare_protocol::{ResourceVersion, TopicName};

use crate::hub::{Frame, Frames, HubActor, HubId, Opened};
use crate::log::Committed;
use crate::node::Node;
use crate::view::{self, Span, ViewKey};

/// A hub wants a view.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Open {
    pub(super) key: ViewKey,
    pub(super) hub: HubId,
    pub(super) address: Addr<HubActor>,
}

/// A hub no longer wants one.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Close {
    pub(super) view: u32,
    pub(super) hub: HubId,
}

/// The shard committed publications of this topic.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Committing(pub(super) Committed);

/// Nothing can arrive any more: the topic left the table before this was sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Retire;

#[derive(Debug)]
struct Follower {
    hub: HubId,
    address: Addr<HubActor>,
}

#[derive(Debug)]
struct TopicView {
    key: ViewKey,
    number: u32,
    followers: Vec<Follower>,
}

/// See the module.
#[derive(Debug)]
pub struct TopicActor {
    topic: TopicName,
    node: Arc<Node>,
    /// Everything up to here was handed to the hubs.
    head: ResourceVersion,
    /// The entry of the shard that `head` was first read at: commits up to it are part of it.
    read_at: u64,
    views: Vec<TopicView>,
    retiring: bool,
    /// Its head could not be read: no view of it can be opened.
    is_faulted: bool,
}

impl TopicActor {
    /// Whoever starts it has put its address into the table, or holds the entry's lock: `started` reads the head
    /// afterwards, and so misses no commit.
    #[must_use]
    pub fn new(topic: TopicName, node: Arc<Node>) -> Self {
        Self {
            topic,
            node,
            head: ResourceVersion::NONE,
            read_at: 0,
            views: Vec::new(),
            retiring: false,
            is_faulted: false,
        }
    }

    fn retire(&mut self, ctx: &mut Context<Self>) {
        self.retiring = true;
        self.node.topics.remove(&self.topic);
        // Through the mailbox, behind everything that was sent before the topic left the table.
        ctx.address().do_send(Retire);
    }

    fn distribute(&mut self, committed: &Committed) {
        let Committed { after, through, .. } = *committed;
        let mut batches: Vec<(Addr<HubActor>, HubId, Vec<Frame>)> = Vec::new();
        for view in &self.views {
            let mut frames = frames(view, &Span::new(after, through, &committed.events));
            if committed.deleted {
                // No frame continues it: hubs send everyone to the log, which says that the epoch is over.
                frames.push(Frame { view: view.number, bytes: Bytes::new(), through: ResourceVersion::NONE });
            }
            for follower in &view.followers {
                match batches.iter_mut().find(|(_, hub, _)| *hub == follower.hub) {
                    Some((_, _, batch)) => batch.extend(frames.iter().cloned()),
                    None => batches.push((follower.address.clone(), follower.hub, frames.clone())),
                }
            }
        }
        self.head = if committed.deleted { ResourceVersion::NONE } else { through };
        for (address, _, batch) in batches {
            address.do_send(Frames(batch));
        }
    }
}

fn frames(of: &TopicView, span: &Span<'_>) -> Vec<Frame> {
    span.split()
        .map(|span| {
            let mut bytes = Vec::new();
            view::encode(of.key.wire, of.number, &span, &mut bytes);
            Frame { view: of.number, bytes: bytes.into(), through: span.through }
        })
        .collect()
}

impl Actor for TopicActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        match self.node.log.head_and_index(&self.topic) {
            Ok((head, read_at)) => (self.head, self.read_at) = (head, read_at),
            Err(fault) => {
                tracing::error!(topic = %self.topic, %fault, "the topic cannot be followed");
                self.is_faulted = true;
            }
        }
    }
}

impl Handler<Open> for TopicActor {
    type Result = ();

    fn handle(&mut self, Open { key, hub, address }: Open, ctx: &mut Self::Context) {
        if self.retiring {
            self.node.topics.open(key, hub, address, &self.node);
            return;
        }
        if self.is_faulted {
            address.do_send(Opened { key, view: None, head: self.head });
            self.retire(ctx);
            return;
        }
        let follower = Follower { hub, address: address.clone() };
        let number = match self.views.iter_mut().find(|v| v.key == key) {
            Some(view) => {
                view.followers.push(follower);
                Some(view.number)
            }
            None => self.node.next_view().inspect(|number| {
                self.views.push(TopicView { key: key.clone(), number: *number, followers: vec![follower] });
            }),
        };
        address.do_send(Opened { key, view: number, head: self.head });
    }
}

impl Handler<Close> for TopicActor {
    type Result = ();

    fn handle(&mut self, Close { view, hub }: Close, ctx: &mut Self::Context) {
        let view = self.views.iter_mut().find(|v| v.number == view);
        if let Some(view) = view
            && let Some(at) = view.followers.iter().position(|f| f.hub == hub)
        {
            view.followers.swap_remove(at);
        }
        self.views.retain(|v| !v.followers.is_empty());
        if self.views.is_empty() && !self.retiring {
            self.retire(ctx);
        }
    }
}

impl Handler<Committing> for TopicActor {
    type Result = ();

    fn handle(&mut self, Committing(committed): Committing, _: &mut Self::Context) {
        if committed.index > self.read_at {
            self.distribute(&committed);
        }
    }
}

impl Handler<Retire> for TopicActor {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
