//! What the answers of a restarted node break of the promises. One check for each promise; `lies.rs` shows that each
//! bites.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use fanfare_client::ResourceVersion;

use crate::ledger::{Publish, Reading, Seen};

/// A broken promise, of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    pub promise: Promise,
    pub what: String,
}

/// The promises, by their names in the checks below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// A node starts on what is left, and answers.
    Serves,
    /// `fanfare storage check` takes no trace of an interrupted write for damage.
    Checks,
    /// What was acknowledged is there, under its version.
    Kept,
    /// What a reader has seen is there for every later reader.
    Seen,
    /// The history goes on: the epoch is the same.
    Epoch,
    /// Versions are in a row from the oldest to the head, and each is used once.
    Row,
    /// Nothing is there twice.
    Once,
    /// Nothing is there that was not published, or was refused, or has other data.
    Genuine,
    /// A producer's publications stand in the order in which they were sent.
    Order,
    /// What was acknowledged before something else was sent stands before it.
    RealTime,
    /// A batch is there in one piece or not at all.
    Batch,
    /// Whoever has the answer to a publish reads it.
    Fresh,
    /// The same key or sequence gets the same answer, however often it is asked.
    Answer,
    /// Both directions of the history show the same.
    Pages,
    /// The snapshot is what the log sums up to.
    Fold,
    /// A cursor gets exactly what comes after it.
    Resume,
    /// A watcher gets everything once and in order, over all restarts.
    Watch,
    /// A topic that was deleted does not come back.
    Deleted,
    /// What has left a topic does not come back.
    Gone,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

/// How a topic sums up its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Stream,
    State,
}

/// A topic under test.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    pub name: &'static str,
    pub kind: Kind,
    /// Publications that it retains, `None` when all.
    pub retained: Option<usize>,
    /// For large publications.
    pub is_bulk: bool,
}

/// Publications in the snapshot of a `stream`: the node's default.
const SNAPSHOT_COUNT: usize = 100;

/// Judges one topic. `before` is what earlier readings, and the events of watchers, have shown.
pub fn judge(subject: Subject, publishes: &[Publish], before: &[Seen], reading: &Reading) -> Vec<Breach> {
    let publishes: Vec<_> = publishes.iter().filter(|publish| publish.topic == subject.name).collect();
    let case = Case { subject, publishes, reading, breaches: Vec::new() };
    case.judge(before)
}

struct Case<'a> {
    subject: Subject,
    publishes: Vec<&'a Publish>,
    reading: &'a Reading,
    breaches: Vec<Breach>,
}

impl<'a> Case<'a> {
    fn judge(mut self, before: &[Seen]) -> Vec<Breach> {
        self.epoch(before);
        // In another epoch nothing can be compared: everything is lost, and that is what is said.
        if self.breaches.is_empty() {
            self.row();
            self.kept(before);
            self.genuine_and_once();
            self.order();
            self.real_time();
            self.batches();
            self.answers();
            self.pages();
            self.fold();
            self.resumes();
            self.watch();
        }
        self.breaches
    }

    fn breach(&mut self, promise: Promise, what: impl fmt::Display) {
        self.breaches.push(Breach { promise, what: format!("`{}`: {what}", self.subject.name) });
    }

    fn epoch(&mut self, before: &[Seen]) {
        let answered = self.publishes.iter().flat_map(|publish| &publish.answers).flat_map(|answer| &answer.versions);
        let epochs: HashSet<_> = answered.chain(before.iter().map(|seen| &seen.version)).map(|v| v.epoch).collect();
        let head = self.reading.head;
        if epochs.iter().any(|epoch| *epoch != head.epoch) {
            self.breach(Promise::Epoch, format!("the head is {head}, the epochs before were {epochs:x?}"));
        }
    }

    fn row(&mut self) {
        let forward = &self.reading.forward;
        let gap = forward.windows(2).find(|pair| pair[1].version != after(pair[0].version));
        if let Some(pair) = gap {
            self.breach(Promise::Row, format!("{} is followed by {}", pair[0].version, pair[1].version));
        }
        let last = forward.last().map_or(self.reading.head.offset, |seen| seen.version.offset);
        if last != self.reading.head.offset {
            self.breach(Promise::Row, format!("the history ends at {last}, the head is {}", self.reading.head));
        }
        let (held, offset) = (forward.len(), self.reading.head.offset as usize);
        let expected = self.subject.retained.map_or(offset, |retained| retained.min(offset));
        if held < expected {
            self.breach(Promise::Row, format!("{held} of {offset} are retained, it should be {expected}"));
        }
    }

