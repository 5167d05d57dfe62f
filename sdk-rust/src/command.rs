//! What passes between the handles of a client and its owner task.

use std::sync::{Arc, Mutex};

use fanfare_protocol::{History, Publish, Watch};
use tokio::sync::{mpsc, oneshot, watch};

use crate::budget::Share;
use crate::error::Error;
use crate::session::{Answer, ConnectionState, Delivery, Stats, Taken, Ticket, WatchId, WatchSpec};

/// What the handles ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Watch(WatchId, Box<WatchSpec>, mpsc::UnboundedSender<Outcome>),
    Taken(WatchId, Taken),
    Update(WatchId, Box<Watch>),
    Unwatch(WatchId),
    Publish(Ticket, Box<Publish>, Reply),
    History(Ticket, History, Reply),
    Close(oneshot::Sender<()>),
}

/// Who waits for an answer, and the share of the budget that it takes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) to: oneshot::Sender<Result<Answer, Error>>,
    pub(crate) _share: Share,
}

/// What the reader of a watch gets. How much waits there is bounded by the session.
#[derive(Debug)]
pub(crate) enum Outcome {
    Delivery(Delivery),
    End(Option<Error>),
}

/// What the owner shares with its handles.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) state: watch::Sender<ConnectionState>,
    pub(crate) stats: Arc<Mutex<Stats>>,
}
