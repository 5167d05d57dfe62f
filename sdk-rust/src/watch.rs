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
use crate::session::{Delivery, Start, WatchId, WatchSpec};

/// A watch to be. Made by [`Topic::watch`](crate::Topic::watch).
///
/// The parameters that shape the view (filters, fields, pace) are the node's to perform: one that it does not offer
/// ends the watch with its error, `NOT_SUPPORTED`.
#[derive(Debug)]
#[must_use = "nothing is watched until `open`"]
pub struct WatchBuilder {
    handle: Arc<Handle>,
    topic: Result<TopicName, Error>,
    spec: WatchSpec,
}

impl WatchBuilder {
    pub(crate) fn new(handle: Arc<Handle>, topic: Result<TopicName, Error>) -> Self {
        Self { handle, topic, spec: WatchSpec::default() }
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

    /// Only events for which this CEL expression holds, over `key`, `data`, `attributes`, `time` and `publisher`.
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.spec.view.filter = Some(expression.into());
        self
    }

    /// Only events whose `key`, `attributes.NAME` or `data.PATH` equals the value; cheaper than a filter.
    pub fn equal<T: Serialize>(mut self, path: impl Into<String>, value: T) -> Self {
        let json = serde_json::to_string(&value);
        match json {
            Ok(json) => {
                self.spec.view.r#where.insert(path.into(), json);
            }
            Err(error) => self.topic = Err(Error::with_source(crate::ErrorKind::Input, error)),
        }
        self
    }

    /// Dotted paths of the data to keep.
    pub fn fields<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.spec.view.fields = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Only events whose kept fields changed.
    pub fn on_change(mut self) -> Self {
        self.spec.view.on_change = true;
        self
    }

    /// At most one batch in this time.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.spec.view.interval_ms = Some(whole_ms(interval));
        self
    }

    /// A batch after so much quiet, after ten times that at longest.
    pub fn debounce(mut self, quiet: Duration) -> Self {
        self.spec.view.debounce_ms = Some(whole_ms(quiet));
        self
    }

    /// A ceiling for the rate of events.
    pub fn max_events_per_second(mut self, rate: f64) -> Self {
        self.spec.view.max_events_per_second = Some(rate);
        self
    }

    /// Changed keys come as merge patches, [`Patch`](crate::EventKind::Patch).
    pub fn delta(mut self) -> Self {
        self.spec.view.delta = true;
        self
    }

    /// Reads from the nearest replica, which may be behind, instead of the latest state.
    pub fn local(mut self) -> Self {
        self.spec.view.set_consistency(Consistency::Local);
        self
    }

    /// Begins to watch. Works without a connection too; what goes wrong is told by the stream.
    pub fn open(self) -> Watch {
        let Self { handle, topic, mut spec } = self;
        let id = handle.new_watch();
        let (reader, outcomes) = mpsc::unbounded_channel();
        let cursor = match spec.terms.start {
            Start::After(version) => Some(version),
            Start::Snapshot | Start::Beginning | Start::Latest => None,
        };
        let opened = topic.and_then(|topic| {
            topic.as_str().clone_into(&mut spec.view.topic);
            handle.tell(Command::Watch(id, Box::new(spec), reader))
        });
        let state = opened.map_or_else(|error| State::Ending(Some(error)), |()| State::Open(outcomes));
        Watch { handle, id, state, current: None, cursor, taken_bytes: 0 }
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
    /// Read, and not reported to the session yet.
    taken_bytes: usize,
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

    fn take(&mut self) -> Option<Event> {
        let current = self.current.as_mut()?;
        let event = current.events.next();
        if current.events.as_slice().is_empty() {
            self.cursor = current.cursor;
            self.taken_bytes += current.weight_bytes;
            self.current = None;
            self.report();
        }
        event
    }

    /// Says what was read, now and then: a session that has stopped the flow waits for less than what is held back here.
    fn report(&mut self) {
        if self.taken_bytes >= self.handle.report_bytes() {
            // A client that is closed does not mind.
            let _ = self.handle.tell(Command::Taken(self.id, std::mem::take(&mut self.taken_bytes)));
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

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
