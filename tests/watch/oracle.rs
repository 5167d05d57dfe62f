//! What a client may have seen of a topic: everything that its view shows, once, in order, or it was told otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What was published, by offset from 1 on.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Of a `state` topic.
    pub key: Option<String>,
    /// `None` for a delete.
    pub data: Option<Value>,
}

/// A view, as the test knows it.
#[derive(Debug, Clone, Default)]
pub struct Lens {
    /// `data.g` is this.
    pub group: Option<u64>,
    /// `data.n` is at least this.
    pub least: Option<u64>,
    /// `data` keeps these.
    pub fields: Vec<&'static str>,
    pub on_change: bool,
    pub delta: bool,
    /// Only the latest of a key may be shown.
    pub conflates: bool,
    pub is_state: bool,
    /// Publications of a stream's snapshot, and retained.
    pub limit: usize,
}

/// What a client heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// It asked from after this offset; from a snapshot without one.
    Opened(Option<u64>),
    /// The same, where the node remembers what it tells until the next time that it is asked: it tells nothing of a `state`
    /// topic that makes no difference, and no more than the difference.
    Remembered(Option<u64>),
    Put(u64, Option<String>, Value),
    Patch(u64, String, Value),
    Delete(u64, String),
    /// The snapshot ends with everything up to here.
    SnapshotEnd(u64),
    /// Its cursor cannot be continued, a snapshot follows.
    Gone,
    /// Everything up to here was told.
    Through(u64),
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach(pub String);

/// Follows one client.
pub struct Oracle<'a> {
    log: &'a [Entry],
    lens: &'a Lens,
    /// Everything up to here was told.
    cursor: u64,
    /// While a snapshot is told.
    items: Option<Vec<u64>>,
    /// What a client holds of each key.
    shown: BTreeMap<String, Value>,
    /// Of which keys the node knows what the client holds.
    known: Known,
    last_kept: Option<Value>,
}

/// What the node knows of a client.
#[derive(Debug)]
enum Known {
    /// What it has told it since it was asked.
    Keys(BTreeSet<String>),
    All,
    /// Something, or nothing.
    Somehow,
}

impl Lens {
    /// Whether what was shown before makes a difference.
    fn asks_before(&self) -> bool {
        self.on_change || self.delta || self.group.is_some() || self.least.is_some()
    }

    pub fn matches(&self, entry: &Entry) -> bool {
        let Some(data) = &entry.data else { return false };
        self.group.is_none_or(|group| data["g"] == group)
            && self.least.is_none_or(|least| data["n"].as_u64().is_some_and(|n| n >= least))
    }

    pub fn project(&self, data: &Value) -> Value {
        let (false, Value::Object(members)) = (self.fields.is_empty(), data) else { return data.clone() };
        let kept = members.iter().filter(|(name, _)| self.fields.contains(&name.as_str()));
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
    }
}

impl<'a> Oracle<'a> {
    pub fn new(log: &'a [Entry], lens: &'a Lens) -> Self {
        Self { log, lens, cursor: 0, items: None, shown: BTreeMap::new(), known: Known::Somehow, last_kept: None }
    }

    /// Judges all that a client heard, which ends at the head of the log.
    pub fn judge(log: &'a [Entry], lens: &'a Lens, heard: &[Heard]) -> Result<(), Breach> {
        let mut oracle = Self::new(log, lens);
        for (at, heard) in heard.iter().enumerate() {
            oracle.hear(heard).map_err(|Breach(what)| Breach(format!("{at}: {heard:?}: {what}")))?;
        }
        oracle.end()
    }

