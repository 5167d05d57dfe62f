//! The hub's mailbox.
//!
//! Started by the worker that serves connections, stopped with it. Hears one message per batch of commits and
//! topic, so its mailbox grows with the rate of commits, not with subscribers, and is drained before each sweep.
//! If it panics, its worker's subscribers get no events until they reconnect; their cursors lose nothing.

use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use fanfare_protocol::ResourceVersion;

use super::refusal::SubscribeError;
use super::worker::Hub;
use crate::view::ViewKey;

/// Frames that a topic encoded, for all subscribers of their views on this worker.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Frames(pub Vec<Frame>);

/// One complete frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The view's number.
    pub view: u32,
    /// As it goes out.
    pub bytes: Bytes,
    /// The offset of its first event; behind `through` when it has none.
    pub first: u64,
    /// The version that a reader has reached with it.
    pub through: ResourceVersion,
    /// Its size before it was compressed, if it was.
    pub plain_bytes: Option<usize>,
}

/// The topic's answer to a hub that asked for a view. Every commit above `head` follows as [`Frames`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Opened {
    /// What was asked for.
    pub key: ViewKey,
    /// Its number, or why it has none.
    pub view: Result<u32, SubscribeError>,
    /// Where the topic stands.
    pub head: ResourceVersion,
}

/// The node drains: every connection is told, none is taken.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// See the module.
#[derive(Debug)]
pub struct HubActor(pub Rc<Hub>);

impl Actor for HubActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let hub = Rc::clone(&self.0);
        actix::spawn(async move { hub.run().await });
        ctx.run_interval(Duration::from_secs(1), |actor, _| actor.0.tick());
    }
}

impl Handler<Frames> for HubActor {
    type Result = ();

    fn handle(&mut self, frames: Frames, _: &mut Self::Context) {
        self.0.append(&frames.0);
    }
}

impl Handler<Opened> for HubActor {
    type Result = ();

    fn handle(&mut self, opened: Opened, _: &mut Self::Context) {
        self.0.opened(opened);
    }
}

impl Handler<Drain> for HubActor {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.0.drain();
    }
}
