//! Verifies a directory: its identity, every record of the log, every byte and row of the state, the namespaces, and that
//! state and log go on from each other.

use std::path::Path;

use fanfare_cluster::log::{self, CheckReport, GroupId};
use fanfare_cluster::meta;

use super::continuity::{Positions, gaps, replayed};
use super::fault::{InspectionError, of_log, of_meta};
use crate::namespace::Declared;
use crate::store::{self, DataDir, Fault, Identity, Shadow, StoreError, StoreSettings};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whose directory it is.
    pub identity: Identity,
    /// Segments of the log.
    pub segments: u64,
    /// Their sound records.
    pub records: u64,
    /// Entries that a start would apply again.
    pub replayed: u64,
    /// Shards of which something is stored.
    pub shards: u64,
    /// Their topics.
    pub topics: u64,
    /// Publications that they retain.
    pub publications: u64,
    /// Live keys of `state` topics.
    pub keys: u64,
    /// Namespaces.
    pub namespaces: u64,
    /// What is no fault, and worth knowing.
    pub notes: Vec<Fault>,
    /// What is not as it should be: of the state at most the first [`store::FAULTS_MAX`].
    pub faults: Vec<Fault>,
    /// How much of that there is.
    pub faults_count: u64,
}

/// Verifies the directory of a node that is stopped. Takes about as long as reading all of its files twice.
///
/// # Errors
/// When it cannot be looked at; damage is no error.
pub fn check(path: &Path) -> Result<Checked, InspectionError> {
    let dir = DataDir::inspect(path)?;
    let mut checked = Checked {
        identity: dir.identity().clone(),
        segments: 0,
        records: 0,
        replayed: 0,
        shards: 0,
        topics: 0,
        publications: 0,
        keys: 0,
        namespaces: 0,
        notes: Vec::new(),
        faults: Vec::new(),
        faults_count: 0,
    };
    let log = checked.log(&dir.wal());
    let is_fresh = log.as_ref().is_some_and(|log| log.records() == 0);
    let mut positions = checked.state(&dir.state(), is_fresh)?;
    checked.meta(path, positions.as_mut());
    // What cannot be read goes on from nothing, which has been told.
    if let (Some(log), Some(positions)) = (log, positions) {
        checked.replayed = replayed(&log, &positions);
        gaps(&log, &positions, checked.identity.shards).into_iter().for_each(|gap| checked.fault(gap));
    }
    Ok(checked)
}

impl Checked {
    fn fault(&mut self, fault: Fault) {
        self.faults_count += 1;
        self.faults.push(fault);
    }

    fn log(&mut self, wal: &Path) -> Option<CheckReport> {
        let report = match log::check(wal) {
            Ok(report) => report,
            Err(fault) => {
                self.fault(of_log(&fault));
                return None;
            }
        };
        self.segments = report.segments.len() as u64;
        self.records = report.records();
        report.faults.iter().for_each(|fault| self.fault(of_log(fault)));
        let lost = report.groups.iter().filter(|group| group.fault.is_some());
        self.notes.extend(lost.map(|group| Fault {
            place: format!("group {}", group.group),
            what: "a start would not serve it, because what it wrote may be lost".to_owned(),
        }));
        self.notes.extend(
            report.interrupted.as_ref().map(|interrupted| Fault {
                place: format!("{}, byte {}", interrupted.path.display(), interrupted.offset),
                what: "a write that was interrupted begins, of which nothing was acknowledged; a start cuts it off"
                    .to_owned(),
            }),
        );
        self.notes.extend(report.kept.iter().map(|kept| Fault {
            place: kept.display().to_string(),
            what: "a damaged segment was set aside; nothing needs it".to_owned(),
        }));
        Some(report)
    }

    /// `None` when it cannot be opened at all. Nothing was ever agreed on where the log `is_fresh`.
    fn state(&mut self, state: &Path, is_fresh: bool) -> Result<Option<Positions>, InspectionError> {
        let shadow = match Shadow::of(state) {
            Ok(shadow) => shadow,
            // The log is made first, so whoever died in between has taken nothing.
            Err(StoreError::MissingFile { path }) if is_fresh => {
                let what = format!("a first start ended before it had made `{}`; the next one does", path.display());
                self.notes.push(Fault { place: "state".to_owned(), what });
                return Ok(Some(Positions::new()));
            }
            Err(error @ StoreError::MissingFile { .. }) => {
                self.fault(Fault { place: "state".to_owned(), what: error.to_string() });
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let unveiled =
            |fault: Fault| Fault { place: shadow.unveiled(&fault.place), what: shadow.unveiled(&fault.what) };
        let checked = match store::check(shadow.dir(), StoreSettings::default()) {
            Ok(checked) => checked,
            Err(error) => {
                self.fault(unveiled(Fault { place: "state".to_owned(), what: error.to_string() }));
                return Ok(None);
            }
        };
        self.notes.extend(checked.cut.map(|(path, offset)| {
            unveiled(Fault {
                place: format!("{}, byte {offset}", path.display()),
                what: "a batch that was interrupted begins, which the log has; a start cuts it off".to_owned(),
            })
        }));
        self.faults.extend(checked.faults.into_iter().map(unveiled));
        self.faults_count += checked.faults_count;
        let mut positions = Positions::new();
        for shard in checked.shards {
            self.shards += 1;
            self.topics += shard.topics;
            self.publications += shard.items;
            self.keys += shard.keys;
            positions.insert(GroupId(shard.shard.get().into()), shard.position);
        }
        Ok(Some(positions))
    }

    fn meta(&mut self, data_dir: &Path, positions: Option<&mut Positions>) {
        let held = match meta::inspect(data_dir) {
            Ok(held) => held,
            Err(fault) => return self.fault(of_meta(&fault)),
        };
        // Nothing was stored yet: the log has it.
        let Some(held) = held else { return };
        match Declared::read(&held.namespaces) {
            Ok(declared) => self.namespaces = declared.rows().len() as u64,
            Err(bad) => self.fault(Fault { place: "meta".to_owned(), what: bad.to_string() }),
        }
        if let Some(positions) = positions {
            positions.insert(GroupId::META, held.position);
        }
    }
}
