//! A log on a simulated disk beside a model of it, which remembers what was true after each call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::super::disk::SimulatedDisk;
use super::super::{
    Appended, FileLog, FileLogSettings, GroupId, LogEngine, LogEntry, LogFault, Purged, Step, Stepper, SyncMode,
};

/// Groups that programs call.
pub(super) const GROUPS: [GroupId; 4] = [GroupId(0), GroupId(1), GroupId(2), GroupId::META];

pub(super) fn dir() -> &'static Path {
    Path::new("/data/wal")
}

/// One step of a program. Indexes are relative to what is held, so that every program makes sense.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Append { group: usize, count: usize, bytes: usize },
    Vote { group: usize },
    Truncate { group: usize, keep: u64 },
    Purge { group: usize, beyond: i64 },
    Step,
    Sync,
    Pause,
}

pub(super) fn acts(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Act>> {
    let group = || 0..GROUPS.len();
    let act = prop_oneof![
        6 => (group(), 0..4_usize, 0..200_usize).prop_map(|(group, count, bytes)| Act::Append { group, count, bytes }),
        1 => (group(), 1..2_usize, 900..5_000_usize).prop_map(|(group, count, bytes)| Act::Append { group, count, bytes }),
        2 => group().prop_map(|group| Act::Vote { group }),
        2 => (group(), 0..6_u64).prop_map(|(group, keep)| Act::Truncate { group, keep }),
        3 => (group(), -4..4_i64).prop_map(|(group, beyond)| Act::Purge { group, beyond }),
        8 => Just(Act::Step),
        1 => Just(Act::Sync),
        1 => Just(Act::Pause),
    ];
    prop::collection::vec(act, count)
}

pub(super) fn settings() -> impl Strategy<Value = FileLogSettings> {
    (1..5_u32, 200..3_000_usize, prop_oneof![Just(0), Just(300), Just(usize::MAX)], 0..3_usize).prop_map(
        |(pages, drain_bytes_max, recent_bytes_max, spare_segments_max)| FileLogSettings {
            sync: SyncMode::Always,
            segment_bytes: pages * 4096,
            drain_bytes_max,
            waiting_bytes_max: 1_000,
            recent_bytes_max,
            spare_segments_max,
            pinning_segments_max: 2,
        },
    )
}

/// What a group should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) vote: Option<Bytes>,
    pub(super) purged: Option<Purged>,
    pub(super) entries: Vec<LogEntry>,
}

pub(super) type Model = BTreeMap<GroupId, Group>;

/// What the log holds of a group.
pub(super) fn held(log: &dyn LogEngine, group: GroupId) -> Result<Group, LogFault> {
    let known = log.group(group)?;
    let entries = log.read(group, 0..u64::MAX, usize::MAX)?;
    assert_eq!(known.last.as_ref(), entries.last(), "both doors show the same");
    Ok(Group { vote: known.vote, purged: known.purged, entries })
}

/// What the log holds of all groups that hold something.
pub(super) fn all(log: &dyn LogEngine) -> Result<Model, LogFault> {
    let mut model = Model::new();
    for group in GROUPS {
        let held = held(log, group)?;
        if held != Group::default() {
            model.insert(group, held);
        }
    }
    Ok(model)
}

/// How a call ended, by the state after it.
type Outcome = (usize, Result<(), LogFault>);

/// A log and what is known of it.
pub(super) struct Bench {
    pub(super) disk: SimulatedDisk,
    settings: FileLogSettings,
    pub(super) log: Option<(FileLog, Stepper)>,
    /// What was true after each record since the log was opened; the first is what was true then.
    pub(super) states: Vec<Model>,
    /// The state after each call.
    calls: Vec<usize>,
    /// Outcomes in the order in which they came, by call.
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    votes: Vec<usize>,
    unique: u64,
}

impl Bench {
    pub(super) fn new(disk: SimulatedDisk, settings: FileLogSettings) -> Self {
        Self {
            disk,
            settings,
            log: None,
            states: vec![Model::new()],
            calls: Vec::new(),
            outcomes: Arc::default(),
            votes: Vec::new(),
            unique: 0,
        }
    }

    pub(super) fn try_open(&mut self) -> Result<(), LogFault> {
        self.log = Some(FileLog::open_stepped(Arc::new(self.disk.clone()), dir(), self.settings)?);
        Ok(())
    }

    pub(super) fn log(&self) -> &FileLog {
        &self.log.as_ref().expect("it is open").0
    }

    pub(super) fn stepper(&mut self) -> &mut Stepper {
        &mut self.log.as_mut().expect("it is open").1
    }