    /// The oldest offset that is retained.
    fn oldest(&self) -> u64 {
        self.reading.forward.first().map_or(self.reading.head.offset + 1, |seen| seen.version.offset)
    }

    fn kept(&mut self, before: &[Seen]) {
        let (held, oldest) = (self.by_offset(), self.oldest());
        let mut lost = Vec::new();
        for publish in &self.publishes {
            for answer in &publish.answers {
                for (item, version) in publish.items.iter().zip(&answer.versions) {
                    let found = held.get(&version.offset).map(|seen| seen.serial);
                    if version.offset >= oldest && found != Some(item.serial) {
                        lost.push((Promise::Kept, item.serial, *version, found));
                    }
                }
            }
        }
        for seen in before.iter().filter(|seen| seen.version.offset >= oldest) {
            let found = held.get(&seen.version.offset).map(|seen| seen.serial);
            if found != Some(seen.serial) {
                lost.push((Promise::Seen, seen.serial, seen.version, found));
            }
        }
        for (promise, serial, version, found) in lost {
            self.breach(promise, format!("publication {serial} is not at {version}, but {found:?}"));
        }
    }

    fn genuine_and_once(&mut self) {
        let sent: HashMap<u64, (&Publish, usize)> = self.items().map(|(p, at)| (p.items[at].serial, (p, at))).collect();
        let mut places: HashMap<u64, ResourceVersion> = HashMap::new();
        for seen in &self.reading.forward {
            let is_genuine = sent.get(&seen.serial).is_some_and(|(publish, at)| {
                let item = &publish.items[*at];
                seen.is_whole && !publish.is_refused && (&seen.key, seen.is_delete) == (&item.key, item.is_delete)
            });
            if !is_genuine {
                self.breach(Promise::Genuine, format!("{seen:?} was not published"));
            }
            if let Some(first) = places.insert(seen.serial, seen.version) {
                let what = format!("publication {} is at {first} and at {}", seen.serial, seen.version);
                self.breach(Promise::Once, what);
            }
        }
    }

    fn order(&mut self) {
        let mut senders = HashMap::new();
        for (number, publish) in self.publishes.iter().enumerate() {
            for (at, item) in publish.items.iter().enumerate() {
                senders.insert(item.serial, (publish.producer, (number, at)));
            }
        }
        let mut latest: HashMap<usize, ((usize, usize), u64)> = HashMap::new();
        for seen in &self.reading.forward {
            let Some((producer, place)) = senders.get(&seen.serial) else { continue };
            if let Some((before, serial)) = latest.insert(*producer, (*place, seen.serial))
                && before > *place
            {
                self.breach(Promise::Order, format!("publication {} stands behind {serial}", seen.serial));
            }
        }
    }

    fn real_time(&mut self) {
        let mut publishes = self.placed();
        publishes.sort_by_key(|(_, first, _)| *first);
        // From the newest version back: the earliest acknowledgement so far of anything that stands behind.
        let mut behind: Option<(u64, u64)> = None;
        for (publish, first, _) in publishes.into_iter().rev() {
            if let Some((at, offset)) = behind.filter(|(at, _)| *at < publish.sent_at) {
                let what = format!("{first} was sent at {}, {offset} acknowledged at {at}", publish.sent_at);
                self.breach(Promise::RealTime, what);
            }
            let answered = publish.answers.iter().map(|answer| answer.at).min();
            behind = [behind, answered.map(|at| (at, first))].into_iter().flatten().min();
        }
    }

    fn batches(&mut self) {
        let oldest = self.oldest();
        for (publish, first, offsets) in self.placed() {
            // Retention may have taken a batch's head.
            let missing = publish.items.len() - offsets.len();
            let is_cut = first == oldest && offsets.iter().copied().eq((first..).take(offsets.len()));
            let is_whole = missing == 0 && offsets.windows(2).all(|pair| pair[1] == pair[0] + 1);
            if !(is_whole || is_cut && self.subject.retained.is_some()) {
                let what = format!("{} publications of one batch stand at {offsets:?}", publish.items.len());
                self.breach(Promise::Batch, what);
            }
        }
    }

