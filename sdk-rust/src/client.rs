//! The handle of a client: cheap to clone, and all clones speak over one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fanfare_protocol::TopicName;
use tokio::sync::{mpsc, oneshot, watch};

use crate::budget::{Budget, Share};
use crate::builder::ClientBuilder;
use crate::command::{Command, Reply};
use crate::error::{Error, ErrorKind};
use crate::session::{Answer, ConnectionState, Stats, Ticket, WatchId};
use crate::topic::Topic;

/// A connection to Fanfare and everything that goes over it.
///
/// It reconnects by itself, resumes every watch where it was, and repeats publishes that got no answer without doubling
/// them. When the last handle is dropped ([`Topic`]s and [`Watch`](crate::Watch)es are handles too) it closes, after
/// what waits to be published was.
///
/// ```no_run
/// # async fn example() -> Result<(), fanfare_client::Error> {
/// use fanfare_client::Client;
///
/// let client = Client::builder("http://127.0.0.1:8000").connect().await?;
/// let lobby = client.topic("chat:lobby");
/// let version = lobby.publish("hello").send().await?;
/// println!("it is version {version}");
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// What all handles of a client share.
#[derive(Debug)]
pub(crate) struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    budget: Arc<Budget>,
    report_bytes: usize,
    next_id: AtomicU64,
    state: watch::Receiver<ConnectionState>,
    stats: Arc<Mutex<Stats>>,
}

impl Client {
    /// Begins to describe a client of the node at `url` (`http`, `https`, `ws` or `wss`).
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    pub(crate) fn new(
        commands: mpsc::UnboundedSender<Command>,
        budget: Budget,
        watch_bytes_max: usize,
        state: watch::Receiver<ConnectionState>,
        stats: Arc<Mutex<Stats>>,
    ) -> Self {
        // Half of the bound has to be free before a watch that was stopped goes on; less than that may go unreported.
        let (budget, report_bytes, next_id) = (Arc::new(budget), watch_bytes_max / 4, AtomicU64::new(1));
        Self(Arc::new(Handle { commands, budget, report_bytes, next_id, state, stats }))
    }

    /// The topic with this name. Asks no one: a name that is not valid is told by whatever is done with it.
    #[must_use]
    pub fn topic(&self, name: impl AsRef<str>) -> Topic {
        let name = TopicName::parse(name.as_ref()).map_err(|error| Error::with_source(ErrorKind::Input, error));
        Topic::new(Arc::clone(&self.0), name)
    }

    /// How the connection stands, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.0.state.clone()
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.0.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all watches, waits until what was published is answered, as long as
    /// [`close_timeout`](ClientBuilder::close_timeout) allows, and closes the connection. Publishes that have no answer
    /// by then fail with [`ErrorKind::Closed`].
    pub async fn close(&self) {
        let (closer, closed) = oneshot::channel();
        if self.0.tell(Command::Close(closer)).is_ok() {
            // An error means that it is closed already.
            let _ = closed.await;
        }
    }
}

impl Handle {
    pub(crate) fn tell(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).map_err(|_| self.why_closed())
    }

    pub(crate) fn new_watch(&self) -> WatchId {
        WatchId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn new_ticket(&self) -> Ticket {
        Ticket(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a share of what may wait, for a request of so many bytes.
    pub(crate) fn share(&self, bytes: usize) -> Result<Share, Error> {
        self.budget.take(bytes)
    }

    /// How much a watch reads before it reports that.
    pub(crate) fn report_bytes(&self) -> usize {
        self.report_bytes
    }

    /// The error that ended the client, or that it was closed.
    pub(crate) fn why_closed(&self) -> Error {
        match &*self.state.borrow() {
            ConnectionState::Closed { error: Some(error) } => error.clone(),
            _ => Error::new(ErrorKind::Closed),
        }
    }
}

/// Where the answer to one request will be.
#[derive(Debug)]
pub(crate) struct Pending {
    handle: Arc<Handle>,
    answer: oneshot::Receiver<Result<Answer, Error>>,
}

impl Pending {
    /// Asks, for a share of the budget that is given back with the answer.
    pub(crate) fn ask(
        handle: &Arc<Handle>,
        bytes: usize,
        command: impl FnOnce(Ticket, Reply) -> Command,
    ) -> Result<Self, Error> {
        let (to, answer) = oneshot::channel();
        let reply = Reply { to, _share: handle.share(bytes)? };
        handle.tell(command(handle.new_ticket(), reply))?;
        Ok(Self { handle: Arc::clone(handle), answer })
    }

    pub(crate) async fn answer(self) -> Result<Answer, Error> {
        self.answer.await.unwrap_or_else(|_| Err(self.handle.why_closed()))
    }
}