    /// Calls and steps as the program says.
    pub(super) fn run(&mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Step => drop(self.stepper().step()),
            Act::Sync => drop(self.stepper().sync()),
            Act::Pause => drop(self.stepper().pause()),
            Act::Append { group, count, bytes } => self.append(GROUPS[group], count, bytes),
            Act::Vote { group } => {
                let vote = self.unique_bytes(20);
                self.votes.push(self.states.len());
                let change = vote.clone();
                self.call(
                    GROUPS[group],
                    |model| model.vote = Some(change),
                    |log, group, done| log.save_vote(group, vote, done),
                );
            }
            Act::Truncate { group, keep } => {
                let last = self.now(GROUPS[group]).entries.last().map(|entry| entry.index);
                let index = last.and_then(|last| last.checked_sub(keep));
                self.call(
                    GROUPS[group],
                    |model| model.entries.retain(|entry| index.is_some_and(|index| entry.index <= index)),
                    |log, group, done| log.truncate_after(group, index, done),
                );
            }
            Act::Purge { group, beyond } => {
                let now = self.now(GROUPS[group]);
                let last =
                    now.entries.last().map(|entry| entry.index).or(now.purged.as_ref().map(|purged| purged.index));
                let purged =
                    Purged { index: last.unwrap_or(3).saturating_add_signed(beyond), id: self.unique_bytes(10) };
                let change = purged.clone();
                self.call(
                    GROUPS[group],
                    |model| {
                        if model.purged.as_ref().is_none_or(|before| before.index < change.index) {
                            model.entries.retain(|entry| entry.index > change.index);
                            model.purged = Some(change);
                        }
                    },
                    |log, group, done| log.purge(group, purged, done),
                );
            }
        }
    }

    pub(super) fn append(&mut self, group: GroupId, count: usize, bytes: usize) {
        let now = self.now(group);
        let last = now.entries.last().map(|entry| entry.index).or(now.purged.map(|purged| purged.index));
        let first = last.map_or(1, |last| last + 1);
        let entries: Vec<_> =
            (first..first + count as u64).map(|index| LogEntry { index, bytes: self.unique_bytes(bytes) }).collect();
        // An append that power interrupts may be there in part.
        for entry in entries.iter().rev().skip(1).rev() {
            self.state(group, |model| model.entries.push(entry.clone()));
        }
        let last = entries.last().cloned();
        self.call(group, |model| model.entries.extend(last), |log, group, done| log.append(group, entries, done));
    }

    fn state(&mut self, group: GroupId, change: impl FnOnce(&mut Group)) {
        let mut model = self.states.last().cloned().unwrap_or_default();
        change(model.entry(group).or_default());
        model.retain(|_, group| *group != Group::default());
        self.states.push(model);
    }

    fn call(
        &mut self,
        group: GroupId,
        change: impl FnOnce(&mut Group),
        call: impl FnOnce(&FileLog, GroupId, Appended),
    ) {
        let number = self.states.len();
        self.calls.push(number);
        self.state(group, change);
        let outcomes = Arc::clone(&self.outcomes);
        call(self.log(), group, Box::new(move |outcome| outcomes.lock().push((number, outcome))));
    }

    fn now(&self, group: GroupId) -> Group {
        self.states.last().and_then(|model| model.get(&group)).cloned().unwrap_or_default()
    }

    fn unique_bytes(&mut self, length: usize) -> Bytes {
        self.unique += 1;
        let mut bytes = self.unique.to_le_bytes().repeat(length / 8 + 1);
        bytes.truncate(length);
        bytes.into()
    }

    /// Steps until nothing waits.
    pub(super) fn settle(&mut self) -> Step {
        loop {
            match self.stepper().step() {
                Step::Done => {}
                step => return step,
            }
        }
    }

    /// The state after the last call that was told to be durable.
    pub(super) fn acknowledged(&self) -> usize {
        let outcomes = self.outcomes.lock();
        let calls: Vec<_> = outcomes.iter().map(|(call, _)| *call).collect();
        assert_eq!(calls, self.calls[..calls.len()], "each once, in the order of the calls");
        let good = outcomes.iter().take_while(|(_, outcome)| outcome.is_ok()).count();
        assert!(
            outcomes[good..].iter().all(|(_, outcome)| outcome.is_err()),
            "nothing is acknowledged after a failure"
        );
        good.checked_sub(1).map_or(0, |last| calls[last])
    }

    /// The last vote that was acknowledged.
    pub(super) fn acknowledged_vote(&self) -> usize {
        let acknowledged = self.acknowledged();
        self.votes.iter().copied().filter(|vote| *vote <= acknowledged).max().unwrap_or(0)
    }

    pub(super) fn outcomes(&self) -> Vec<Result<(), LogFault>> {
        self.outcomes.lock().iter().map(|(_, outcome)| outcome.clone()).collect()
    }

    /// The log stops, however it may: its handles are dead or its disk is, so nothing more is written.
    pub(super) fn forget(&mut self) {
        self.log = None;
    }

    /// The log was opened again: which call it stands at, at least `least`. What followed that call never was.
    pub(super) fn stands_at(&mut self, least: usize) -> Option<usize> {
        let found = all(self.log()).expect("nothing is damaged");
        let at = (least..self.states.len()).rev().find(|call| self.states[*call] == found);
        if let Some(at) = at {
            let model = self.states.swap_remove(at);
            self.reset(model);
        }
        at
    }

    /// Goes on from here.
    pub(super) fn reset(&mut self, model: Model) {
        self.states = vec![model];
        self.outcomes = Arc::default();
        self.calls.clear();
        self.votes.clear();
    }

    pub(super) fn segments(&self) -> Vec<PathBuf> {
        let mut files = self.disk.files();
        files.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.ends_with(".wal") && name.starts_with('0')
        });
        files
    }
}
