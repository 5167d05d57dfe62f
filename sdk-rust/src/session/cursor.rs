//! The place of one watch in its topic: "everything up to here was delivered". Decides what of a batch is new, whether
//! something is missing before it, and where to continue after a cut. Tells `Gone` rather than leave out or repeat
//! anything. Keeps rules W6 to W11. Knows no connection: whoever asks the node takes [`Cursor::ask`] along.

use fanfare_protocol::{Code, EventBatch, EventType, From, ResourceVersion, Watched};

use super::stats::Stats;
use crate::error::Error;
use crate::event::Event;

/// Where a watch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// With the state of the topic: of a `stream` its last publications, of a `state` topic the live keys; then live.
    #[default]
    Snapshot,
    /// With the oldest publication that is retained.
    Beginning,
    /// With the next publication.
    Latest,
    /// Right after this version, which an earlier watch, page or publish told.
    After(ResourceVersion),
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    place: Place,
    /// The line broke and the reader was not told yet.
    owed: Option<Error>,
    /// The snapshot on its way leaves out older publications.
    is_limited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Nothing was heard yet.
    Before(From),
    /// In a snapshot that cannot be continued from within: of a `state` topic, or one whose first frame is not here.
    Snapshot { end: Option<ResourceVersion>, is_begun: bool },
    /// In the snapshot of a `stream`, whose frames join like all others.
    Items { through: ResourceVersion, end: Option<ResourceVersion> },
    /// In the live line.
    At(ResourceVersion),
}

/// The batch does not join: publications before it are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap;

impl Cursor {
    pub(super) fn new(start: Start) -> Self {
        let place = match start {
            Start::Snapshot => Place::Before(From::Snapshot),
            Start::Beginning => Place::Before(From::Beginning),
            Start::Latest => Place::Before(From::Latest),
            Start::After(version) => Place::At(version),
        };
        Self { place, owed: None, is_limited: false }
    }

    /// Everything up to here was taken, if there is such a place.
    pub(super) fn through(&self) -> Option<ResourceVersion> {
        match self.place {
            Place::Before(_) | Place::Snapshot { .. } => None,
            Place::Items { through, .. } | Place::At(through) => Some(through),
        }
    }

    /// Where a SUBSCRIBE has to begin: after a version, or at one of the named places.
    pub(super) fn ask(&self) -> (Option<ResourceVersion>, From) {
        match self.place {
            Place::Before(from) => (None, from),
            Place::Snapshot { .. } => (None, From::Snapshot),
            Place::Items { through, .. } | Place::At(through) => (Some(through), From::Snapshot),
        }
    }

    /// The node took up the question.
    pub(super) fn opened(&mut self, watched: &Watched) {
        self.place = match self.place {
            Place::Before(From::Snapshot) => Place::Snapshot { end: watched.resource_version, is_begun: false },
            Place::Before(_) => watched.resource_version.map_or(self.place, Place::At),
            Place::Items { .. } | Place::At(_) if !watched.resumed => {
                // The node says why with its first event. Should it not, the reader is told all the same.
                self.owed = Some(Code::Lagged.into());
                Place::Snapshot { end: None, is_begun: false }
            }
            Place::Snapshot { .. } | Place::Items { .. } | Place::At(_) => self.place,
        };
    }

    /// The view ended, by a cut or on purpose. What cannot be continued will begin anew, and be told.
    pub(super) fn cut(&mut self) {
        match self.place {
            Place::Snapshot { is_begun: false, .. } => self.place = Place::Before(From::Snapshot),
            // Without its end there is no telling when the rest of the snapshot is over.
            Place::Snapshot { is_begun: true, .. } | Place::Items { end: None, .. } => {
                self.owed = Some(Code::Lagged.into());
                self.place = Place::Before(From::Snapshot);
            }
            Place::Before(_) | Place::Items { end: Some(_), .. } | Place::At(_) => {}
        }
    }

    /// The node changed the view: it goes on, or begins anew, which the reader is told by other means.
    pub(super) fn updated(&mut self, watched: &Watched) {
        if !watched.resumed {
            self.owed = None;
            self.is_limited = false;
            self.place = Place::Snapshot { end: watched.resource_version, is_begun: false };
        }
    }

    /// What came cannot be used: begins with a snapshot, before which the reader is told why.
    pub(super) fn restart(&mut self, error: Error) {
        self.owed = Some(error);
        self.is_limited = false;
        self.place = Place::Before(From::Snapshot);
    }

