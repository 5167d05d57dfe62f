//! Reading a topic as it changes: a stream of events that outlives connections.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fanfare_protocol::{Consistency, ResourceVersion, TopicName};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::client::Handle;
use crate::command::{Command, Outcome};
use crate::error::Error;
use crate::event::Event;
use crate::session::{Delivery, Start, Taken, WatchId, WatchSpec};
use crate::view::View;

/// A watch to be. Made by [`Topic::watch`](crate::Topic::watch).
///
/// Filters, fields and pace are the node's to perform: what it does not take (`BAD_FILTER`, `BAD_PARAMETER`) ends the watch
/// with its error.
#[derive(Debug)]
#[must_use = "nothing is watched until `open`"]
pub struct WatchBuilder {
    handle: Arc<Handle>,
    topic: Result<TopicName, Error>,
    view: View,
    is_local: bool,
    spec: WatchSpec,
}

impl WatchBuilder {
    pub(crate) fn new(handle: Arc<Handle>, topic: Result<TopicName, Error>) -> Self {
        Self { handle, topic, view: View::new(), is_local: false, spec: WatchSpec::default() }
    }

    /// Where to begin; with the snapshot unless said otherwise.
    pub fn from(mut self, start: Start) -> Self {
        self.spec.terms.start = start;
        self
    }

    /// Publications in the snapshot of a `stream`; the node's default is 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.spec.terms.limit = Some(limit);
        self
    }

    /// Ends the watch with the error when its line cannot be continued, instead of an event of the kind
    /// [`Gone`](crate::EventKind::Gone) and a fresh snapshot.
    pub fn end_when_gone(mut self) -> Self {
        self.spec.terms.ends_when_gone = true;
        self
    }

    /// Leaves out what this client publishes itself.
    pub fn without_own(mut self) -> Self {
        self.spec.terms.skips_own = true;
        self
    }

    /// What to show, and how fast; the methods below say it one by one.
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// See [`View::filter`].
    pub fn filter(self, expression: impl Into<String>) -> Self {
        self.with(|view| view.filter(expression))
    }

    /// See [`View::equal`].
    pub fn equal<T: Serialize>(self, path: impl Into<String>, value: T) -> Self {
        self.with(|view| view.equal(path, value))
    }

    /// See [`View::fields`].
    pub fn fields<P: Into<String>>(self, paths: impl IntoIterator<Item = P>) -> Self {
        self.with(|view| view.fields(paths))
    }

    /// See [`View::on_change`].
    pub fn on_change(self) -> Self {
        self.with(View::on_change)
    }

    /// See [`View::interval`].
    pub fn interval(self, interval: Duration) -> Self {
        self.with(|view| view.interval(interval))
    }

    /// See [`View::debounce`].
    pub fn debounce(self, quiet: Duration) -> Self {
        self.with(|view| view.debounce(quiet))
    }

    /// See [`View::max_events_per_second`].
    pub fn max_events_per_second(self, rate: f64) -> Self {
        self.with(|view| view.max_events_per_second(rate))
    }

    /// See [`View::delta`].
    pub fn delta(self) -> Self {
        self.with(View::delta)
    }

    /// At most so many events on their way or unread, at least 1: the node is granted more as they are taken. A snapshot
    /// comes whole all the same. Watches of one client with equal views share the smallest of their credits.
    pub fn credit(mut self, events: u64) -> Self {
        self.spec.terms.credit = Some(events.max(1));
        self
    }

    /// Reads from the nearest replica, which may be behind, instead of the latest state.
    pub fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// Begins to watch. Works without a connection too; what goes wrong is told by the stream.
    pub fn open(self) -> Watch {
        let Self { handle, topic, view, is_local, mut spec } = self;
        let id = handle.new_watch();
        let (reader, outcomes) = mpsc::unbounded_channel();
        let cursor = match spec.terms.start {
            Start::After(version) => Some(version),
            Start::Snapshot | Start::Beginning | Start::Latest => None,
        };
        let credit = spec.terms.credit;
        let opened = topic.and_then(|topic| {
            spec.view = seen(view, is_local)?;
            topic.as_str().clone_into(&mut spec.view.topic);
            handle.tell(Command::Watch(id, Box::new(spec), reader))
        });
        let state = opened.map_or_else(|error| State::Ending(Some(error)), |()| State::Open(outcomes));
        Watch { handle, id, state, current: None, cursor, is_local, credit, taken: Taken::default() }
    }

    fn with(mut self, change: impl FnOnce(View) -> View) -> Self {
        self.view = change(self.view);
        self
    }
}

