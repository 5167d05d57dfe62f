//! A state machine that writes every command on a line, and a disk that holds what it stored: the lines behind the last
//! save are lost with the process, as with a store that is written behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::log::GroupId;
use crate::shard::{
    Chunk, Entry, Position, SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault, StateMachine,
};

/// What the nodes of a test have on disk; survives them.
#[derive(Clone, Default)]
pub(super) struct Disk {
    files: Arc<Mutex<BTreeMap<GroupId, Arc<File>>>>,
    is_eager: bool,
}

/// What is known of one group.
#[derive(Default)]
pub(super) struct File {
    /// What was made durable.
    saved: Mutex<State>,
    /// What the running state machine has.
    live: Mutex<State>,
    staged: Mutex<Option<Staged>>,
    /// Indexes of the entries that were applied or passed since the last start.
    pub(super) seen: Mutex<Vec<u64>>,
    /// Commands of each entry that was applied since the last start.
    pub(super) sizes: Mutex<Vec<usize>>,
    /// The line each chunk ended at, of every chunk that was taken in, over all starts.
    pub(super) taken: Mutex<Vec<u64>>,
    /// Called with the number of chunks taken so far.
    pub(super) on_chunk: Mutex<Option<OnChunk>>,
    /// Holds the state machine inside every entry: it says that it entered, and goes on when told to.
    gate: Mutex<Option<(Sender<usize>, Receiver<()>)>>,
    views: Mutex<u64>,
    /// The last of the views that are stale.
    stale_through: Mutex<u64>,
    /// The index of the last entry, for whoever waits for it.
    index: watch::Sender<u64>,
}

pub(super) type OnChunk = Box<dyn FnMut(usize) + Send>;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    pub(super) position: Position,
    pub(super) lines: Vec<Bytes>,
}

struct Staged {
    id: SnapshotId,
    lines: Vec<Bytes>,
}

/// The test's end of a gate.
pub(super) struct Gate {
    pub(super) entered: Receiver<usize>,
    pub(super) go_on: Sender<()>,
}

impl Disk {
    /// Every entry is stored as it is applied.
    pub(super) fn eager() -> Self {
        Self { is_eager: true, ..Self::default() }
    }

    pub(super) fn file(&self, group: GroupId) -> Arc<File> {
        Arc::clone(self.files.lock().entry(group).or_default())
    }

    /// The state machine of a group, at what is stored.
    pub(super) fn machine(&self, group: GroupId) -> Result<Box<dyn StateMachine>, StateFault> {
        let file = self.file(group);
        let saved = file.saved.lock().clone();
        file.set_live(saved);
        file.seen.lock().clear();
        file.sizes.lock().clear();
        Ok(Box::new(Ledger { file, is_eager: self.is_eager }))
    }
}

impl File {
    /// Makes what was applied durable, and tells up to where.
    pub(super) fn save(&self) -> u64 {
        let live = self.live.lock().clone();
        let index = live.position.index;
        *self.saved.lock() = live;
        index
    }

    /// As if this was what a store held.
    pub(super) fn save_as(&self, position: Position) {
        *self.saved.lock() = State { position, lines: Vec::new() };
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.live.lock().lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
    }

    pub(super) fn position(&self) -> Position {
        self.live.lock().position.clone()
    }

    /// Resolves when an entry was applied.
    pub(super) async fn applied(&self, index: u64) {
        let mut applied = self.index.subscribe();
        let applied = applied.wait_for(|applied| *applied >= index);
        tokio::time::timeout(super::HANGS, applied).await.expect("it is applied").expect("the file is there");
    }

    fn set_live(&self, state: State) {
        let index = state.position.index;
        *self.live.lock() = state;
        self.index.send_replace(index);
    }

    /// Whatever views there are hold back too much.
    pub(super) fn make_views_stale(&self) {
        *self.stale_through.lock() = *self.views.lock();
    }

    pub(super) fn gate(&self) -> Gate {
        let (entering, entered) = channel();
        let (go_on, going_on) = channel();
        *self.gate.lock() = Some((entering, going_on));
        Gate { entered, go_on }
    }
}

struct Ledger {
    file: Arc<File>,
    is_eager: bool,
}

impl StateMachine for Ledger {
    fn position(&self) -> Position {
        self.file.position()
    }

