//! Writes what waits: one drain is one contiguous write, at most one sync, and then its callbacks. Owns the segments. Knows
//! no thread and no clock: whoever steps it decides when.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::damage::Damage;
use super::drain::{Drain, Target};
use super::engine::GroupId;
use super::fault::LogFault;
use super::item::Item;
use super::record::{HEAD_BYTES, Head, Kind, Place};
use super::replay::OTHERS;
use super::segments::{Openings, Segments};
use super::settings::{FileLogSettings, SyncMode};
use super::shared::{Phase, Readable, Shared};
use super::spares::Spares;
use super::summary::Summary;

/// The one that writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    segments: Segments,
    spares: Arc<Spares>,
    sync: SyncMode,
    drain_bytes_max: usize,
    /// The groups as far as they were written, for the next opening; in order, so that the same calls write the same bytes.
    written: BTreeMap<GroupId, Summary>,
    /// What every opening says in place of groups at fault.
    doubts: Vec<(GroupId, Damage)>,
    /// Taken, not encoded.
    pending: VecDeque<Item>,
    drain: Drain,
    /// Where the last record ends that is not a mark.
    data_end: Place,
    /// The greatest synced-through of any record.
    marked: Place,
    /// Segments below the first are needless once everything before the second is durable.
    releasable: Option<(u64, Place)>,
    /// The thread will look again by itself, for what has to happen later.
    pub(super) is_watched: bool,
    /// Nothing is written from here on.
    failed: Option<LogFault>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing waited.
    Idle,
    /// A drain is done; more may wait.
    Done,
    /// There is no space; what waits goes on waiting.
    Full,
    /// The log has failed: what waited was told so.
    Failed,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        segments: Segments,
        spares: Arc<Spares>,
        settings: &FileLogSettings,
        written: BTreeMap<GroupId, Summary>,
        doubts: Vec<(GroupId, Damage)>,
    ) -> Self {
        let data_end = segments.end();
        let drain_bytes_max = settings.drain_bytes_max;
        let (pending, drain) = (VecDeque::new(), Drain::default());
        Self {
            shared,
            segments,
            spares,
            sync: settings.sync,
            drain_bytes_max,
            written,
            doubts,
            pending,
            drain,
            data_end,
            // What was read back is durable by now, and no record says so yet.
            marked: Place { segment: 0, offset: 0 },
            releasable: None,
            is_watched: false,
            failed: None,
        }
    }

    /// Makes sure that there is a segment to write to, and that it is a sound one: a damaged one stays as it is, so that it
    /// can be put back as it was.
    pub(super) fn begin(&mut self) -> Result<(), LogFault> {
        if !self.segments.is_current_sound() && !self.advance(0)? {
            if self.segments.seed().is_none() {
                return Err(self.no_space());
            }
            self.mark()?;
            self.sync()?;
        }
        self.count();
        Ok(())
    }

    fn no_space(&self) -> LogFault {
        LogFault::io("write below", self.segments.dir(), std::io::ErrorKind::StorageFull.into())
    }

    /// Writes one drain.
    pub(super) fn step(&mut self) -> Step {
        match self.try_step() {
            Ok(step) => {
                self.shared.is_stuck.store(step == Step::Full, Relaxed);
                step
            }
            Err(fault) => {
                self.fail(&fault);
                Step::Failed
            }
        }
    }

    fn try_step(&mut self) -> Result<Step, LogFault> {
        self.failed()?;
        self.spares.fault()?;
        if self.drain.items.is_empty() {
            if self.pending.is_empty() {
                self.shared.take(self.drain_bytes_max, &mut self.pending);
            }
            if self.pending.is_empty() {
                return Ok(Step::Idle);
            }
            if !self.encode()? {
                return Ok(Step::Full);
            }
        }
        if !self.drain.is_written && !self.drain.bytes.is_empty() {
            if !self.segments.write(&self.drain.bytes)? {
                return Ok(Step::Full);
            }
            self.drain.is_written = true;
            self.data_end = self.segments.end();
            if self.sync == SyncMode::Always || self.drain.has_vote {
                self.sync()?;
            }
        }
        self.complete();
        self.release()?;
        Ok(Step::Done)
    }

    fn failed(&self) -> Result<(), LogFault> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Encodes what is pending, as much as fits into the segment. `Ok(false)`: the next one cannot be made.
    fn encode(&mut self) -> Result<bool, LogFault> {
        while let Some(item) = self.pending.front() {
            let bytes = item.record_bytes();
            if bytes > self.segments.room().saturating_sub(self.drain.bytes.len()) {
                if !self.drain.items.is_empty() {
                    break;
                }
                if !self.advance(bytes)? {
                    return Ok(false);
                }
            }
            let Some(target) = Target::of(&self.segments) else { return Ok(false) };
            if let Some(item) = self.pending.pop_front() {
                self.drain.push(item, &target, &mut self.written);
                if bytes > 0 {
                    self.marked = self.segments.synced();
                }
            }
        }
        Ok(true)
    }

    /// Changes to the next segment.
    fn advance(&mut self, room: usize) -> Result<bool, LogFault> {
        let openings = self.openings();
        let Some(opened) = self.segments.advance(&openings, room)? else { return Ok(false) };
        self.data_end = self.segments.end();
        self.marked = self.data_end;
        let readable = Readable { file: opened.file, seed: opened.seed };
        self.shared.state.lock().readable.insert(opened.number, readable);
        self.release()?;
        self.count();
        Ok(true)
    }

    fn openings(&self) -> Openings {
        let stamp = self.segments.opening_stamp();
        let mut openings = Vec::with_capacity(self.doubts.len() + self.written.len());
        for (group, damage) in &self.doubts {
            let payload = damage.encode();
            openings.push((Head::new(Kind::Doubt, *group, 0, 0, stamp, &payload), payload));
        }
        for (group, summary) in &self.written {
            let payload = summary.encode();
            let next = summary.next().unwrap_or_default();
            openings.push((Head::new(Kind::Opening, *group, summary.turn, next, stamp, &payload), payload));
        }
        openings
    }

    /// What was written can be looked up by its place; tells who waited.
    fn complete(&mut self) {
        let mut drain = mem::take(&mut self.drain);
        let mut state = self.shared.state.lock();
        for (group, index, turn, place) in drain.entries.drain(..) {
            state.groups.written(group, index, turn, place);
        }
        drain.freed.drain(..).for_each(|freed| state.groups.free(freed));
        state.groups.evict();
        let needed = state.groups.oldest_needed().unwrap_or(u64::MAX).min(self.segments.end().segment);
        drop(state);
        if self.releasable.is_none_or(|(before, _)| before < needed) {
            self.releasable = Some((needed, self.data_end));
        }
        let figures = &self.shared.figures;
        figures.drains.fetch_add(1, Relaxed);
        figures.records.fetch_add(drain.records, Relaxed);
        figures.bytes.fetch_add(drain.bytes.len() as u64, Relaxed);
        self.shared.waiting_bytes.fetch_sub(drain.waiting_bytes, Relaxed);
        drain.items.drain(..).for_each(Item::done);
        self.drain = drain.emptied(self.drain_bytes_max);
    }

    fn release(&mut self) -> Result<(), LogFault> {
        let Some((needed, through)) = self.releasable else { return Ok(()) };
        if self.segments.synced() < through || self.segments.oldest().is_none_or(|oldest| oldest >= needed) {
            return Ok(());
        }
        for number in self.segments.release(needed)? {
            self.shared.state.lock().readable.remove(&number);
        }
        self.count();
        Ok(())
    }

    fn count(&self) {
        let figures = &self.shared.figures;
        figures.segments.store(self.segments.count() as u64, Relaxed);
        figures.segments_bytes.store(self.segments.bytes(), Relaxed);
    }

    /// Where what was written ends, marks aside.
    pub(super) fn end(&self) -> Place {
        self.data_end
    }

    /// Whether something was taken that is not written.
    pub(super) fn is_amid(&self) -> bool {
        !self.pending.is_empty() || !self.drain.items.is_empty()
    }

    /// Whether something has to happen later and the thread does not know.
    pub(super) fn wants_thread(&self) -> bool {
        let is_written = !self.is_amid();
        let is_synced = !matches!(self.sync, SyncMode::Interval { .. }) || !self.is_unsynced();
        let is_settled = is_written && is_synced && !self.is_unmarked();
        !is_settled && !self.is_watched && self.failed.is_none()
    }

    /// Whether something was written that is not durable.
    pub(super) fn is_unsynced(&self) -> bool {
        self.segments.synced() < self.data_end
    }

    /// Makes durable what was written, and lets go of what that makes needless.
    pub(super) fn flush(&mut self) -> Result<(), LogFault> {
        let flushed = self.failed().and_then(|()| self.sync()).and_then(|()| self.release());
        flushed.inspect_err(|fault| self.fail(fault))
    }

    fn sync(&mut self) -> Result<(), LogFault> {
        self.shared.figures.syncs.fetch_add(1, Relaxed);
        self.segments.sync()
    }

    /// Whether a mark would tell something that no record tells.
    pub(super) fn is_unmarked(&self) -> bool {
        let is_told = self.marked >= self.data_end || !self.segments.has_room_for_mark();
        !is_told && !self.is_unsynced() && self.drain.items.is_empty()
    }

    /// Writes how far the log is durable, so that damage to the last drain can be told from an interrupted write. Not
    /// synced: it is of use as soon as it is on the disk, and of no harm before.
    pub(super) fn mark(&mut self) -> Result<(), LogFault> {
        if !self.is_unmarked() {
            return Ok(());
        }
        let Some(target) = Target::of(&self.segments) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        let head = Head::new(Kind::Mark, OTHERS, 0, 0, target.stamp, &[]);
        head.encode(target.seed, target.end.offset, &[], &mut bytes);
        self.marked = self.segments.synced();
        let written = self.failed().and_then(|()| self.segments.write(&bytes));
        written.map(drop).inspect_err(|fault| self.fail(fault))
    }

    /// Nothing is acknowledged from here on: tells everyone who waits.
    pub(super) fn fail(&mut self, fault: &LogFault) {
        self.failed.get_or_insert_with(|| fault.clone());
        self.shared.fail(fault);
        let drain = mem::take(&mut self.drain);
        let mut waiting = drain.items;
        waiting.extend(self.pending.drain(..));
        loop {
            waiting.extend(self.shared.state.lock().queue.drain(..));
            if waiting.is_empty() {
                return;
            }
            let bytes = waiting.iter().map(Item::record_bytes).sum();
            self.shared.waiting_bytes.fetch_sub(bytes, Relaxed);
            waiting.drain(..).for_each(|item| item.fail(fault));
        }
    }

    /// Like [`Self::fail`], when nobody will step again.
    pub(super) fn give_up(&mut self, fault: &LogFault) {
        self.failed.get_or_insert_with(|| fault.clone());
        self.shared.give_up(fault);
        self.fail(fault);
    }

    /// Writes everything that waits, makes it durable, marks it, and takes no more.
    pub(super) fn finish(&mut self) -> Result<(), LogFault> {
        let outcome = self.try_finish();
        if let Err(fault) = &outcome {
            self.fail(fault);
        }
        loop {
            let mut state = self.shared.state.lock();
            let late: Vec<_> = state.queue.drain(..).collect();
            if late.is_empty() {
                state.phase = Phase::Closed;
                return outcome;
            }
            drop(state);
            self.shared.waiting_bytes.fetch_sub(late.iter().map(Item::record_bytes).sum(), Relaxed);
            late.into_iter().for_each(|item| item.fail(&LogFault::Closed));
        }
    }

    fn try_finish(&mut self) -> Result<(), LogFault> {
        loop {
            match self.try_step()? {
                Step::Done => {}
                Step::Idle => break,
                Step::Full | Step::Failed => return Err(self.no_space()),
            }
        }
        if self.is_unsynced() {
            self.sync()?;
        }
        if self.is_unmarked() {
            self.mark()?;
            self.sync()?;
        }
        self.release()
    }
}
