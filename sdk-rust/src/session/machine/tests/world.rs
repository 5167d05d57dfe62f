//! A session, a model node, and what lies between them: queues that only move when they are told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use fanfare_protocol::{Code, EventBatch, History, Incoming, Message, Publication, Publish, ResourceVersion, Watch};

use super::model::{BAD_FILTER, Item, Mischief, Node};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventKind};
use crate::session::follower::Terms;
use crate::session::{
    Answer, Backoff, ConnectionState, Delivery, Effect, Effects, Moment, Session, Settings, Start, Taken, Ticket,
    WatchId, WatchSpec,
};

/// Small, so that readers lag often.
pub(super) const WATCH_BYTES_MAX: usize = 8 * 1024;

/// A dialogue that takes longer without any time passing never ends.
const SETTLE_ROUNDS_MAX: usize = 200;

/// A deadline that as many ticks do not move would keep the shell busy for ever.
const TICKS_AT_ONCE_MAX: usize = 20;

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Publish(&'static str),
    PublishElsewhere(&'static str),
    Watch(&'static str, Start),
    /// Through one of a few views, with so much credit, or without if it is 0.
    WatchAs(&'static str, Start, View, u64),
    /// A reader wants another view.
    Update(usize, View),
    Unwatch(usize),
    /// So many messages reach the node.
    ToNode(usize),
    /// So many messages reach the client.
    ToClient(usize),
    /// The node sends what is new.
    Spread,
    /// A reader reads what it has.
    Read(usize),
    /// Milliseconds pass.
    Pass(u64),
    /// The connection breaks; what was under way is lost.
    Cut,
    /// As `Cut`, but what was under way to the node will still reach it.
    CutLate,
    /// What an earlier connection said reaches the node.
    Stray,
    LoseFrame,
    RepeatFrame,
    SwapAnswers,
    Mischief(Mischief),
    Recreate(&'static str),
    Trim(&'static str),
    ForgetProducers(&'static str),
    Goaway,
    EndView,
}

/// What the model can tell of views: all show the same, but the node does not know that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    pub(super) fields: &'static str,
    pub(super) interval_ms: Option<u64>,
    pub(super) has_delta: bool,
    pub(super) is_bad: bool,
}

impl View {
    fn to_wire(self) -> Watch {
        Watch {
            fields: Some(self.fields).filter(|fields| !fields.is_empty()).map(str::to_owned).into_iter().collect(),
            interval_ms: self.interval_ms,
            delta: self.has_delta,
            filter: self.is_bad.then(|| BAD_FILTER.to_owned()),
            ..Default::default()
        }
    }
}

pub(super) struct World {
    pub(super) session: Session,
    pub(super) node: Node,
    now_ms: u64,
    random: fastrand::Rng,
    /// The open connection; each has a number of its own.
    connection: Option<u64>,
    connections: u64,
    is_dialling: bool,
    to_node: VecDeque<(u64, Message)>,
    /// Said on connections that are gone.
    strays: VecDeque<(u64, Message)>,
    said: Vec<(u64, Message)>,
    readers: BTreeMap<WatchId, Reader>,
    published: BTreeMap<Ticket, (&'static str, Bytes)>,
    answers: BTreeMap<Ticket, Result<Answer, Error>>,
    state: ConnectionState,
    next_id: u64,
    is_finished: bool,
    /// Topics that forgot a producer before its time: what was repeated there may be doubled.
    forgetful: BTreeSet<&'static str>,
    /// Topics that did not know a producer in the middle of a burst: they took its second publication though the first
    /// was refused for now (P9), and nobody can put that in order again.
    disordered: BTreeSet<&'static str>,
}

struct Reader {
    topic: &'static str,
    start: Start,
    queue: VecDeque<Delivery>,
    read: Vec<Event>,
    cursor: Option<ResourceVersion>,
    end: Option<Option<Error>>,
    is_dropped: bool,
    /// Whether an update was asked for: the last of several is told.
    is_updated: bool,
}

impl World {
    /// A client that was just started; nothing has moved yet.
    pub(super) fn new(seed: u64) -> Self {
        let backoff = Backoff { base: Duration::from_millis(10), max: Duration::from_millis(200) };
        let settings = Settings { backoff, watch_bytes_max: WATCH_BYTES_MAX, ..Settings::new("producer".to_owned()) };
        let mut world = Self {
            session: Session::new(&settings),
            node: Node::default(),
            now_ms: 0,
            random: fastrand::Rng::with_seed(seed),
            connection: None,
            connections: 0,
            is_dialling: false,
            to_node: VecDeque::new(),
            strays: VecDeque::new(),
            said: Vec::new(),
            readers: BTreeMap::new(),
            published: BTreeMap::new(),
            answers: BTreeMap::new(),
            state: ConnectionState::Connecting,
            next_id: 0,
            is_finished: false,
            forgetful: BTreeSet::new(),
            disordered: BTreeSet::new(),
        };
        world.step(Session::start);
        world
    }

    /// A client that is connected.
    pub(super) fn online() -> Self {
        let mut world = Self::new(7);
        world.settle();
        assert!(matches!(world.state, ConnectionState::Connected { .. }));
        world
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Publish(topic) => self.publish(topic),
            Action::PublishElsewhere(topic) => {
                let item = self.item(topic);
                self.node.publish_elsewhere(topic, item);
            }
            Action::Watch(topic, start) => self.watch(topic, start, View::default(), 0),
            Action::WatchAs(topic, start, view, credit) => self.watch(topic, start, view, credit),
            Action::Update(index, view) => self.update(index, view),
            Action::Unwatch(index) => {
                let open = self.readers.iter_mut().filter(|(_, reader)| !reader.is_dropped);
                if let Some((watch, reader)) = open.skip(index).take(1).next() {
                    reader.is_dropped = true;
                    let watch = *watch;
                    self.step(|session, moment, out| session.unwatch(moment, watch, out));
                }
            }
            Action::ToNode(count) => (0..count).for_each(|_| self.move_to_node()),
            Action::ToClient(count) => (0..count).for_each(|_| self.move_to_client()),
            Action::Spread => self.connection.into_iter().for_each(|connection| self.node.spread(connection)),
            Action::Read(index) => {
                let watch = self.readers.keys().nth(index).copied();
                watch.into_iter().for_each(|watch| self.read(watch));
            }
            Action::Pass(ms) => self.pass(ms),
            Action::Cut => self.lose(&broken()),
            Action::CutLate => {
                self.strays.extend(std::mem::take(&mut self.to_node));
                self.lose(&broken());
            }
            Action::Stray => {
                if let Some((id, message @ Message::Publish(_))) = self.strays.pop_front() {
                    // Its connection is gone: nobody hears the answer.
                    self.node.hear(0, id, message, 0);
                }
            }
            Action::LoseFrame => self.frames(|said| {
                let lost = (0..said.len()).find(|at| is_missed(said, *at));
                lost.into_iter().for_each(|lost| drop(said.remove(lost)));
            }),
            Action::RepeatFrame => self.frames(|said| {
                let frame = said.iter().position(|incoming| covered(incoming).is_some());
                if let Some(at) = frame {
                    said.insert(at, said[at].clone());
                }
            }),
            Action::SwapAnswers => self.frames(|said| {
                let is_answer = |at: usize| matches!(said[at].message, Message::Published(_) | Message::Error(_));
                let pair = (1..said.len()).find(|at| is_answer(at - 1) && is_answer(*at));
                pair.into_iter().for_each(|at| said.swap(at - 1, at));
            }),
            Action::Mischief(mischief) => self.node.mischief(mischief),
            Action::Recreate(topic) => {
                self.disordered.insert(topic);
                self.node.recreate(topic);
            }
            Action::Trim(topic) => self.node.trim(topic),
            Action::ForgetProducers(topic) => {
                self.forgetful.insert(topic);
                self.disordered.insert(topic);
                self.node.forget_producers(topic);
            }
            Action::Goaway => self.connection.into_iter().for_each(|connection| self.node.goaway(connection)),
            Action::EndView => self.connection.into_iter().for_each(|connection| self.node.end_view(connection)),
        }
    }

    /// Everything under way arrives, and what that brings about too; no time passes.
    pub(super) fn settle(&mut self) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            let before = (self.said.len(), self.connections, self.heard());
            self.dial();
            while !self.to_node.is_empty() {
                self.move_to_node();
            }
            if let Some(connection) = self.connection {
                self.node.spread(connection);
            }
            while self.heard() > 0 {
                self.move_to_client();
            }
            if before == (self.said.len(), self.connections, self.heard()) {
                return;
            }
        }
        panic!("the session and the node talk for ever: {:?}", self.said.split_off(self.said.len() - 12));
    }

    /// Nothing bad happens any more, readers read, and time passes until nothing is left to do.
    pub(super) fn calm_down(&mut self) {
        self.node.behave();
        for _ in 0..400 {
            self.settle();
            for watch in self.readers.keys().copied().collect::<Vec<_>>() {
                self.read(watch);
            }
            self.pass(100);
        }
    }

    /// What has to hold once it is calm.
    pub(super) fn check(&self) {
        for (ticket, (topic, data)) in &self.published {
            let stored: Vec<_> =
                self.node.archive(topic).into_iter().filter(|(_, item)| item.data == *data).map(|(at, _)| at).collect();
            let mut epochs: Vec<_> = stored.iter().map(|(epoch, _)| *epoch).collect();
            epochs.dedup();
            assert!(
                epochs.len() == stored.len() || self.forgetful.contains(topic),
                "{ticket:?} is stored twice: {stored:?}"
            );
            match self.answers.get(ticket).unwrap_or_else(|| panic!("{ticket:?} was never answered")) {
                Ok(Answer::Published(published)) => {
                    let version = published.resource_version.expect("a version");
                    assert!(stored.contains(&(version.epoch, version.offset)), "{ticket:?} is not at {version}");
                }
                Ok(Answer::Page(_)) => panic!("a page for a publish"),
                Err(error) if error.may_have_taken_effect() => {}
                Err(error) => assert!(stored.is_empty(), "{ticket:?} was refused with {error} and stored"),
            }
        }
        self.check_order();
        for (watch, reader) in &self.readers {
            if !reader.is_dropped && reader.end.is_none() {
                self.check_reader(*watch, reader);
            }
        }
    }

    /// What this client published stands in the order of its calls, in each epoch of each topic.
    fn check_order(&self) {
        for topic in super::TOPICS {
            if self.disordered.contains(topic) {
                continue;
            }
            let order: BTreeMap<&Bytes, Ticket> =
                self.published.iter().map(|(ticket, (_, data))| (data, *ticket)).collect();
            let mut last = (0, Ticket(0));
            for ((epoch, offset), item) in self.node.archive(topic) {
                let Some(ticket) = order.get(&item.data).copied() else { continue };
                assert!(epoch != last.0 || ticket > last.1, "{ticket:?} at {epoch}.{offset} of {topic} is late");
                last = (epoch, ticket);
            }
        }
    }

    fn check_reader(&self, watch: WatchId, reader: &Reader) {
        let archive = self.node.archive(reader.topic);
        let is_state = reader.topic.starts_with("s:");
        let mut last: Option<ResourceVersion> = None;
        let mut has_snapshot = reader.start == Start::Snapshot;
        let mut keys = BTreeMap::new();
        for event in &reader.read {
            let version = event.version();
            match event.kind() {
                EventKind::Gone => {
                    assert!(event.error().is_some(), "the reader is told why");
                    (last, has_snapshot) = (None, true);
                    keys.clear();
                }
                EventKind::SnapshotEnd => {
                    assert!(has_snapshot, "{watch:?}: an end without a snapshot");
                    has_snapshot = false;
                    last = last.or(Some(version));
                }
                EventKind::Put => {
                    let item = &archive[&(version.epoch, version.offset)];
                    assert_eq!(event.data(), item.data, "{watch:?} got something else at {version}");
                    let is_next = last.is_none_or(|last| joins(last, version, is_state && has_snapshot));
                    assert!(is_next, "{watch:?}: {version} after {last:?} in {:?}", reader.read);
                    last = Some(version);
                    keys.insert(event.key().map(str::to_owned), version.offset);
                }
                EventKind::ViewChanged if event.is_resumed() => {}
                EventKind::ViewChanged => {
                    (last, has_snapshot) = (None, true);
                    keys.clear();
                }
                EventKind::Failure => assert_eq!(event.error().and_then(Error::code), Some(Code::BadFilter)),
                other => panic!("{other:?}"),
            }
        }
        let is_told = |event: &Event| matches!(event.kind(), EventKind::ViewChanged | EventKind::Failure);
        assert!(!reader.is_updated || reader.read.iter().any(is_told), "{watch:?}: an update was never told");
        assert!(!has_snapshot || reader.read.is_empty(), "{watch:?}: the snapshot never ended: {:?}", reader.read);
        let head = self.node.head(reader.topic);
        // V4: before the first publication there is nothing to tell `0.0` and `EPOCH.0` apart by.
        let is_at_head = |cursor: ResourceVersion| cursor == head || (cursor.is_none() && head.offset == 0);
        assert!(reader.cursor.is_some_and(is_at_head), "{watch:?} stands at {:?}, not {head}", reader.cursor);
        if is_state && reader.start == Start::Snapshot {
            let mut offsets: Vec<_> = keys.into_values().collect();
            offsets.sort_unstable();
            assert_eq!(offsets, self.node.fold(reader.topic), "{watch:?}: another state");
        }
    }

    fn publish(&mut self, topic: &'static str) {
        let Item { key, data } = self.item(topic);
        let ticket = Ticket(self.id());
        self.published.insert(ticket, (topic, data.clone()));
        let publication = Box::new(Publication { data: Some(data), key, ..Default::default() });
        let publish = Publish { topic: topic.to_owned(), publication: Some(publication), ..Default::default() };
        self.step(|session, moment, out| session.publish(moment, ticket, publish, out));
    }

    fn item(&mut self, topic: &str) -> Item {
        let id = self.id();
        let key = topic.starts_with("s:").then(|| format!("k-{}", id % 5));
        Item { key, data: Bytes::from(id.to_string()) }
    }

    fn update(&mut self, index: usize, view: View) {
        let open = self.readers.iter_mut().filter(|(_, reader)| !reader.is_dropped && reader.end.is_none());
        if let Some((watch, reader)) = open.skip(index).take(1).next() {
            reader.is_updated = true;
            let watch = *watch;
            self.step(|session, moment, out| session.update(moment, watch, view.to_wire(), out));
        }
    }

    fn watch(&mut self, topic: &'static str, start: Start, view: View, credit: u64) {
        let watch = WatchId(self.id());
        let (queue, read) = (VecDeque::new(), Vec::new());
        let reader =
            Reader { topic, start, queue, read, cursor: None, end: None, is_dropped: false, is_updated: false };
        self.readers.insert(watch, reader);
        let view = Watch { topic: topic.to_owned(), ..view.to_wire() };
        let credit = Some(credit).filter(|credit| *credit > 0);
        let spec = WatchSpec { view, terms: Terms { start, credit, ..Default::default() } };
        self.step(|session, moment, out| session.watch(moment, watch, spec, out));
    }

    pub(super) fn history(&mut self, topic: &str) -> Ticket {
        let ticket = Ticket(self.id());
        let history = History { topic: topic.to_owned(), ..Default::default() };
        self.step(|session, moment, out| session.history(moment, ticket, history, out));
        ticket
    }

    pub(super) fn close(&mut self) {
        self.step(Session::close);
    }

    fn read(&mut self, watch: WatchId) {
        let Some(reader) = self.readers.get_mut(&watch) else { return };
        let mut taken = Taken::default();
        for Delivery { events, cursor, weight_bytes } in reader.queue.drain(..) {
            taken.count += events.len() as u64;
            reader.read.extend(events);
            reader.cursor = cursor;
            taken.bytes += weight_bytes;
        }
        if taken.bytes > 0 {
            self.step(|session, moment, out| session.taken(moment, watch, taken, out));
        }
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        let mut ticks_at_once = 0;
        loop {
            self.dial();
            let due = self.session.deadline(Duration::from_millis(self.now_ms));
            let due = due.map(|due| u64::try_from(due.as_nanos().div_ceil(1_000_000)).expect("a short test"));
            let Some(due) = due.filter(|due| *due <= end) else { break };
            ticks_at_once = if due > self.now_ms { 0 } else { ticks_at_once + 1 };
            assert!(ticks_at_once < TICKS_AT_ONCE_MAX, "a deadline at {due} ms that no tick moves: {:?}", self.session);
            self.now_ms = self.now_ms.max(due);
            self.step(Session::tick);
        }
        self.now_ms = end;
    }

    /// The socket opens, if one is wanted.
    fn dial(&mut self) {
        if std::mem::take(&mut self.is_dialling) {
            self.connections += 1;
            self.connection = Some(self.connections);
            self.node.open(self.connections);
            self.step(|session, moment, out| session.opened(moment, None, out));
        }
    }

    pub(super) fn lose(&mut self, error: &Error) {
        if let Some(connection) = self.connection.take() {
            self.node.close(connection);
            self.to_node.clear();
            self.step(|session, moment, out| session.lost(moment, error, out));
        }
    }

    fn move_to_node(&mut self) {
        self.dial();
        // What has no answer waits for none.
        let in_flight = self.to_node.iter().filter(|(id, _)| *id != 0).count();
        if let (Some(connection), Some((id, message))) = (self.connection, self.to_node.pop_front()) {
            self.node.hear(connection, id, message, in_flight);
        }
    }

    fn move_to_client(&mut self) {
        let Some(connection) = self.connection else { return };
        if let Some(incoming) = self.node.said(connection).and_then(VecDeque::pop_front) {
            self.hear(incoming);
        }
    }

    pub(super) fn hear(&mut self, incoming: Incoming) {
        self.step(|session, moment, out| session.received(moment, incoming, out));
    }

    fn frames(&mut self, change: impl FnOnce(&mut VecDeque<Incoming>)) {
        if let Some(said) = self.connection.and_then(|connection| self.node.said(connection)) {
            change(said);
        }
    }

    fn heard(&mut self) -> usize {
        self.connection.and_then(|connection| self.node.said(connection)).map_or(0, |said| said.len())
    }

    fn step(&mut self, verb: impl FnOnce(&mut Session, Moment, &mut Effects)) {
        let moment = Moment { chance: self.random.f64(), ..Moment::at_ms(self.now_ms) };
        let mut out = Effects::new();
        verb(&mut self.session, moment, &mut out);
        for effect in out {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        assert!(!self.is_finished, "{effect:?} after the end");
        match effect {
            Effect::Dial => self.is_dialling = true,
            Effect::HangUp => {
                self.is_dialling = false;
                self.to_node.clear();
                self.connection.take().into_iter().for_each(|connection| self.node.close(connection));
            }
            Effect::Send(id, message) => {
                self.said.push((id, (*message).clone()));
                self.to_node.push_back((id, *message));
            }
            Effect::Ping | Effect::FetchToken => {}
            Effect::Deliver(watch, delivery) => {
                let reader = self.readers.get_mut(&watch).expect("a reader");
                assert!(reader.end.is_none(), "{delivery:?} after the end of {watch:?}");
                reader.queue.push_back(delivery);
            }
            Effect::EndWatch(watch, error) => {
                self.readers.get_mut(&watch).expect("a reader").end = Some(error);
            }
            Effect::Answer(ticket, answer) => {
                let before = self.answers.insert(ticket, answer);
                assert!(before.is_none(), "{ticket:?} was answered twice");
            }
            Effect::Show(state) => self.state = state,
            Effect::Finish => self.is_finished = true,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn said(&self) -> impl Iterator<Item = &Message> {
        self.said.iter().map(|(_, message)| message)
    }

    pub(super) fn last_id(&self) -> u64 {
        self.said.last().expect("something was said").0
    }

    pub(super) fn in_flight(&self) -> usize {
        self.to_node.len()
    }

    pub(super) fn unread_bytes(&self) -> usize {
        self.readers.values().flat_map(|reader| &reader.queue).map(|delivery| delivery.weight_bytes).sum()
    }

    /// Events that wait for their readers.
    pub(super) fn unread_count(&self) -> usize {
        self.readers.values().flat_map(|reader| &reader.queue).map(|delivery| delivery.events.len()).sum()
    }

    /// The changes of view that a reader was told, and whether it went on where it was.
    pub(super) fn changes(&self, index: usize) -> Vec<bool> {
        self.told(index, EventKind::ViewChanged).map(Event::is_resumed).collect()
    }

    pub(super) fn failures(&self, index: usize) -> usize {
        self.told(index, EventKind::Failure).count()
    }

    fn told(&self, index: usize, kind: EventKind) -> impl Iterator<Item = &Event> {
        let reader = self.readers.values().nth(index).expect("a reader");
        reader.read.iter().filter(move |event| event.kind() == kind)
    }

    pub(super) fn state(&self) -> &ConnectionState {
        &self.state
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    pub(super) fn answer(&self, ticket: Ticket) -> Option<&Result<Answer, Error>> {
        self.answers.get(&ticket)
    }

    /// How each answered request failed, if it did.
    pub(super) fn refusals(&self) -> Vec<Option<ErrorKind>> {
        self.answers.values().map(|answer| answer.as_ref().err().map(Error::kind)).collect()
    }

    pub(super) fn reader_errors(&self) -> impl Iterator<Item = &Error> {
        self.readers.values().map(|reader| reader.end.as_ref().expect("ended").as_ref().expect("with an error"))
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Unreachable)
}

/// The view and the versions of a frame that covers any.
fn covered(incoming: &Incoming) -> Option<(u32, ResourceVersion, ResourceVersion)> {
    match &incoming.message {
        Message::Event(EventBatch { view, after: Some(after), through: Some(through), .. }) if after != through => {
            Some((*view, *after, *through))
        }
        _ => None,
    }
}

/// Whether the loss of a frame can be told by the one before and the one behind.
fn is_missed(said: &VecDeque<Incoming>, at: usize) -> bool {
    let Some((view, after, through)) = covered(&said[at]) else { return false };
    let is_before = |other: (u32, ResourceVersion, ResourceVersion)| other.0 == view && other.2 == after;
    let is_behind = |other: (u32, ResourceVersion, ResourceVersion)| other.0 == view && other.1 == through;
    said.range(..at).filter_map(covered).any(is_before) && said.range(at + 1..).filter_map(covered).any(is_behind)
}

/// Whether a put may follow: the next one, or in the snapshot of a state any later one.
fn joins(last: ResourceVersion, version: ResourceVersion, is_in_state: bool) -> bool {
    if last.is_none() {
        return version.offset == 1;
    }
    let is_later = if is_in_state { version.offset > last.offset } else { version.offset == last.offset + 1 };
    last.epoch == version.epoch && is_later
}