    /// Whether nothing was heard yet.
    pub(super) fn is_before_all(&self) -> bool {
        matches!(self.place, Place::Before(_)) && self.owed.is_none()
    }

    /// The node refused to continue. Tells the reader; a snapshot is next.
    pub(super) fn gone(&mut self, error: Error, out: &mut Vec<Event>) {
        self.owed = None;
        self.place = Place::Before(From::Snapshot);
        out.push(Event::gone(error));
    }

    /// Takes what is new of a batch.
    pub(super) fn take(&mut self, batch: &EventBatch, stats: &mut Stats, out: &mut Vec<Event>) -> Result<(), Gap> {
        let (Some(after), Some(through)) = (batch.after, batch.through) else { return Err(Gap) };
        let is_break = batch.events.first().is_some_and(|event| event.r#type() == EventType::Gone);
        if !is_break {
            if self.through().is_some_and(|through| !joins(through, after)) {
                return Err(Gap);
            }
            out.extend(self.owed.take().map(Event::gone));
        }
        self.is_limited |= batch.limited;
        for event in &batch.events {
            self.step(event, stats, out);
        }
        self.advance(after, through, out);
        Ok(())
    }

    fn step(&mut self, event: &fanfare_protocol::Event, stats: &mut Stats, out: &mut Vec<Event>) {
        match event.r#type() {
            EventType::Bookmark | EventType::Unspecified => {}
            EventType::Gone => {
                (self.owed, self.is_limited) = (None, false);
                self.place = Place::Snapshot { end: None, is_begun: false };
                out.extend(Event::read(event));
            }
            EventType::SnapshotEnd => self.finish(event.resource_version, out),
            EventType::Failure => out.extend(Event::read(event)),
            EventType::Put | EventType::Delete | EventType::Patch => self.publication(event, stats, out),
        }
    }

    fn publication(&mut self, event: &fanfare_protocol::Event, stats: &mut Stats, out: &mut Vec<Event>) {
        if let (Some(version), Some(through)) = (event.resource_version, self.through())
            && version.epoch == through.epoch
            && version.offset <= through.offset
        {
            stats.duplicates_count += 1;
            return;
        }
        match (&mut self.place, event.resource_version) {
            (Place::Snapshot { is_begun, .. }, _) => *is_begun = true,
            // A resumed line does not say where the snapshot that was cut would have ended.
            (Place::Items { end: Some(end), .. }, Some(version)) if version.offset > end.offset => {
                let end = *end;
                self.finish(Some(end), out);
            }
            _ => {}
        }
        out.extend(Event::read(event));
    }

    fn finish(&mut self, version: Option<ResourceVersion>, out: &mut Vec<Event>) {
        let (Place::Snapshot { end, .. } | Place::Items { end, .. }) = self.place else { return };
        let Some(version) = version.or(end) else { return };
        self.place = Place::At(version);
        out.push(Event::snapshot_end(version, std::mem::take(&mut self.is_limited)));
    }

    fn advance(&mut self, after: ResourceVersion, batch: ResourceVersion, out: &mut Vec<Event>) {
        match &mut self.place {
            Place::Before(_) => self.place = Place::At(batch),
            // A frame that covers nothing is one of a `state` topic's snapshot, or tells that the line is gone.
            Place::Snapshot { .. } if after == batch => {}
            Place::Snapshot { end, .. } => self.place = Place::Items { through: batch, end: *end },
            Place::Items { through, .. } | Place::At(through) => *through = later(*through, batch),
        }
        if let Place::Items { through, end: Some(end) } = self.place
            && through.epoch == end.epoch
            && through.offset >= end.offset
        {
            self.finish(Some(end), out);
            self.place = Place::At(through);
        }
    }
}

/// W8: whether a frame after `after` may follow when everything through `through` was taken. What overlaps is dropped.
fn joins(through: ResourceVersion, after: ResourceVersion) -> bool {
    if through.is_none() {
        return after.offset == 0;
    }
    after.epoch == through.epoch && after.offset <= through.offset
}

fn later(one: ResourceVersion, other: ResourceVersion) -> ResourceVersion {
    if one.epoch == other.epoch && one.offset > other.offset { one } else { other }
}

#[cfg(test)]
mod tests;