    fn entry(&self, offset: u64) -> Result<&'a Entry, Breach> {
        let entry = offset.checked_sub(1).and_then(|at| self.log.get(at as usize));
        entry.ok_or_else(|| Breach(format!("nothing was published at {offset}")))
    }

    fn hear(&mut self, heard: &Heard) -> Result<(), Breach> {
        match heard {
            Heard::Opened(None) | Heard::Remembered(None) | Heard::Gone => {
                match heard {
                    Heard::Opened(_) => self.known = Known::Somehow,
                    Heard::Remembered(_) => self.known = Known::All,
                    _ if matches!(self.known, Known::Keys(_)) => self.known = Known::All,
                    _ => {}
                }
                self.items = Some(Vec::new());
                self.shown.clear();
                self.last_kept = None;
            }
            Heard::Opened(Some(cursor)) | Heard::Remembered(Some(cursor)) => {
                self.known = match heard {
                    Heard::Opened(_) => Known::Somehow,
                    _ if *cursor == 0 => Known::All,
                    _ => Known::Keys(BTreeSet::new()),
                };
                if *cursor != self.cursor {
                    return breach(format!("it asked after {cursor} and had everything up to {}", self.cursor));
                }
                self.items = None;
            }
            Heard::Put(offset, key, data) => {
                if let Some(old) = key.as_ref().filter(|key| self.is_known(key)).and_then(|key| self.shown.get(key)) {
                    self.is_worth_it(old, data)?;
                }
                self.put(*offset, key.as_deref(), data)?;
            }
            Heard::Patch(offset, key, patch) => {
                let mut data = self.shown.get(key).cloned().ok_or_else(|| Breach("a patch of nothing".to_owned()))?;
                apply(&mut data, patch);
                self.put(*offset, Some(key), &data)?;
            }
            Heard::Delete(offset, key) if self.is_known(key) && !self.shown.contains_key(key) => {
                return breach(format!("it does not hold the key that is deleted at {offset}"));
            }
            Heard::Delete(offset, key) => {
                let entry = self.entry(*offset)?;
                if entry.key.as_ref() != Some(key) || self.lens.matches(entry) {
                    return breach("the key was not taken out of sight there");
                }
                self.pass(*offset)?;
                self.shown.remove(key);
                self.know(key);
            }
            Heard::SnapshotEnd(version) => self.snapshot_end(*version)?,
            Heard::Through(offset) => {
                if self.items.is_none() {
                    self.through(*offset)?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, offset: u64, key: Option<&str>, data: &Value) -> Result<(), Breach> {
        let entry = self.entry(offset)?;
        if entry.key.as_deref() != key || !self.lens.matches(entry) {
            return breach("it is not in this view");
        }
        let expected = entry.data.as_ref().map(|data| self.lens.project(data)).unwrap_or_default();
        if expected != *data {
            return breach(format!("it is {expected}"));
        }
        match &mut self.items {
            Some(items) if items.last().is_some_and(|last| *last >= offset) => return breach("out of order"),
            Some(items) => items.push(offset),
            None => self.pass(offset)?,
        }
        if let Some(key) = key {
            self.shown.insert(key.to_owned(), data.clone());
            self.know(key);
        }
        self.last_kept = Some(data.clone());
        Ok(())
    }

    /// Whether the node knows what the client holds of a key, and looks.
    fn is_known(&self, key: &str) -> bool {
        let is_known = match &self.known {
            Known::Keys(keys) => keys.contains(key),
            Known::All => true,
            Known::Somehow => false,
        };
        is_known && self.lens.asks_before() && self.items.is_none()
    }

    fn know(&mut self, key: &str) {
        if let Known::Keys(keys) = &mut self.known {
            keys.insert(key.to_owned());
        }
    }

    /// What changes is told, and by a patch where that is shorter.
    fn is_worth_it(&self, old: &Value, new: &Value) -> Result<(), Breach> {
        if self.lens.on_change && old == new {
            return breach("it is as it was");
        }
        let (Value::Object(old), Value::Object(new)) = (old, new) else { return Ok(()) };
        // All values have the same members.
        let patch: Map<_, _> = new.clone().into_iter().filter(|(name, value)| old.get(name) != Some(value)).collect();
        let length = |members: &Map<String, Value>| serde_json::to_vec(members).map_or(0, |text| text.len());
        if self.lens.delta && length(&patch) < length(new) {
            return breach("a patch would say it");
        }
        Ok(())
    }

    /// An event at this offset is told: what comes before it was told, or need not be.
    fn pass(&mut self, offset: u64) -> Result<(), Breach> {
        if offset <= self.cursor {
            return breach(format!("everything up to {} was told before", self.cursor));
        }
        self.skip(offset - 1)?;
        self.cursor = offset;
        Ok(())
    }

    /// Nothing up to and with this offset that has to be told was left out.
    fn skip(&mut self, through: u64) -> Result<(), Breach> {
        if self.lens.conflates {
            return Ok(());
        }
        for offset in self.cursor + 1..=through {
            let entry = self.entry(offset)?;
            if self.has_to_be_told(entry) {
                return breach(format!("{offset} was left out"));
            }
        }
        Ok(())
    }

    fn has_to_be_told(&self, entry: &Entry) -> bool {
        let kept = entry.data.as_ref().map(|data| self.lens.project(data));
        let Some(key) = &entry.key else {
            return self.lens.matches(entry) && !(self.lens.on_change && kept == self.last_kept);
        };
        let shown = self.shown.get(key);
        match self.lens.matches(entry) {
            true => !(self.lens.on_change && shown == kept.as_ref()),
            false => shown.is_some(),
        }
    }

    fn through(&mut self, offset: u64) -> Result<(), Breach> {
        if offset > self.log.len() as u64 {
            return breach("the topic has not come so far");
        }
        if offset > self.cursor {
            self.skip(offset)?;
            self.cursor = offset;
        }
        Ok(())
    }

    fn snapshot_end(&mut self, version: u64) -> Result<(), Breach> {
        let Some(items) = self.items.take() else { return breach("no snapshot began") };
        let log = self.log.get(..version as usize).ok_or_else(|| Breach("the topic has not come so far".to_owned()))?;
        let expected: Vec<u64> = if self.lens.is_state {
            let mut latest = BTreeMap::new();
            for (offset, entry) in (1..).zip(log) {
                latest.insert(entry.key.as_deref(), (offset, entry));
            }
            let mut live: Vec<_> =
                latest.values().filter(|(_, entry)| self.lens.matches(entry)).map(|(offset, _)| *offset).collect();
            live.sort_unstable();
            live
        } else {
            let last = (1..).zip(log).skip(log.len().saturating_sub(self.lens.limit));
            last.filter(|(_, entry)| self.lens.matches(entry)).map(|(offset, _)| offset).collect()
        };
        if items != expected {
            return breach(format!("it holds {items:?} and should hold {expected:?}"));
        }
        self.cursor = version;
        Ok(())
    }

    /// At the end a client holds what there is.
    fn end(mut self) -> Result<(), Breach> {
        let head = self.log.len() as u64;
        if self.items.is_some() || self.cursor != head {
            return breach(format!("it ends at {} of {head}", self.cursor));
        }
        if self.lens.is_state {
            let mut fold = BTreeMap::new();
            for entry in self.log {
                let key = entry.key.clone().unwrap_or_default();
                match &entry.data {
                    Some(data) if self.lens.matches(entry) => fold.insert(key, self.lens.project(data)),
                    _ => fold.remove(&key),
                };
            }
            self.shown.retain(|key, data| fold.remove(key).as_ref() != Some(data));
            if !(fold.is_empty() && self.shown.is_empty()) {
                return breach(format!("it lacks {fold:?} and should not hold {:?}", self.shown));
            }
        }
        Ok(())
    }
}

fn breach<T>(what: impl Into<String>) -> Result<T, Breach> {
    Err(Breach(what.into()))
}

/// RFC 7396.
fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            target.remove(name);
        } else {
            apply(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
