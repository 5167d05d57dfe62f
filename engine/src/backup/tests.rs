//! Backups of stores on real files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fanfare_cluster::log::{FileLog, FileLogSettings, GroupId, LogEngine};
use fanfare_cluster::meta::{self, Row, Table};
use fanfare_cluster::{Position, ShardCount};

use super::frame::HEADER_BYTES;
use super::*;
use crate::log::rows::{ShardRow, TopicRow};
use crate::log::{ReadLimit, Stored};
use crate::store::contract::{Author, Step};
use crate::store::{DataDir, StateStore, StoreSettings};

const SHARDS: u32 = 3;

const ALL: ReadLimit = ReadLimit { count: usize::MAX, bytes: u64::MAX };

/// A directory that is gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("fanfare-backup-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open(&self, state: &str) -> Arc<StateStore> {
        Arc::new(StateStore::open(&self.path(state), StoreSettings::default()).unwrap())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn count() -> ShardCount {
    ShardCount::new(SHARDS).unwrap()
}

/// Two shards of some chunks, and one that holds nothing.
fn filled(directory: &Directory) -> Arc<StateStore> {
    let store = directory.open("state");
    for shard in count().ids().take(2) {
        let storage = store.shard(shard).unwrap();
        let mut author = Author::new();
        for n in 0..4 {
            let large = (0..20).map(|key| Step::Publish { topic: key % 6, key, bytes: 9_000, ttl_ms: None });
            let steps = large.chain((n == 2).then_some(Step::Everything));
            storage.commit(&author.window(steps.collect())).unwrap();
        }
    }
    store.sync().unwrap();
    store
}

fn namespaces(directory: &Directory) -> Arc<Table> {
    let rows = ["chat", "default"].map(|name| (name.to_owned(), Row { version: 3, value: Bytes::from(name) }));
    meta::restore(&directory.path(""), 7, rows.into(), Position::default()).unwrap();
    meta::inspect(&directory.path("")).unwrap().unwrap().namespaces
}

fn job(store: &Arc<StateStore>, directory: &Directory) -> Job {
    let namespaces = namespaces(directory);
    Job {
        store: Arc::clone(store),
        shards: count(),
        taken_ms: 1_763_715_600_000,
        namespaces: Box::new(|| Ok(namespaces)),
        is_ending: Box::new(|| false),
    }
}

fn taken(job: Job) -> (Vec<u8>, Result<u64, GivenUp>) {
    let mut bytes = Vec::new();
    let outcome = write(job, &mut |piece| {
        bytes.extend_from_slice(&piece);
        Ok(())
    });
    (bytes, outcome)
}

fn backup(directory: &Directory) -> (Arc<StateStore>, Vec<u8>) {
    let store = filled(directory);
    let (bytes, outcome) = taken(job(&store, directory));
    assert_eq!(outcome.unwrap(), bytes.len() as u64);
    (store, bytes)
}

fn read(bytes: &[u8]) -> Result<Contents, BadBackup> {
    let mut reader = Reader::new();
    reader.read(bytes)?;
    reader.finish()
}

/// Where each part begins, and where the last one ends.
fn bounds(bytes: &[u8]) -> Vec<usize> {
    let mut bounds = vec![HEADER_BYTES];
    while let Some(head) = bytes.get(bounds[bounds.len() - 1]..).and_then(|rest| rest.first_chunk::<4>()) {
        bounds.push(bounds[bounds.len() - 1] + 12 + u32::from_le_bytes(*head) as usize);
    }
    bounds
}

type Topics = BTreeMap<String, TopicRow>;

fn topics(stored: &dyn Stored) -> Topics {
    let listed = stored.list("", None, usize::MAX).unwrap();
    listed.into_iter().map(|(name, row)| (name.to_string(), row)).collect()
}

