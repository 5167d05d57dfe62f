//! A topic that someone follows on this node.
//!
//! Started by the first hub that wants a view of it, on that hub's worker; stops when no view is left. Hears one
//! message per committed entry, encodes it once per view and hands the frames to the hubs, one message each. Its
//! mailbox is as long as the worker is behind the shard; a commit that finds it long costs no one but the topic.
//! If it panics, its followers' views go silent until they reopen; the log has everything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use fanfare_protocol::{ResourceVersion, TopicName};

use super::changes::Changes;
use super::index::Index;
use super::view::{Follower, TopicView};
use crate::hash::HashMap;
use crate::hub::{Frame, Frames, HubActor, HubId, Opened, SubscribeError};
use crate::log::Committed;
use crate::node::Node;
use crate::telemetry::Packed;
use crate::view::ViewKey;

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

/// A view has been silent for long, and whoever follows it wants to know that nothing was missed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Quiet {
    pub(super) view: u32,
}

/// What a view held back may go.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Due {
    view: u32,
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
    /// Boxed: most topics have one view, and a map makes room for four.
    views: HashMap<u32, Box<TopicView>>,
    numbers: HashMap<ViewKey, u32>,
    index: Index,
    /// From when the moments of its views are counted.
    began: Instant,
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
            views: HashMap::default(),
            numbers: HashMap::default(),
            index: Index::default(),
            began: Instant::now(),
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

    fn distribute(&mut self, committed: &Committed, ctx: &mut Context<Self>) {
        let now = self.began.elapsed();
        let changes = Changes::of(committed);
        let mut batches = Batches::default();
        let concerned = match changes.is_turn() {
            true => self.views.keys().copied().collect(),
            false => self.index.concerned(&changes),
        };
        for number in concerned {
            let Some(view) = self.views.get_mut(&number) else { continue };
            let frames = view.distribute(&changes, now);
            count(&frames, &self.node);
            batches.add(view, &frames);
            arm(view, now, ctx);
        }
        self.head = if committed.deleted { ResourceVersion::NONE } else { committed.through };
        batches.send();
    }
}

/// What goes to each hub, in one message.
#[derive(Debug, Default)]
struct Batches(Vec<(Addr<HubActor>, HubId, Vec<Frame>)>);

impl Batches {
    fn add(&mut self, view: &TopicView, frames: &[Frame]) {
        if frames.is_empty() {
            return;
        }
        for follower in &view.followers {
            match self.0.iter_mut().find(|(_, hub, _)| *hub == follower.hub) {
                Some((_, _, batch)) => batch.extend(frames.iter().cloned()),
                None => self.0.push((follower.address.clone(), follower.hub, frames.to_vec())),
            }
        }
    }

    fn send(self) {
        for (address, _, batch) in self.0 {
            address.do_send(Frames(batch));
        }
    }
}

/// What was compressed of them.
fn count(frames: &[Frame], node: &Node) {
    for frame in frames {
        if let Some(plain_bytes) = frame.plain_bytes {
            node.telemetry.compressed(Packed::Batches, plain_bytes, frame.bytes.len());
        }
    }
}

fn arm(view: &mut TopicView, now: Duration, ctx: &mut Context<TopicActor>) {
    if let Some(due) = view.timer(now) {
        ctx.notify_later(Due { view: view.number }, due.saturating_sub(now));
    }
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
            address.do_send(Opened { key, view: Err(SubscribeError::Unavailable), head: self.head });
            self.retire(ctx);
            return;
        }
        let follower = Follower { hub, address: address.clone() };
        let (topic_head, is_state) = (self.head, self.node.is_state(&self.topic));
        let opened = match self.numbers.get(&key).and_then(|number| self.views.get_mut(number)) {
            Some(view) => {
                view.followers.push(follower);
                Ok(view)
            }
            None => self.node.next_view().map(|(number, place)| {
                let view = TopicView::new(key.clone(), (number, place), follower, topic_head, is_state);
                self.index.add(number, key.lens.as_deref());
                self.numbers.insert(key.clone(), number);
                self.views.entry(number).or_insert(Box::new(view))
            }),
        };
        let (view, head) = match opened {
            Ok(view) => (Ok(view.number), view.head(topic_head)),
            Err(refused) => (Err(refused), topic_head),
        };
        address.do_send(Opened { key, view, head });
        // Started for a view that could not be had, it would stay for ever.
        if self.views.is_empty() {
            self.retire(ctx);
        }
    }
}

impl Handler<Close> for TopicActor {
    type Result = ();

    fn handle(&mut self, Close { view: number, hub }: Close, ctx: &mut Self::Context) {
        if let Some(view) = self.views.get_mut(&number) {
            if let Some(at) = view.followers.iter().position(|f| f.hub == hub) {
                view.followers.swap_remove(at);
            }
            if view.followers.is_empty() {
                self.index.remove(number, view.key.lens.as_deref());
                self.numbers.remove(&view.key);
                self.views.remove(&number);
            }
        }
        if self.views.is_empty() && !self.retiring {
            self.retire(ctx);
        }
    }
}

impl Handler<Quiet> for TopicActor {
    type Result = ();

    fn handle(&mut self, Quiet { view }: Quiet, _: &mut Self::Context) {
        if let Some(view) = self.views.get_mut(&view) {
            let mut batches = Batches::default();
            let frames = view.quiet(self.head);
            batches.add(view, &frames);
            batches.send();
        }
    }
}

impl Handler<Due> for TopicActor {
    type Result = ();

    fn handle(&mut self, Due { view }: Due, ctx: &mut Self::Context) {
        let now = self.began.elapsed();
        if let Some(view) = self.views.get_mut(&view) {
            view.timed();
            let mut batches = Batches::default();
            let frames = view.flush(self.head, now, false);
            count(&frames, &self.node);
            batches.add(view, &frames);
            batches.send();
            arm(view, now, ctx);
        }
    }
}

impl Handler<Committing> for TopicActor {
    type Result = ();

    fn handle(&mut self, Committing(committed): Committing, ctx: &mut Self::Context) {
        if committed.index > self.read_at {
            self.distribute(&committed, ctx);
        }
    }
}

impl Handler<Retire> for TopicActor {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