    fn apply(&mut self, entry: &Entry, position: Position) -> Result<Vec<Bytes>, StateFault> {
        if let Some((entering, go_on)) = &*self.file.gate.lock() {
            entering.send(entry.commands.len()).ok();
            // A test that has ended lets everything go on.
            go_on.recv().ok();
        }
        assert!(!entry.commands.iter().any(|command| &command[..] == b"panic"), "a planted defect");
        if entry.commands.iter().any(|command| &command[..] == b"fault") {
            return Err(StateFault("a planted fault".into()));
        }
        self.file.seen.lock().push(entry.index);
        self.file.sizes.lock().push(entry.commands.len());
        let mut live = self.file.live.lock();
        let first = live.lines.len() + 1;
        live.lines.extend(entry.commands.iter().cloned());
        let index = position.index;
        live.position = position;
        drop(live);
        self.file.index.send_replace(index);
        if self.is_eager {
            self.file.save();
        }
        let answers = entry.commands.iter().zip(first..).filter(|(command, _)| &command[..] != b"silence");
        Ok(answers.map(|(command, n)| Bytes::from([n.to_string().as_bytes(), b" ", command].concat())).collect())
    }

    fn pass(&mut self, position: Position) {
        self.file.seen.lock().push(position.index);
        let index = position.index;
        self.file.live.lock().position = position;
        self.file.index.send_replace(index);
        if self.is_eager {
            self.file.save();
        }
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(LedgerSnapshots(Arc::clone(&self.file)))
    }

    fn install(&mut self, snapshot: StagedSnapshot) -> Result<(), StateFault> {
        let staged = self.file.staged.lock().take().expect("it was staged");
        assert_eq!(staged.id.position, snapshot.position);
        let state = State { position: staged.id.position, lines: staged.lines };
        *self.file.saved.lock() = state.clone();
        self.file.set_live(state);
        Ok(())
    }
}

struct LedgerSnapshots(Arc<File>);

impl Snapshots for LedgerSnapshots {
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault> {
        let mut views = self.0.views.lock();
        *views += 1;
        let State { position, lines } = self.0.saved.lock().clone();
        Ok(Arc::new(View { id: SnapshotId { position, view: *views }, lines, file: Arc::clone(&self.0) }))
    }

    fn receive(&self, snapshot: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault> {
        let mut staged = self.0.staged.lock();
        if staged.as_ref().is_none_or(|staged| staged.id != *snapshot) {
            *staged = Some(Staged { id: snapshot.clone(), lines: Vec::new() });
        }
        Ok(Box::new(Sink(Arc::clone(&self.0))))
    }
}

struct View {
    id: SnapshotId,
    lines: Vec<Bytes>,
    file: Arc<File>,
}

/// A line a chunk; its place is the number of lines up to its end.
impl SnapshotView for View {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn chunk(&self, after: &[u8]) -> Result<Option<Chunk>, StateFault> {
        let line = self.lines.get(line_at(after));
        Ok(line.map(|line| Chunk { place: place_of(line_at(after) + 1), bytes: line.clone() }))
    }

    fn is_stale(&self) -> bool {
        self.id.view <= *self.file.stale_through.lock()
    }
}

struct Sink(Arc<File>);

impl SnapshotSink for Sink {
    fn place(&self) -> Bytes {
        let lines = self.0.staged.lock().as_ref().map_or(0, |staged| staged.lines.len());
        if lines == 0 { Bytes::new() } else { place_of(lines) }
    }

    fn put(&mut self, chunk: Chunk) -> Result<(), StateFault> {
        let mut staged = self.0.staged.lock();
        let staged = staged.as_mut().ok_or_else(|| StateFault("nothing is staged".into()))?;
        if line_at(&chunk.place) != staged.lines.len() + 1 {
            return Err(StateFault("the chunk belongs elsewhere".into()));
        }
        staged.lines.push(chunk.bytes);
        let taken = {
            let mut taken = self.0.taken.lock();
            taken.push(line_at(&chunk.place) as u64);
            taken.len()
        };
        if let Some(on_chunk) = &mut *self.0.on_chunk.lock() {
            on_chunk(taken);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<StagedSnapshot, StateFault> {
        let staged = self.0.staged.lock();
        let position = staged.as_ref().map(|staged| staged.id.position.clone());
        let position = position.ok_or_else(|| StateFault("nothing is staged".into()))?;
        Ok(StagedSnapshot { position, generation: 1 })
    }
}

fn place_of(line: usize) -> Bytes {
    Bytes::copy_from_slice(&(line as u64).to_be_bytes())
}

fn line_at(place: &[u8]) -> usize {
    place.try_into().map_or(0, u64::from_be_bytes) as usize
}