/// Everything but the epochs and where it stands is the same.
fn assert_restored(from: &dyn Stored, to: &dyn Stored) {
    let (before, after) = (topics(from), topics(to));
    assert!(before.keys().eq(after.keys()));
    for (name, was) in before {
        let is = &after[&name];
        assert!(is.epoch != was.epoch && is.epoch != 0, "{name}");
        assert_eq!(TopicRow { epoch: was.epoch, ..is.clone() }, was);
        let TopicRow { number, floor, head, epoch, .. } = was;
        let items = |stored: &dyn Stored| stored.items_after(number, epoch, floor, head, ALL).unwrap();
        assert_eq!(items(to), items(from), "{name}");
        assert_eq!(to.fold(number, epoch).unwrap(), from.fold(number, epoch).unwrap(), "{name}");
        assert_eq!(to.keys(number).unwrap(), from.keys(number).unwrap(), "{name}");
        assert_eq!(to.blocks(number).unwrap(), from.blocks(number).unwrap(), "{name}");
    }
    assert_eq!(to.due(u64::MAX, usize::MAX).unwrap(), from.due(u64::MAX, usize::MAX).unwrap());
    let (was, is) = (from.shard().unwrap(), to.shard().unwrap());
    assert_eq!((is.position.index, is.position.term, is.position.leader), (1, 1, 1));
    assert!(is.position.shard_ms >= was.position.shard_ms && !is.position.membership.is_empty());
    assert_eq!(ShardRow { position: was.position.clone(), ..is }, was);
}

#[test]
fn what_was_restored_is_what_was_backed_up_under_new_epochs() {
    let directory = Directory::new();
    let (store, bytes) = backup(&directory);
    let (file, data) = (directory.path("file"), directory.path("data"));
    fs::write(&file, &bytes).unwrap();
    let restored = restore(&file, &data).unwrap();
    assert_eq!(restored.contents, read(&bytes).unwrap());
    assert_eq!((restored.contents.shards, restored.contents.bytes), (SHARDS, bytes.len() as u64));
    let counted: usize = count().ids().map(|shard| topics(&store.shard(shard).unwrap()).len()).sum();
    assert_eq!((restored.topics, restored.namespaces), (counted as u64, 2));

    let opened = DataDir::open(&data).unwrap();
    assert_eq!(opened.identity().shards, SHARDS);
    let state = StateStore::open(&opened.state(), StoreSettings::default()).unwrap();
    for shard in count().ids() {
        assert_restored(&store.shard(shard).unwrap(), &state.shard(shard).unwrap());
    }
    let held = meta::inspect(&data).unwrap().unwrap();
    assert_eq!(held.namespaces, namespaces(&directory));
    let log = FileLog::open(&opened.wal(), FileLogSettings::default()).unwrap();
    for group in [0, SHARDS - 1, GroupId::META.0].map(GroupId) {
        let held = log.group(group).unwrap();
        assert!(held.vote.is_some() && held.last.is_none(), "{group}");
        assert_eq!(held.purged.map(|purged| purged.index), Some(1), "{group}");
    }
    assert_eq!(log.group(GroupId(SHARDS)).unwrap(), fanfare_cluster::log::GroupLog::default());
    log.close().unwrap();
}

#[test]
fn a_restored_directory_has_no_second_place() {
    let directory = Directory::new();
    let (_, bytes) = backup(&directory);
    let (file, data) = (directory.path("file"), directory.path("data"));
    fs::write(&file, bytes).unwrap();
    restore(&file, &data).unwrap();
    assert!(restore(&file, &data).unwrap_err().to_string().contains("is not empty"));
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let mut names: Vec<_> = names.iter().filter_map(|name| name.to_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["identity.toml", "lock", "meta", "state", "wal"]);
}

#[test]
fn bytes_are_taken_in_pieces_of_any_length() {
    let directory = Directory::new();
    let (_, bytes) = backup(&directory);
    for length in [1, 7, 4_096] {
        let mut reader = Reader::new();
        bytes.chunks(length).for_each(|piece| reader.read(piece).unwrap());
        assert_eq!(reader.finish().unwrap().bytes, bytes.len() as u64);
    }
}

#[test]
fn a_cut_backup_is_refused_wherever_it_was_cut_and_touches_nothing() {
    let directory = Directory::new();
    let (_, bytes) = backup(&directory);
    let bounds = bounds(&bytes);
    assert!(bounds.len() > 8 && bounds.last() == Some(&bytes.len()), "{bounds:?}");
    let near = bounds.iter().flat_map(|bound| [bound - 1, *bound, bound + 1]);
    for cut in near.chain([0, 1, 8, 15]).chain((0..bytes.len()).step_by(9_973)).filter(|cut| *cut < bytes.len()) {
        let refused = read(&bytes[..cut]).unwrap_err();
        assert_eq!(refused, BadBackup::Truncated { offset: cut as u64 });
    }
    let (file, data) = (directory.path("file"), directory.path("data"));
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let refused = restore(&file, &data).unwrap_err().to_string();
    assert!(refused.contains(&format!("ends at byte {}", bytes.len() - 1)), "{refused}");
    assert!(!data.exists());
}

