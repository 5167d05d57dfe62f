//! A node as the protocol's rules describe it, small enough to be believed. It answers at once, into the queue of its
//! connection; the test decides when that arrives.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fanfare_protocol::{
    Code, Connected, Error, Event, EventBatch, EventType, From, Goaway, Grant, History, HistoryPage, Incoming, Limits,
    Message, Publish, Published, ResourceVersion, Subscribe, Subscribed, Unsubscribe, Unsubscribed, UpdateView, View,
    ViewState, Watch, Watched,
};

/// Events of one frame.
const FRAME_EVENTS: usize = 3;
/// Results that a topic remembers of each producer.
const RESULTS_MAX: usize = 256;
/// Requests that wait for their answer on one connection.
const IN_FLIGHT_MAX: usize = 8;
/// A filter that it does not take.
pub(super) const BAD_FILTER: &str = "data.";

/// How the next publish fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mischief {
    /// Refused at the door: nothing changed, the sequence is not used up.
    RefuseBefore(Code),
    /// Refused by the topic, which remembers that.
    RefuseFinally(Code),
    /// Stored, but the answer says otherwise.
    StoreAndFail,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    topics: BTreeMap<String, Topic>,
    /// What was ever published, by topic and version: also what is no longer retained.
    archive: BTreeMap<String, BTreeMap<(u64, u64), Item>>,
    epochs: u64,
    views: BTreeMap<Vec<(String, String)>, u32>,
    connections: BTreeMap<u64, Connection>,
    mischief: VecDeque<Mischief>,
    refuse_connections: Option<Code>,
    refusals: Vec<Code>,
}

#[derive(Debug, Default)]
struct Topic {
    epoch: u64,
    head: u64,
    /// The oldest that is retained.
    first: u64,
    producers: BTreeMap<String, Producer>,
}

#[derive(Debug)]
struct Producer {
    next: u64,
    results: VecDeque<(u64, Item, Result<u64, Code>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) key: Option<String>,
    pub(super) data: Bytes,
}

#[derive(Debug, Default)]
struct Connection {
    is_greeted: bool,
    is_draining: bool,
    views: BTreeMap<u32, Open>,
    said: VecDeque<Incoming>,
}

/// A view that is open.
#[derive(Clone, Debug)]
struct Open {
    /// Without where it began, and without credit.
    watch: Watch,
    /// What was sent of it.
    cursor: ResourceVersion,
    /// What may still be sent.
    left: Option<u64>,
}

impl Node {
    pub(super) fn refuse_connections(&mut self, code: Option<Code>) {
        self.refuse_connections = code;
    }

    pub(super) fn mischief(&mut self, mischief: Mischief) {
        self.mischief.push_back(mischief);
    }

    pub(super) fn behave(&mut self) {
        self.mischief.clear();
    }

    /// How often this code was answered.
    pub(super) fn refused_count(&self, code: Code) -> usize {
        self.refusals.iter().filter(|refusal| **refusal == code).count()
    }

    pub(super) fn open_views(&self) -> usize {
        self.connections.values().map(|connection| connection.views.len()).sum()
    }

    pub(super) fn head(&self, topic: &str) -> ResourceVersion {
        self.topics.get(topic).map_or(ResourceVersion::NONE, |topic| ResourceVersion::new(topic.epoch, topic.head))
    }

    pub(super) fn archive(&self, topic: &str) -> BTreeMap<(u64, u64), Item> {
        self.archive.get(topic).cloned().unwrap_or_default()
    }

