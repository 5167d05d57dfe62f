//! What was published and what became of it, as the publishers know it. Every publication has a serial of its own, which
//! it carries in an attribute, and data that can be told from the serial: so an event shows where it comes from and
//! whether it is whole.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfare_client::ResourceVersion;

/// The attribute that holds the serial.
pub const SERIAL: &str = "serial";

/// One publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub serial: u64,
    /// In a `state` topic.
    pub key: Option<String>,
    pub is_delete: bool,
}

/// One publish: a publication, or several that take effect together or not at all.
#[derive(Debug, Clone)]
pub struct Publish {
    pub topic: String,
    /// Whose it is. What one producer publishes to one topic keeps its order.
    pub producer: usize,
    pub items: Vec<Item>,
    /// By the ledger's clock: before the first byte was sent.
    pub sent_at: u64,
    /// Every answer with versions: more than one when it was repeated.
    pub answers: Vec<Answer>,
    /// Refused for sure: it must never show.
    pub is_refused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// By the ledger's clock.
    pub at: u64,
    pub versions: Vec<ResourceVersion>,
}

/// See the module. Shared by all publishers.
#[derive(Debug, Default)]
pub struct Ledger {
    clock: AtomicU64,
    serial: AtomicU64,
    publishes: Mutex<Vec<Publish>>,
    /// Reads after an answer that did not show what was answered.
    stale: Mutex<Vec<String>>,
}

impl Ledger {
    /// A new publication.
    pub fn item(&self, key: Option<String>, is_delete: bool) -> Item {
        Item { serial: self.serial.fetch_add(1, Ordering::Relaxed) + 1, key, is_delete }
    }

    /// A large one.
    pub fn bulk(&self) -> Item {
        let item = self.item(None, false);
        Item { serial: item.serial | BULK, ..item }
    }

    /// Writes down that a publish is about to be sent, and gives its number.
    pub fn sent(&self, topic: &str, producer: usize, items: Vec<Item>) -> usize {
        let mut publishes = self.lock();
        let (topic, sent_at) = (topic.to_owned(), self.now());
        publishes.push(Publish { topic, producer, items, sent_at, answers: Vec::new(), is_refused: false });
        publishes.len() - 1
    }

    /// It was answered.
    pub fn acknowledged(&self, publish: usize, versions: Vec<ResourceVersion>) {
        let mut publishes = self.lock();
        let at = self.now();
        publishes[publish].answers.push(Answer { at, versions });
    }

    /// No copy of it can have taken effect.
    pub fn refused(&self, publish: usize) {
        self.lock()[publish].is_refused = true;
    }

    /// A read after the answer to a publish showed something else.
    pub fn stale(&self, what: String) {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Takes what was stale so far.
    pub fn take_stale(&self) -> Vec<String> {
        std::mem::take(&mut self.stale.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything so far.
    pub fn publishes(&self) -> Vec<Publish> {
        self.lock().clone()
    }

    /// How many were answered, and how many were not.
    pub fn counts(&self) -> (usize, usize) {
        let publishes = self.lock();
        let answered = publishes.iter().filter(|publish| !publish.answers.is_empty()).count();
        (answered, publishes.len() - answered)
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Publish>> {
        self.publishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Set in the serials of large publications, which make the log begin new segments and the store new files.
const BULK: u64 = 1 << 40;

/// The data of a publication: some are short, some take several pages of the disk.
pub fn data(serial: u64) -> String {
    let bytes = match serial % 16 {
        _ if serial & BULK != 0 => 60_000,
        0 => 5_000,
        1 | 2 => 700,
        _ => 20,
    };
    format!("{serial}:{}", char::from(b'a' + (serial % 26) as u8).to_string().repeat(bytes))
}

/// An event as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub version: ResourceVersion,
    /// Of whom it is; 0 when it does not say.
    pub serial: u64,
    pub key: Option<String>,
    pub is_delete: bool,
    /// The data is what was published.
    pub is_whole: bool,
}

impl Seen {
    pub fn new(
        version: ResourceVersion,
        attributes: &BTreeMap<String, String>,
        key: Option<&str>,
        data: Option<&str>,
    ) -> Self {
        let serial = attributes.get(SERIAL).and_then(|serial| serial.parse().ok()).unwrap_or_default();
        let is_whole = data.is_none_or(|found| found == self::data(serial));
        Self { version, serial, key: key.map(str::to_owned), is_delete: data.is_none(), is_whole }
    }
}

/// All that a restarted node said of a topic while nobody published.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Pages of history from the oldest on, and from the newest back.
    pub forward: Vec<Seen>,
    pub backward: Vec<Seen>,
    pub head: ResourceVersion,
    pub snapshot: Vec<Seen>,
    pub snapshot_version: ResourceVersion,
    /// What came after each of these cursors.
    pub resumed: Vec<(ResourceVersion, Vec<Seen>)>,
    /// What a watcher has got since before the first crash.
    pub watched: Vec<Seen>,
    /// How its line broke, if it did.
    pub watch_error: Option<String>,
}
