//! What one writer knows of a topic that is deleted and made again, and whose publications leave, and what a reading of it
//! breaks. The writer waits for each answer before it goes on, so when the node ends at most one command has none: that one
//! has taken effect or has not, and the first reading afterwards tells.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use fanfare_client::ResourceVersion;

use crate::ledger::{SERIAL, Seen, data};
use crate::verdict::{Breach, Kind, Promise};

/// What is asked of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Publish { serial: u64, key: Option<String>, ttl: Option<Duration> },
    Delete,
}

/// All that a reader was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The head; `0.0` when there is no topic.
    pub version: ResourceVersion,
    /// The history of a `stream`, the snapshot of a `state` topic.
    pub items: Vec<Seen>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Life {
    pub name: String,
    pub kind: Kind,
    /// Of the present life; `None` while there is no topic.
    epoch: Option<u64>,
    /// What a reader has to be shown, or may be, in the order of the versions.
    held: Vec<Held>,
    /// Epochs of all lives so far.
    epochs: HashSet<u64>,
    /// Serials of what has left for good.
    gone: HashSet<u64>,
    /// What has no answer, and when it was sent.
    pending: Option<(Command, Instant)>,
    /// Lives that were ended, and publications that left by themselves.
    pub deleted_count: usize,
    pub expired_count: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Held {
    serial: u64,
    offset: u64,
    key: Option<String>,
    /// From then on it may leave; `None`: never.
    stays_until: Option<Instant>,
}

impl Life {
    pub fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            epoch: None,
            held: Vec::new(),
            epochs: HashSet::new(),
            gone: HashSet::new(),
            pending: None,
            deleted_count: 0,
            expired_count: 0,
        }
    }

    /// There is a topic, as far as is known.
    pub fn is_there(&self) -> bool {
        self.epoch.is_some()
    }

    /// Something has no answer: nothing more may be asked before a reading.
    pub fn is_unsure(&self) -> bool {
        self.pending.is_some()
    }

    /// Something is about to be asked.
    pub fn sent(&mut self, command: Command, now: Instant) {
        self.pending = Some((command, now));
    }

    /// It was refused for sure.
    pub fn refused(&mut self) {
        self.pending = None;
    }

    /// It was done, at a version if it was a publication.
    pub fn answered(&mut self, version: Option<ResourceVersion>) -> Result<(), Breach> {
        match (self.pending.take(), version) {
            (Some((Command::Publish { serial, key, ttl }, sent_at)), Some(version)) => {
                self.live_in(version.epoch)?;
                if self.held.last().is_some_and(|last| last.offset >= version.offset) {
                    return Err(self.breach(Promise::Row, format!("{version} was given out again")));
                }
                self.hold(Held { serial, offset: version.offset, key, stays_until: ttl.map(|ttl| sent_at + ttl) });
            }
            (Some((Command::Delete, _)), None) => self.end(),
            (asked, version) => {
                return Err(self.breach(Promise::Answer, format!("{version:?} is no answer to {asked:?}")));
            }
        }
        Ok(())
    }

    /// Judges what was shown by `now`, and learns from it what became of a command without an answer.
    pub fn judge(&mut self, now: Instant, shown: &Shown) -> Result<(), Breach> {
        self.settle(shown)?;
        let Some(epoch) = self.epoch else {
            return match shown.version {
                ResourceVersion::NONE => Ok(()),
                version => Err(self.breach(Promise::Deleted, format!("it was deleted, and is there at {version}"))),
            };
        };
        if shown.version.epoch != epoch {
            let is_earlier = self.epochs.contains(&shown.version.epoch);
            let promise = if is_earlier { Promise::Deleted } else { Promise::Kept };
            return Err(self.breach(promise, format!("it was in epoch {epoch:x}, and is at {}", shown.version)));
        }
        for seen in &shown.items {
            self.shown(seen)?;
        }
        if let Some(pair) = shown.items.windows(2).find(|pair| pair[0].version.offset >= pair[1].version.offset) {
            let what = format!("{} is followed by {}", pair[0].version, pair[1].version);
            return Err(self.breach(Promise::Row, what));
        }
        let serials: HashSet<u64> = shown.items.iter().map(|seen| seen.serial).collect();
        let (stayed, left): (Vec<_>, Vec<_>) = self.held.drain(..).partition(|held| serials.contains(&held.serial));
        self.held = stayed;
        if let Some(lost) = left.iter().find(|held| held.stays_until.is_none_or(|until| now < until)) {
            return Err(self.breach(Promise::Kept, format!("{lost:?} is not there")));
        }
        self.expired_count += left.len();
        self.gone.extend(left.iter().map(|held| held.serial));
        Ok(())
    }

    fn shown(&self, seen: &Seen) -> Result<(), Breach> {
        let held = self.held.iter().find(|held| held.serial == seen.serial);
        let is_it = held.is_some_and(|held| {
            seen.is_whole && !seen.is_delete && (held.offset, &held.key) == (seen.version.offset, &seen.key)
        });
        match held {
            Some(_) if is_it => Ok(()),
            None if self.gone.contains(&seen.serial) => {
                Err(self.breach(Promise::Gone, format!("{seen:?} has left, and is there again")))
            }
            _ => Err(self.breach(Promise::Genuine, format!("{seen:?} is not what was published"))),
        }
    }

    /// What had no answer has taken effect if anything of it shows.
    fn settle(&mut self, shown: &Shown) -> Result<(), Breach> {
        match self.pending.take() {
            Some((Command::Delete, _)) if shown.version == ResourceVersion::NONE => self.end(),
            Some((Command::Publish { serial, key, ttl }, sent_at)) => {
                let seen = shown.items.iter().find(|seen| seen.serial == serial);
                // What made the topic may have left it again.
                let has_made_it = self.epoch.is_none() && shown.version != ResourceVersion::NONE;
                if seen.is_some() || has_made_it {
                    self.live_in(shown.version.epoch)?;
                }
                match seen {
                    Some(seen) => {
                        let stays_until = ttl.map(|ttl| sent_at + ttl);
                        self.hold(Held { serial, offset: seen.version.offset, key, stays_until });
                    }
                    None => {
                        self.gone.insert(serial);
                        self.may_have_replaced(key.as_ref(), ttl.map(|ttl| sent_at + ttl));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A publication was taken in an epoch: that of this life, or of one that begins with it.
    fn live_in(&mut self, epoch: u64) -> Result<(), Breach> {
        match self.epoch {
            Some(known) if known == epoch => Ok(()),
            Some(known) => Err(self.breach(Promise::Epoch, format!("it was in epoch {known:x}, and is in {epoch:x}"))),
            None if self.epochs.insert(epoch) => {
                self.epoch = Some(epoch);
                Ok(())
            }
            None => Err(self.breach(Promise::Deleted, format!("epoch {epoch:x} was ended, and goes on"))),
        }
    }

    fn hold(&mut self, held: Held) {
        if self.kind == Kind::State {
            let replaced = self.held.extract_if(.., |other| other.key == held.key);
            self.gone.extend(replaced.map(|other| other.serial));
        }
        self.held.push(held);
    }

    /// A put without an answer does not show: it was not taken, or it took the place of another and has left since.
    fn may_have_replaced(&mut self, key: Option<&String>, left_at: Option<Instant>) {
        let replaced = self.held.iter_mut().find(|held| held.key.as_ref() == key && self.kind == Kind::State);
        if let Some((held, left_at)) = replaced.zip(left_at) {
            held.stays_until = Some(held.stays_until.map_or(left_at, |until| until.min(left_at)));
        }
    }

    fn end(&mut self) {
        self.epoch = None;
        self.gone.extend(self.held.drain(..).map(|held| held.serial));
        self.deleted_count += 1;
    }

    fn breach(&self, promise: Promise, what: impl fmt::Display) -> Breach {
        Breach { promise, what: format!("`{}`: {what}", self.name) }
    }
}

/// The body that publishes; `None` for a command that has none.
pub fn body(command: &Command) -> Option<serde_json::Value> {
    let Command::Publish { serial, key, ttl } = command else { return None };
    let mut body = serde_json::json!({ "data": data(*serial), "attributes": { SERIAL: serial.to_string() } });
    if let Some(key) = key {
        body["key"] = key.as_str().into();
    }
    if let Some(ttl) = ttl {
        body["ttl"] = format!("{}ms", ttl.as_millis()).into();
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u64 = 7;
    const NEW: u64 = 8;
    const HOUR: Duration = Duration::from_secs(3_600);

    fn publish(serial: u64, ttl: Option<Duration>) -> Command {
        Command::Publish { serial, key: None, ttl }
    }

    fn seen(serial: u64, epoch: u64, offset: u64) -> Seen {
        let version = ResourceVersion::new(epoch, offset);
        Seen { version, serial, key: None, is_delete: false, is_whole: true }
    }

    /// What a reader is shown at a head.
    fn shown(epoch: u64, head: u64, items: &[Seen]) -> Shown {
        Shown { version: ResourceVersion::new(epoch, head), items: items.to_vec() }
    }

    const NOTHING: Shown = Shown { version: ResourceVersion::NONE, items: Vec::new() };

    /// A topic whose first life had publication 1, and whose second has 2, which stays, and 3, which may leave at once.
    fn life(now: Instant) -> Life {
        let mut life = Life::new("mortal:a".to_owned(), Kind::Stream);
        let steps = [
            (publish(1, None), Some(ResourceVersion::new(OLD, 1))),
            (Command::Delete, None),
            (publish(2, None), Some(ResourceVersion::new(NEW, 1))),
            (publish(3, Some(Duration::ZERO)), Some(ResourceVersion::new(NEW, 2))),
        ];
        for (command, version) in steps {
            life.sent(command, now);
            life.answered(version).expect("an honest answer");
        }
        life
    }

    fn broken(life: &mut Life, now: Instant, shown: &Shown) -> Option<Promise> {
        life.judge(now, shown).err().map(|breach| breach.promise)
    }

    #[test]
    fn what_may_leave_leaves_once() {
        let now = Instant::now();
        let mut life = life(now);
        let (two, three) = (seen(2, NEW, 1), seen(3, NEW, 2));
        assert_eq!(broken(&mut life, now, &shown(NEW, 2, &[two.clone(), three.clone()])), None);
        assert_eq!(broken(&mut life, now, &shown(NEW, 2, std::slice::from_ref(&two))), None);
        assert_eq!((life.deleted_count, life.expired_count), (1, 1));
        assert_eq!(broken(&mut life, now, &shown(NEW, 2, &[two, three])), Some(Promise::Gone));
    }

    #[test]
    fn planted_lies_are_found() {
        let now = Instant::now();
        let (two, three) = (seen(2, NEW, 1), seen(3, NEW, 2));
        for (told, promise) in [
            (shown(OLD, 1, &[seen(1, OLD, 1)]), Promise::Deleted),
            (NOTHING, Promise::Kept),
            (shown(9, 1, &[]), Promise::Kept),
            (shown(NEW, 2, std::slice::from_ref(&three)), Promise::Kept),
            (shown(NEW, 2, &[seen(1, NEW, 1), two.clone()]), Promise::Gone),
            (shown(NEW, 3, &[two.clone(), seen(4, NEW, 3)]), Promise::Genuine),
            (shown(NEW, 2, &[seen(2, NEW, 2)]), Promise::Genuine),
            (shown(NEW, 2, &[Seen { is_whole: false, ..two.clone() }]), Promise::Genuine),
            (shown(NEW, 2, &[three, two]), Promise::Row),
        ] {
            assert_eq!(broken(&mut life(now), now, &told), Some(promise), "{told:?}");
        }
    }

    #[test]
    fn a_deleted_topic_does_not_come_back_and_its_next_life_is_another() {
        let now = Instant::now();
        let mut life = life(now);
        life.sent(Command::Delete, now);
        life.answered(None).expect("an honest answer");
        assert_eq!(broken(&mut life.clone(), now, &NOTHING), None);
        assert_eq!(broken(&mut life.clone(), now, &shown(NEW, 2, &[seen(2, NEW, 1)])), Some(Promise::Deleted));
        life.sent(publish(5, None), now);
        let again = life.answered(Some(ResourceVersion::new(NEW, 3)));
        assert_eq!(again.map_err(|breach| breach.promise), Err(Promise::Deleted));
    }

    #[test]
    fn nothing_leaves_before_its_time() {
        let now = Instant::now();
        let mut life = life(now);
        life.sent(publish(4, Some(HOUR)), now);
        life.answered(Some(ResourceVersion::new(NEW, 3))).expect("an honest answer");
        let without = shown(NEW, 3, &[seen(2, NEW, 1)]);
        assert_eq!(broken(&mut life.clone(), now, &without), Some(Promise::Kept));
        assert_eq!(broken(&mut life, now + HOUR, &without), None);
    }

    #[test]
    fn what_had_no_answer_was_done_or_not_and_is_settled_by_the_first_reading() {
        let now = Instant::now();
        let both = shown(NEW, 2, &[seen(2, NEW, 1), seen(3, NEW, 2)]);
        for command in [Command::Delete, publish(4, None)] {
            let mut unsure = life(now);
            unsure.sent(command.clone(), now);
            assert_eq!(broken(&mut unsure, now, &both), None, "{command:?} was not done");
            assert!(!unsure.is_unsure() && unsure.is_there());
        }
        let mut deleted = life(now);
        deleted.sent(Command::Delete, now);
        assert_eq!(broken(&mut deleted, now, &NOTHING), None);
        assert_eq!(broken(&mut deleted, now, &both), Some(Promise::Deleted));
        let mut published = life(now);
        published.sent(publish(4, None), now);
        let three = shown(NEW, 3, &[seen(2, NEW, 1), seen(4, NEW, 3)]);
        assert_eq!(broken(&mut published, now, &three), None);
        assert_eq!(broken(&mut published, now, &both), Some(Promise::Gone));
    }

    /// Of the next life everything may have left by the time that it is looked at.
    #[test]
    fn what_made_a_topic_may_have_left_it_before_anyone_looks() {
        let now = Instant::now();
        let mut life = life(now);
        life.sent(Command::Delete, now);
        life.answered(None).expect("an honest answer");
        life.sent(publish(4, Some(Duration::ZERO)), now);
        assert_eq!(broken(&mut life, now, &shown(9, 1, &[])), None);
        assert!(life.is_there());
    }

    #[test]
    fn a_put_without_an_answer_may_have_replaced_another_and_left() {
        let now = Instant::now();
        let put = |serial, ttl| Command::Publish { serial, key: Some("a".to_owned()), ttl };
        for (ttl, promise) in
            [(Some(Duration::ZERO), None), (Some(HOUR), Some(Promise::Kept)), (None, Some(Promise::Kept))]
        {
            let mut life = Life::new("mortal-map:a".to_owned(), Kind::State);
            life.sent(put(1, None), now);
            life.answered(Some(ResourceVersion::new(NEW, 1))).expect("an honest answer");
            life.sent(put(2, ttl), now);
            assert_eq!(broken(&mut life, now, &shown(NEW, 3, &[])), promise, "{ttl:?}");
        }
    }

    #[test]
    fn a_later_put_of_a_key_takes_the_place_of_the_one_before() {
        let now = Instant::now();
        let mut life = Life::new("mortal-map:a".to_owned(), Kind::State);
        let put = |serial, key: &str| Command::Publish { serial, key: Some(key.to_owned()), ttl: None };
        for (serial, key) in [(1, "a"), (2, "b"), (3, "a")] {
            life.sent(put(serial, key), now);
            life.answered(Some(ResourceVersion::new(NEW, serial))).expect("an honest answer");
        }
        let item = |serial, key: &str| Seen { key: Some(key.to_owned()), ..seen(serial, NEW, serial) };
        assert_eq!(broken(&mut life, now, &shown(NEW, 3, &[item(2, "b"), item(3, "a")])), None);
        assert_eq!(broken(&mut life, now, &shown(NEW, 3, &[item(1, "a"), item(2, "b")])), Some(Promise::Gone));
    }
}