    /// V2: all that was is gone.
    pub(super) fn recreate(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// V6: what is older than the last few is no longer retained.
    pub(super) fn trim(&mut self, topic: &str) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.first = topic.first.max(topic.head.saturating_sub(2));
        }
    }

    pub(super) fn forget_producers(&mut self, topic: &str) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.producers.clear();
        }
    }

    /// A connection opens, to a process that numbers its views in an order of its own.
    pub(super) fn open(&mut self, connection: u64) {
        self.views.clear();
        self.connections.insert(connection, Connection::default());
    }

    /// The node noticed that a connection is gone.
    pub(super) fn close(&mut self, connection: u64) {
        self.connections.remove(&connection);
    }

    /// The next thing that was said on a connection.
    pub(super) fn said(&mut self, connection: u64) -> Option<&mut VecDeque<Incoming>> {
        self.connections.get_mut(&connection).map(|connection| &mut connection.said)
    }

    pub(super) fn goaway(&mut self, connection: u64) {
        self.tell(connection, 0, Goaway { within_ms: 1_000, node: None });
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.is_draining = true;
        }
    }

    /// A view ends by itself.
    pub(super) fn end_view(&mut self, connection: u64) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if let Some((view, _)) = open.views.pop_first() {
            let (state, code) = (ViewState::Closed.into(), Some(u32::from(Code::Overloaded.number())));
            self.tell(connection, 0, View { view, state, code });
        }
    }

    /// Someone else publishes.
    pub(super) fn publish_elsewhere(&mut self, topic: &str, item: Item) {
        self.append(topic, item);
    }

    /// A connection says something. One that is gone may still have said it before.
    pub(super) fn hear(&mut self, connection: u64, id: u64, message: Message, in_flight: usize) {
        if in_flight > IN_FLIGHT_MAX {
            return self.refuse(connection, id, Error::of(Code::TooManyRequestsInFlight));
        }
        let is_draining = self.connections.get(&connection).is_some_and(|connection| connection.is_draining);
        if is_draining {
            return self.refuse(connection, id, Error::of(Code::GoingAway));
        }
        match message {
            Message::Connect(_) => self.connect(connection, id),
            Message::Publish(publish) => match self.publish(&publish) {
                Ok(version) => {
                    self.tell(connection, id, Published { resource_version: Some(version), ..Default::default() });
                }
                Err(error) => self.refuse(connection, id, error),
            },
            Message::Subscribe(Subscribe { watch: Some(watch), .. }) => self.subscribe(connection, id, &watch),
            Message::UpdateView(UpdateView { view, watch }) => {
                self.update(connection, id, view, &watch.unwrap_or_default());
            }
            Message::Grant(Grant { view, events }) => {
                assert_eq!(id, 0, "GRANT has no answer");
                let open = self.connections.get_mut(&connection).and_then(|open| open.views.get_mut(&view));
                if let Some(open) = open {
                    open.left = open.left.map(|left| left + events);
                }
            }
            Message::Unsubscribe(Unsubscribe { view }) => {
                let open = self.connections.get_mut(&connection).and_then(|connection| connection.views.remove(&view));
                match open {
                    Some(_) => self.tell(connection, id, Unsubscribed { view }),
                    None => self.refuse(connection, id, Error::of(Code::NoSuchView)),
                }
            }
            Message::History(history) => self.history(connection, id, &history),
            other => panic!("a client says {other:?}"),
        }
    }

    /// Sends what is new to all views of a connection.
    pub(super) fn spread(&mut self, connection: u64) {
        let Some(open) = self.connections.get(&connection) else { return };
        for view in open.views.keys().copied().collect::<Vec<_>>() {
            self.advance(connection, view);
        }
    }

    fn connect(&mut self, connection: u64, id: u64) {
        if let Some(code) = self.refuse_connections {
            return self.refuse(connection, id, Error::of(code));
        }
        let open = self.connections.get_mut(&connection).expect("the connection is open");
        assert!(!std::mem::replace(&mut open.is_greeted, true), "CONNECT is said once");
        let limits = Some(Limits { requests_in_flight_max: IN_FLIGHT_MAX as u32, ..Default::default() });
        let (connection_id, node_id) = (format!("c-{connection}"), "n".to_owned());
        self.tell(connection, id, Connected { connection_id, node_id, limits, ..Default::default() });
    }

    fn publish(&mut self, publish: &Publish) -> Result<ResourceVersion, Error> {
        let mischief = self.mischief.pop_front();
        if let Some(Mischief::RefuseBefore(code)) = mischief {
            return Err(Error::of(code).with_retry_after_ms(5));
        }
        let publication = publish.publication.as_ref().expect("the model takes one at a time");
        let item = Item { key: publication.key.clone(), data: publication.data.clone().unwrap_or_default() };
        let named = publish.producer.as_ref().expect("a producer by default");
        let topic = self.topic(&publish.topic);
        let epoch = topic.epoch;
        let known = topic.producers.get(&named.id);
        if let Some(producer) = known.filter(|producer| producer.next != named.sequence) {
            let stored = producer.results.iter().find(|(sequence, _, _)| *sequence == named.sequence);
            return match stored {
                Some((_, body, _)) if *body != item => Err(Error::of(Code::IdempotencyMismatch)),
                Some((_, _, Ok(offset))) => Ok(ResourceVersion::new(epoch, *offset)),
                Some((_, _, Err(code))) => Err(Error::of(*code)),
                None => Err(Error::of(Code::OutOfSequence).with_expected(producer.next)),
            };
        }
        let result = match mischief {
            // P7, of the one version that there never is.
            _ if publication.if_version == Some(ResourceVersion::new(0, 1)) => Err(Code::VersionConflict),
            Some(Mischief::RefuseFinally(code)) => Err(code),
            _ => Ok(self.append(&publish.topic, item.clone())),
        };
        let topic = self.topic(&publish.topic);
        let new = || Producer { next: 0, results: VecDeque::new() };
        let producer = topic.producers.entry(named.id.clone()).or_insert_with(new);
        producer.next = named.sequence + 1;
        producer.results.push_back((named.sequence, item, result));
        while producer.results.len() > RESULTS_MAX {
            producer.results.pop_front();
        }
        if matches!(mischief, Some(Mischief::StoreAndFail)) {
            return Err(Error::of(Code::Unavailable));
        }
        result.map(|offset| ResourceVersion::new(epoch, offset)).map_err(Error::of)
    }

    fn topic(&mut self, name: &str) -> &mut Topic {
        if !self.topics.contains_key(name) {
            self.epochs += 1;
            self.topics.insert(name.to_owned(), Topic { epoch: self.epochs, first: 1, ..Default::default() });
        }
        self.topics.get_mut(name).expect("it was just made")
    }

    fn append(&mut self, name: &str, item: Item) -> u64 {
        let topic = self.topic(name);
        topic.head += 1;
        let (epoch, head) = (topic.epoch, topic.head);
        self.archive.entry(name.to_owned()).or_default().insert((epoch, head), item);
        head
    }

    /// W5, W6, W11.
    fn subscribe(&mut self, connection: u64, id: u64, watch: &fanfare_protocol::Watch) {
        let topic = watch.topic.clone();
        let (key, view) = self.number(watch);
        let head = self.head(&topic);
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if open.views.contains_key(&view) {
            return self.refuse(connection, id, Error::of(Code::AlreadySubscribed));
        }
        let first = self.topics.get(&topic).map_or(1, |topic| topic.first);
        let (version, resumed, has_snapshot) = match (watch.resource_version, watch.from()) {
            (Some(cursor), _) => (cursor, self.gap(&topic, cursor).is_none(), false),
            (None, From::Snapshot) => (head, false, true),
            (None, From::Beginning) => (ResourceVersion::new(head.epoch, first - 1), false, false),
            (None, From::Latest) => (head, false, false),
        };
        let open = Open { watch: key, cursor: version, left: watch.credit };
        self.connections.get_mut(&connection).expect("open").views.insert(view, open);
        let resource_version = Some(version);
        let watched = Watched { view, topic: topic.clone(), resource_version, resumed, ..Watched::default() };
        self.tell(connection, id, Subscribed { watched: Some(watched), views: Vec::new() });
        if has_snapshot {
            self.snapshot(connection, view, &topic);
        } else {
            self.advance(connection, view);
        }
    }

    /// W17.
    fn update(&mut self, connection: u64, id: u64, view: u32, watch: &Watch) {
        let Some(open) = self.connections.get(&connection).and_then(|open| open.views.get(&view)).cloned() else {
            return self.refuse(connection, id, Error::of(Code::NoSuchView));
        };
        if watch.filter.as_deref() == Some(BAD_FILTER) {
            return self.refuse(connection, id, Error::of(Code::BadFilter));
        }
        let topic = watch.topic.clone();
        let (key, number) = self.number(watch);
        let views = &mut self.connections.get_mut(&connection).expect("open").views;
        if number != view && views.contains_key(&number) {
            return self.refuse(connection, id, Error::of(Code::AlreadySubscribed));
        }
        views.remove(&view);
        if self.refusals.len() % 5 == 4 {
            // It cannot be opened at that moment.
            let (state, code) = (ViewState::Closed.into(), Some(u32::from(Code::Overloaded.number())));
            self.tell(connection, 0, View { view, state, code });
            return self.refuse(connection, id, Error::of(Code::Overloaded).with_retry_after_ms(5));
        }
        let shows_the_same = key.filter == open.watch.filter && key.fields == open.watch.fields;
        let resumed = shows_the_same || !topic.starts_with("s:");
        let version = if resumed { open.cursor } else { self.head(&topic) };
        let next = Open { watch: key, cursor: version, left: watch.credit.or(open.left) };
        self.connections.get_mut(&connection).expect("open").views.insert(number, next);
        let watched = Watched {
            view: number,
            topic: topic.clone(),
            resource_version: Some(version),
            resumed,
            ..Watched::default()
        };
        self.tell(connection, id, Subscribed { watched: Some(watched), views: Vec::new() });
        if resumed {
            self.advance(connection, number);
        } else {
            self.snapshot(connection, number, &topic);
        }
    }

    /// W5.
    fn number(&mut self, watch: &Watch) -> (Watch, u32) {
        let (resource_version, from, limit, credit) = (None, From::default().into(), None, None);
        let key = Watch { resource_version, from, limit, credit, ..watch.clone() };
        let number = self.views.len() as u32 + 1;
        let view = *self.views.entry(key.parameters()).or_insert(number);
        (key, view)
    }

    /// V4, V6.
    fn gap(&self, topic: &str, cursor: ResourceVersion) -> Option<Code> {
        let Some(topic) = self.topics.get(topic) else {
            return (!cursor.is_none()).then_some(Code::EpochChanged);
        };
        let is_other_epoch = cursor.epoch != topic.epoch && !cursor.is_none();
        if is_other_epoch {
            return Some(Code::EpochChanged);
        }
        (cursor.offset + 1 < topic.first && cursor.offset != topic.head).then_some(Code::Gone)
    }

    fn advance(&mut self, connection: u64, view: u32) {
        let Some(open) = self.connections.get(&connection).and_then(|open| open.views.get(&view)).cloned() else {
            return;
        };
        let Open { watch, cursor, mut left } = open;
        let topic = watch.topic.as_str();
        if let Some(code) = self.gap(topic, cursor) {
            let error = Some(Error::of(code));
            let gone = Event { r#type: EventType::Gone.into(), error: error.map(Box::new), ..Default::default() };
            self.frame(connection, view, (cursor, cursor), false, vec![gone]);
            return self.snapshot(connection, view, topic);
        }
        let head = self.head(topic);
        let mut after = ResourceVersion::new(head.epoch, cursor.offset);
        while after.offset < head.offset && left != Some(0) {
            let count = left.map_or(FRAME_EVENTS as u64, |left| left.min(FRAME_EVENTS as u64));
            let through = ResourceVersion::new(head.epoch, head.offset.min(after.offset + count));
            left = left.map(|left| left - (through.offset - after.offset));
            let has_delta = watch.delta;
            let event = |offset| if has_delta { self.patch(topic, offset) } else { self.event(topic, offset) };
            let events = (after.offset + 1..=through.offset).map(event).collect();
            self.frame(connection, view, (after, through), false, events);
            after = through;
        }
        self.place(connection, view, after, left);
    }

    /// W9.
    fn snapshot(&mut self, connection: u64, view: u32, topic: &str) {
        let head = self.head(topic);
        let first = self.topics.get(topic).map_or(1, |topic| topic.first);
        let is_state = topic.starts_with("s:");
        let mut offsets: Vec<u64> = if is_state { self.fold(topic) } else { (first..=head.offset).collect() };
        let limited = !is_state && first > 1;
        let end = Event { r#type: EventType::SnapshotEnd.into(), resource_version: Some(head), ..Default::default() };
        let mut after = ResourceVersion::new(head.epoch, if is_state { 0 } else { first.min(head.offset + 1) - 1 });
        let left = self.connections.get(&connection).and_then(|open| open.views.get(&view)).and_then(|open| open.left);
        let left = left.map(|left| left.saturating_sub(offsets.len() as u64));
        loop {
            let rest = offsets.split_off(offsets.len().min(FRAME_EVENTS));
            let mut events: Vec<_> = offsets.iter().map(|offset| self.event(topic, *offset)).collect();
            let is_last = rest.is_empty();
            let through = match offsets.last() {
                _ if is_last => head,
                Some(offset) if !is_state => ResourceVersion::new(head.epoch, *offset),
                _ => after,
            };
            if is_last {
                events.push(end.clone());
            }
            self.frame(connection, view, (after, through), limited, events);
            if is_last {
                break;
            }
            (after, offsets) = (through, rest);
        }
        self.place(connection, view, head, left);
    }

    /// The latest version of each key, ascending.
    pub(super) fn fold(&self, topic: &str) -> Vec<u64> {
        let head = self.head(topic);
        let mut latest = BTreeMap::new();
        for ((epoch, offset), item) in self.archive(topic) {
            if epoch == head.epoch && !head.is_none() {
                latest.insert(item.key, offset);
            }
        }
        let mut offsets: Vec<_> = latest.into_values().collect();
        offsets.sort_unstable();
        offsets
    }

    fn event(&self, topic: &str, offset: u64) -> Event {
        let epoch = self.head(topic).epoch;
        let Item { key, data } = self.archive[topic][&(epoch, offset)].clone();
        let resource_version = Some(ResourceVersion::new(epoch, offset));
        Event { r#type: EventType::Put.into(), resource_version, key, data: Some(data), ..Default::default() }
    }

    /// W16: numbers are patched by what replaces them.
    fn patch(&self, topic: &str, offset: u64) -> Event {
        let event = self.event(topic, offset);
        let epoch = self.head(topic).epoch;
        let is_changed = self.archive[topic].range((epoch, 0)..(epoch, offset)).any(|(_, item)| item.key == event.key);
        if topic.starts_with("s:") && is_changed { Event { r#type: EventType::Patch.into(), ..event } } else { event }
    }

    fn history(&mut self, connection: u64, id: u64, history: &History) {
        if !self.topics.contains_key(&history.topic) {
            return self.refuse(connection, id, Error::of(Code::NotFound));
        }
        let head = self.head(&history.topic);
        let items = (self.topics[&history.topic].first..=head.offset).map(|offset| self.event(&history.topic, offset));
        let (topic, items) = (history.topic.clone(), items.collect());
        self.tell(connection, id, HistoryPage { topic, items, resource_version: Some(head), r#continue: None });
    }

    fn frame(
        &mut self,
        connection: u64,
        view: u32,
        (after, through): (ResourceVersion, ResourceVersion),
        limited: bool,
        events: Vec<Event>,
    ) {
        self.tell(connection, 0, EventBatch { view, after: Some(after), through: Some(through), limited, events });
    }

    fn place(&mut self, connection: u64, view: u32, through: ResourceVersion, left: Option<u64>) {
        let open = self.connections.get_mut(&connection).and_then(|connection| connection.views.get_mut(&view));
        if let Some(open) = open {
            (open.cursor, open.left) = (through, left);
        }
    }

    fn refuse(&mut self, connection: u64, id: u64, error: Error) {
        self.refusals.extend(error.known_code());
        self.tell(connection, id, error);
    }

    fn tell(&mut self, connection: u64, id: u64, message: impl Into<Message>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.said.push_back(Incoming { id, traceparent: None, message: message.into() });
        }
    }
}