    fn answers(&mut self) {
        for publish in self.publishes.clone() {
            let Some(first) = publish.answers.first() else { continue };
            if let Some(other) = publish.answers.iter().find(|answer| answer.versions != first.versions) {
                let what = format!("{:?} and {:?} for the same publish", first.versions, other.versions);
                self.breach(Promise::Answer, what);
            }
            let is_row = first.versions.windows(2).all(|pair| pair[1] == after(pair[0]));
            if first.versions.len() != publish.items.len() || !is_row {
                self.breach(Promise::Answer, format!("{:?} for {} items", first.versions, publish.items.len()));
            }
        }
    }

    fn pages(&mut self) {
        if !self.reading.forward.iter().eq(self.reading.backward.iter().rev()) {
            let (forward, backward) = (self.reading.forward.len(), self.reading.backward.len());
            self.breach(Promise::Pages, format!("{forward} events forward differ from {backward} backward"));
        }
    }

    fn fold(&mut self) {
        let Reading { forward, snapshot, snapshot_version, head, .. } = self.reading;
        if snapshot_version != head {
            self.breach(Promise::Fold, format!("the snapshot is at {snapshot_version}, the head at {head}"));
        }
        let expected: Vec<&Seen> = match self.subject.kind {
            Kind::Stream => forward.iter().skip(forward.len().saturating_sub(SNAPSHOT_COUNT)).collect(),
            Kind::State => {
                let mut values = BTreeMap::new();
                for seen in forward {
                    match seen.is_delete {
                        true => values.remove(&seen.key),
                        false => values.insert(&seen.key, seen),
                    };
                }
                let mut values: Vec<_> = values.into_values().collect();
                values.sort_by_key(|seen| seen.version.offset);
                values
            }
        };
        if !snapshot.iter().eq(expected.iter().copied()) {
            let what = format!("{} items in the snapshot, {} by replaying the log", snapshot.len(), expected.len());
            self.breach(Promise::Fold, what);
        }
    }

    fn resumes(&mut self) {
        for (cursor, events) in &self.reading.resumed {
            let expected = self.reading.forward.iter().filter(|seen| seen.version.offset > cursor.offset);
            if !events.iter().eq(expected.clone()) {
                let what = format!("after {cursor} came {} events, not {}", events.len(), expected.count());
                self.breach(Promise::Resume, what);
            }
        }
    }

    fn watch(&mut self) {
        let events = &self.reading.watched;
        if let Some(what) = &self.reading.watch_error {
            return self.breach(Promise::Watch, what);
        }
        if let Some(pair) = events.windows(2).find(|pair| pair[1].version != after(pair[0].version)) {
            self.breach(Promise::Watch, format!("{} came after {}", pair[1].version, pair[0].version));
        }
        let held = self.by_offset();
        let differing = events.iter().find(|seen| held.get(&seen.version.offset).is_some_and(|held| held != seen));
        if let Some(seen) = differing {
            self.breach(Promise::Watch, format!("a watcher was told {seen:?}"));
        }
        let last = events.last().map_or(0, |seen| seen.version.offset);
        if last != self.reading.head.offset {
            self.breach(Promise::Watch, format!("the watcher is at {last}, the head at {}", self.reading.head));
        }
    }

    fn by_offset(&self) -> HashMap<u64, &'a Seen> {
        self.reading.forward.iter().map(|seen| (seen.version.offset, seen)).collect()
    }

    fn items(&self) -> impl Iterator<Item = (&'a Publish, usize)> {
        self.publishes.iter().flat_map(|publish| (0..publish.items.len()).map(move |at| (*publish, at)))
    }

    /// The publishes of which anything is there, with their first offset and all of them.
    fn placed(&self) -> Vec<(&'a Publish, u64, Vec<u64>)> {
        let offsets: HashMap<_, _> =
            self.reading.forward.iter().map(|seen| (seen.serial, seen.version.offset)).collect();
        let place = |publish: &&'a Publish| {
            let found: Vec<_> = publish.items.iter().filter_map(|item| offsets.get(&item.serial).copied()).collect();
            Some((*publish, *found.first()?, found))
        };
        self.publishes.iter().filter_map(place).collect()
    }
}

fn after(version: ResourceVersion) -> ResourceVersion {
    ResourceVersion::new(version.epoch, version.offset + 1)
}