/// The events of a topic, as a [`Stream`] of results. Made by [`WatchBuilder::open`].
///
/// Every publication comes once and in order, over however many connections and restarts of the node. Where that is not
/// possible, because the topic no longer retains what was missed or began anew (it was deleted, or its namespace is
/// `ephemeral` and the node was restarted), an event of the kind [`Gone`](crate::EventKind::Gone) says so, and a fresh
/// snapshot follows. An error is the last item. Dropping the watch ends it.
///
/// ```no_run
/// # async fn example(topic: fanfare_client::Topic) -> Result<(), fanfare_client::Error> {
/// use fanfare_client::{EventKind, Start};
///
/// let mut watch = topic.watch().from(Start::Beginning).open();
/// while let Some(event) = watch.next().await {
///     let event = event?;
///     match event.kind() {
///         EventKind::Put => println!("{} {}", event.version(), event.json::<String>()?),
///         EventKind::Gone => println!("missed something: {:?}", event.error()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a watch that is dropped is over"]
pub struct Watch {
    handle: Arc<Handle>,
    id: WatchId,
    state: State,
    current: Option<Current>,
    cursor: Option<ResourceVersion>,
    is_local: bool,
    credit: Option<u64>,
    /// Read, and not reported to the session yet.
    taken: Taken,
}

#[derive(Debug)]
enum State {
    Open(mpsc::UnboundedReceiver<Outcome>),
    /// The last word is not read yet.
    Ending(Option<Error>),
    Over,
}

/// The delivery that is being read.
#[derive(Debug)]
struct Current {
    events: std::vec::IntoIter<Event>,
    cursor: Option<ResourceVersion>,
    weight_bytes: usize,
}

impl Watch {
    /// The next event; `None` when the watch is over.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Everything up to here was read: [`Start::After`] it continues without a gap, also in another program. Moves also
    /// without events, when a filter lets nothing through. `None` in a snapshot, which cannot be continued.
    #[must_use]
    pub fn cursor(&self) -> Option<ResourceVersion> {
        self.cursor
    }

    /// Shows another view of the topic from now on: a map that is panned, a list that is scrolled. What is not said of it
    /// is as [`View::new`] has it, whatever was shown before.
    ///
    /// What the watch delivers from there on follows an event of the kind [`ViewChanged`](crate::EventKind::ViewChanged);
    /// of several updates in a row the last is sure to be told. Of a `stream`, and where only the pace changes, the watch goes on
    /// where it was; of a `state` topic that is filtered or cut otherwise a snapshot follows. (One follows too where the node
    /// cannot be asked, because another watch of this client shares the view, and nothing came yet that tells a `stream`.) A view
    /// that the node does not take leaves the watch as it was, and is told by an event of the kind
    /// [`Failure`](crate::EventKind::Failure).
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for a value that is no JSON; [`ErrorKind::Closed`](crate::ErrorKind::Closed)
    /// or what ended the client.
    pub fn update(&self, view: View) -> Result<(), Error> {
        let view = seen(view, self.is_local)?;
        self.handle.tell(Command::Update(self.id, Box::new(view)))
    }

    fn take(&mut self) -> Option<Event> {
        let current = self.current.as_mut()?;
        let event = current.events.next();
        if current.events.as_slice().is_empty() {
            self.cursor = current.cursor;
            self.taken.bytes += current.weight_bytes;
            self.current = None;
        }
        self.taken.count += u64::from(event.is_some());
        self.report();
        event
    }

    /// Says what was read, now and then: a session that has stopped the flow waits for less than what is held back here.
    fn report(&mut self) {
        let is_worth_a_grant = self.credit.is_some_and(|credit| self.taken.count >= credit.div_ceil(4));
        if self.taken.bytes >= self.handle.report_bytes() || is_worth_a_grant {
            // A client that is closed does not mind.
            let _ = self.handle.tell(Command::Taken(self.id, std::mem::take(&mut self.taken)));
        }
    }
}

impl Stream for Watch {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.take() {
                return Poll::Ready(Some(Ok(event)));
            }
            let outcome = match &mut self.state {
                State::Open(outcomes) => ready!(outcomes.poll_recv(cx)),
                State::Ending(error) => {
                    let error = error.take();
                    self.state = State::Over;
                    return Poll::Ready(error.map(Err));
                }
                State::Over => return Poll::Ready(None),
            };
            match outcome {
                Some(Outcome::Delivery(Delivery { events, cursor, weight_bytes })) => {
                    self.current = Some(Current { events: events.into_iter(), cursor, weight_bytes });
                }
                Some(Outcome::End(error)) => self.state = State::Ending(error),
                // The client ended without a word to this watch.
                None => self.state = State::Ending(Some(self.handle.why_closed())),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if matches!(self.state, State::Open(_)) {
            // A client that is closed does not mind.
            let _ = self.handle.tell(Command::Unwatch(self.id));
        }
    }
}

/// A view as it is asked for.
fn seen(view: View, is_local: bool) -> Result<fanfare_protocol::Watch, Error> {
    let mut view = view.into_wire()?;
    if is_local {
        view.set_consistency(Consistency::Local);
    }
    Ok(view)
}