#[test]
fn a_flipped_bit_is_refused_with_its_place() {
    let directory = Directory::new();
    let (_, bytes) = backup(&directory);
    let bounds = bounds(&bytes);
    let near = bounds.iter().flat_map(|bound| bound.saturating_sub(3)..bound + 14);
    for at in (0..HEADER_BYTES).chain(near).chain((0..bytes.len()).step_by(7_919)).filter(|at| *at < bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let begin = bounds.iter().rev().find(|bound| **bound <= at).copied().unwrap_or_default() as u64;
        match read(&flipped).unwrap_err() {
            BadBackup::Foreign => assert!(at < 8),
            BadBackup::Damaged { offset, .. } => assert_eq!(offset, begin, "byte {at}"),
            // A length that promises more than comes.
            BadBackup::Truncated { .. } => assert!((at as u64) < begin + 4, "byte {at}"),
            other => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn what_is_missing_doubled_or_appended_is_refused() {
    let directory = Directory::new();
    let (_, bytes) = backup(&directory);
    let bounds = bounds(&bytes);
    for pair in bounds.windows(2) {
        let [begin, end] = [pair[0], pair[1]];
        assert!(read(&[&bytes[..begin], &bytes[end..]].concat()).is_err(), "without what is at {begin}");
        assert!(read(&[&bytes[..end], &bytes[begin..]].concat()).is_err(), "twice what is at {begin}");
    }
    assert!(read(&[&bytes[..], b"x"].concat()).is_err());
}

#[test]
fn another_format_and_other_files_are_told_apart() {
    assert_eq!(read(b"[[namespace]]\n").unwrap_err(), BadBackup::Foreign);
    assert_eq!(read(b"").unwrap_err(), BadBackup::Truncated { offset: 0 });
    let mut newer = b"FANFBACK\x02\0\0\0".to_vec();
    newer.extend_from_slice(&(xxhash_rust::xxh3::xxh3_64(&newer) as u32).to_le_bytes());
    assert_eq!(read(&newer).unwrap_err(), BadBackup::Newer { found: 2 });
}

#[test]
fn what_the_node_gave_up_says_why_and_is_no_backup() {
    let directory = Directory::new();
    let store = filled(&directory);
    let (bytes, outcome) = taken(Job { is_ending: Box::new(|| true), ..job(&store, &directory) });
    assert!(matches!(outcome, Err(GivenUp::Ending)));
    assert!(matches!(read(&bytes).unwrap_err(), BadBackup::GivenUp { why, .. } if why.contains("shutting down")));
    let moved = || Err(GivenUp::Moved { name: "chat".to_owned() });
    let (bytes, outcome) = taken(Job { namespaces: Box::new(moved), ..job(&store, &directory) });
    assert!(matches!(outcome, Err(GivenUp::Moved { .. })));
    let refused = read(&bytes).unwrap_err().to_string();
    assert!(refused.contains("`chat`"), "{refused}");
}

#[test]
fn nobody_is_told_when_nobody_reads() {
    let directory = Directory::new();
    let store = filled(&directory);
    let mut pieces = 0;
    let outcome = write(job(&store, &directory), &mut |_| {
        pieces += 1;
        if pieces < 4 { Ok(()) } else { Err(Unread) }
    });
    assert!(matches!(outcome, Err(GivenUp::Unread)));
    assert_eq!(pieces, 4);
}

/// A backup of a damaged store is not taken, one of a store that contradicts itself is not restored.
#[test]
fn what_contradicts_itself_is_not_restored() {
    let directory = Directory::new();
    let store = filled(&directory);
    let storage = store.shard(count().ids().next().unwrap()).unwrap();
    let (name, row) = storage.list("", None, 1).unwrap().remove(0);
    let wrong = TopicRow { history_count: row.history_count + 1, ..row };
    let shard = Stored::shard(&storage).unwrap();
    let changes = vec![crate::log::rows::Change::Topic(name, wrong)];
    storage.commit(&crate::log::rows::Window { number: 1, shard, changes }).unwrap();
    let (bytes, _) = taken(job(&store, &directory));
    let (file, data) = (directory.path("file"), directory.path("data"));
    fs::write(&file, bytes).unwrap();
    assert!(matches!(restore(&file, &data), Err(RestoreError::Faulty { .. })));
    assert!(!data.exists(), "nothing is left");
}
