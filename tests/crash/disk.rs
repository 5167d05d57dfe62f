//! A disk that keeps only what it was told to keep: the files below one directory, what of them a sync made durable,
//! and what a power cut may leave of the rest. Follows a trace of operations; asks chance through a seed only.
//!
//! The rules are those of POSIX, strictly: bytes last when their file was synced, names when their directory was. What
//! was not synced survives or not, each piece of a write by itself, in any order; a rename is seen whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fastrand::Rng;

use crate::content::Content;
use crate::trace::Operation;

/// When a name is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// When its directory was synced.
    Strict,
    /// In directories of this name also when the file was synced.
    StrictBut(&'static str),
    /// When its directory was synced, or the file, then with the directories above it: what ext4, XFS and btrfs do.
    Journaled,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Disk {
    rules: Rules,
    objects: Vec<Object>,
    /// Objects by the number of their inode. One whose last name is gone gives its number up to a later one.
    nodes: HashMap<u64, Id>,
    operation_count: u64,
}

/// A place in `objects`; the directory itself is the first.
type Id = usize;
const ROOT: Id = 0;

type Names = BTreeMap<String, Id>;

#[derive(Debug, Clone)]
enum Object {
    File { durable: Content, pending: Vec<Pending> },
    Directory { durable: Names, live: Names },
}

#[derive(Debug, Clone)]
struct Pending {
    change: Change,
    /// The number of the operation.
    at: u64,
    /// A sync failed after it: the kernel will not write it any more, and no later sync helps.
    is_lost: bool,
    /// The process died before it was done.
    is_unfinished: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, data: Vec<u8> },
    Length(u64),
    Reserve(u64),
}

impl Change {
    fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, data } => content.write(*offset, data),
            Self::Length(length) => content.set_length(*length),
            Self::Reserve(end) => content.extend(*end),
        }
    }
}

/// How much of what was not synced survives. Of names, which have no place in the order of writes, half do in the second case.
#[derive(Debug, Clone, Copy)]
enum Survival {
    /// Each piece with this chance.
    Scattered(f64),
    /// What was done before this operation, and some pieces of it.
    UpTo(u64),
}

impl Disk {
    /// A disk on which everything that is there is durable.
    pub fn of(directory: &Path, rules: Rules) -> io::Result<Self> {
        let mut disk = Self { rules, objects: Vec::new(), nodes: HashMap::new(), operation_count: 0 };
        disk.load(directory)?;
        Ok(disk)
    }

    fn load(&mut self, path: &Path) -> io::Result<Id> {
        let metadata = fs::metadata(path)?;
        let id = self.objects.len();
        self.nodes.insert(metadata.ino(), id);
        if !metadata.is_dir() {
            self.objects.push(Object::File { durable: Content::of(path)?, pending: Vec::new() });
            return Ok(id);
        }
        self.objects.push(Object::Directory { durable: Names::new(), live: Names::new() });
        let mut names = Names::new();
        for (name, path) in listed(path)? {
            names.insert(name, self.load(&path)?);
        }
        self.objects[id] = Object::Directory { durable: names.clone(), live: names };
        Ok(id)
    }

    /// Follows one operation.
    pub fn follow(&mut self, operation: Operation) {
        self.operation_count += 1;
        match operation {
            Operation::Create { node, path, is_directory } => self.create(node, &path, is_directory),
            Operation::Write { node, offset, data, is_durable, is_unfinished } => {
                self.change(node, Change::Write { offset, data }, is_unfinished);
                if is_durable {
                    self.sync(self.nodes[&node]);
                }
            }
            Operation::Length { node, length } => self.change(node, Change::Length(length), false),
            Operation::Reserve { node, end } => self.change(node, Change::Reserve(end), false),
            Operation::Sync { node, is_failed: false } => self.sync(self.nodes[&node]),
            Operation::Sync { node, is_failed: true } => {
                if let Object::File { pending, .. } = &mut self.objects[self.nodes[&node]] {
                    pending.iter_mut().for_each(|pending| pending.is_lost = true);
                }
            }
            Operation::List { node, entries } => {
                let names = entries.into_iter().map(|(node, name)| (name, self.nodes[&node])).collect::<Names>();
                self.objects[self.nodes[&node]] = Object::Directory { durable: names.clone(), live: names };
            }
            Operation::Rename { from, to } => {
                if let Some(moved) = self.unlink(&from) {
                    self.link(&to, moved);
                }
            }
            Operation::Remove { path } => {
                self.unlink(&path);
            }
            Operation::Died { .. } => {}
        }
    }

    fn create(&mut self, node: u64, path: &str, is_directory: bool) {
        let id = self.objects.len();
        self.objects.push(match is_directory {
            true => Object::Directory { durable: Names::new(), live: Names::new() },
            false => Object::File { durable: Content::default(), pending: Vec::new() },
        });
        self.nodes.insert(node, id);
        self.link(path, id);
    }

    fn change(&mut self, node: u64, change: Change, is_unfinished: bool) {
        let id = self.nodes.get(&node).expect("whoever is written to was opened before");
        let Object::File { pending, .. } = &mut self.objects[*id] else { panic!("bytes go into files") };
        pending.push(Pending { change, at: self.operation_count, is_lost: false, is_unfinished });
    }

    fn sync(&mut self, id: Id) {
        let Object::File { durable, pending } = &mut self.objects[id] else { panic!("directories are listed") };
        pending.retain(|pending| {
            if !pending.is_lost {
                pending.change.apply(durable);
            }
            pending.is_lost
        });
        match self.rules {
            Rules::Strict => {}
            Rules::StrictBut(name) => self.settle_in(name, id),
            Rules::Journaled => self.settle(id),
        }
    }

    /// Makes the names of an object durable, and those of the directories above it.
    fn settle(&mut self, id: Id) {
        let mut above = Vec::new();
        for (at, object) in self.objects.iter_mut().enumerate() {
            if let Object::Directory { durable, live } = object {
                *durable = merged(durable, live, |mover| mover == id);
                above.extend(live.values().any(|child| *child == id).then_some(at));
            }
        }
        above.into_iter().for_each(|directory| self.settle(directory));
    }

    /// Makes the names of an object durable that it has in directories of this name.
    fn settle_in(&mut self, name: &str, id: Id) {
        let named = |object: &Object| match object {
            Object::Directory { live, .. } => live.get(name).copied(),
            Object::File { .. } => None,
        };
        let directories: Vec<Id> = self.objects.iter().filter_map(named).collect();
        for directory in directories {
            if let Object::Directory { durable, live } = &mut self.objects[directory] {
                *durable = merged(durable, live, |mover| mover == id);
            }
        }
    }

    /// Takes the names from the real directory, after the process has ended, and compares the bytes with the model's: what
    /// differs was changed behind the shim's back.
    pub fn compare(&mut self, directory: &Path) -> io::Result<Vec<String>> {
        let mut unseen = Vec::new();
        self.compare_directory(directory, &mut unseen)?;
        Ok(unseen)
    }

    fn compare_directory(&mut self, path: &Path, unseen: &mut Vec<String>) -> io::Result<()> {
        let mut names = Names::new();
        for (name, path) in listed(path)? {
            let metadata = fs::metadata(&path)?;
            let Some(id) = self.nodes.get(&metadata.ino()).copied() else {
                unseen.push(format!("`{}` came to be unseen", path.display()));
                continue;
            };
            names.insert(name, id);
            match &self.objects[id] {
                Object::Directory { .. } => self.compare_directory(&path, unseen)?,
                Object::File { durable, pending } => {
                    let mut content = durable.clone();
                    let done = pending.iter().filter(|pending| !pending.is_unfinished);
                    done.for_each(|pending| pending.change.apply(&mut content));
                    if content != Content::of(&path)? {
                        unseen.push(format!("`{}` was changed unseen", path.display()));
                    }
                }
            }
        }
        let id = self.nodes[&fs::metadata(path)?.ino()];
        if let Object::Directory { live, .. } = &mut self.objects[id] {
            *live = names;
        }
        Ok(())
    }

    /// Writes what is left after a power cut into a directory that is not there yet, and says what became of the rest.
    pub fn cut(&self, chance: &mut Rng, to: &Path) -> io::Result<Loss> {
        let survival = match chance.u8(0..8) {
            0 => Survival::Scattered(0.0),
            1 => Survival::Scattered(1.0),
            2..=4 => Survival::Scattered(chance.f64()),
            _ => Survival::UpTo(chance.choice(self.unsynced()).unwrap_or_default()),
        };
        let piece_bytes = if chance.bool() { 512 } else { 4096 };
        let mut cut = Cut { survival, piece_bytes, fates: HashMap::new(), loss: Loss::default(), chance };
        self.store(ROOT, to, &mut cut)?;
        Ok(cut.loss)
    }

    /// The operations whose bytes were not synced.
    fn unsynced(&self) -> Vec<u64> {
        let pending = |object: &Object| match object {
            Object::File { pending, .. } => pending.iter().map(|pending| pending.at).collect(),
            Object::Directory { .. } => Vec::new(),
        };
        self.objects.iter().flat_map(pending).collect()
    }

    fn store(&self, id: Id, to: &Path, cut: &mut Cut<'_>) -> io::Result<()> {
        match &self.objects[id] {
            Object::Directory { durable, live } => {
                fs::create_dir(to)?;
                for (name, child) in merged(durable, live, |mover| cut.is_renamed(mover)) {
                    self.store(child, &to.join(name), cut)?;
                }
                Ok(())
            }
            Object::File { durable, pending } => {
                let mut content = durable.clone();
                pending.iter().for_each(|pending| cut.leave(pending, &mut content));
                content.store(to)
            }
        }
    }

    fn link(&mut self, path: &str, id: Id) {
        let (directory, name) = self.place(path);
        directory.insert(name, id);
    }

    fn unlink(&mut self, path: &str) -> Option<Id> {
        let (directory, name) = self.place(path);
        directory.remove(&name)
    }

    /// The names of the directory that a path leads to, and the last part of the path.
    fn place(&mut self, path: &str) -> (&mut Names, String) {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let step = |at: Id, part: &str| match &self.objects[at] {
            Object::Directory { live, .. } => live[part],
            Object::File { .. } => panic!("`{path}` leads through a file"),
        };
        let id = above.split('/').filter(|part| !part.is_empty()).fold(ROOT, step);
        let Object::Directory { live, .. } = &mut self.objects[id] else { panic!("`{path}` leads into a file") };
        (live, name.to_owned())
    }
}

/// What a power cut took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loss {
    /// Bytes that were written and not synced, and are gone.
    pub lost_bytes: u64,
    /// Those that were not synced and are there all the same.
    pub kept_bytes: u64,
    /// Objects whose new names are gone.
    pub lost_names: u64,
}

struct Cut<'a> {
    survival: Survival,
    piece_bytes: u64,
    /// Whether the moves of an object are seen: in all directories or in none.
    fates: HashMap<Id, bool>,
    loss: Loss,
    chance: &'a mut Rng,
}

impl Cut<'_> {
    fn survives(&mut self, at: u64) -> bool {
        match self.survival {
            Survival::Scattered(share) => self.chance.f64() < share,
            Survival::UpTo(end) => at < end || at == end && self.chance.bool(),
        }
    }

    fn is_renamed(&mut self, mover: Id) -> bool {
        if let Some(fate) = self.fates.get(&mover) {
            return *fate;
        }
        let share = if let Survival::Scattered(share) = self.survival { share } else { 0.5 };
        let fate = self.chance.f64() < share;
        self.loss.lost_names += u64::from(!fate);
        self.fates.insert(mover, fate);
        fate
    }

    fn leave(&mut self, pending: &Pending, content: &mut Content) {
        let Change::Write { offset, data } = &pending.change else {
            if self.survives(pending.at) {
                pending.change.apply(content);
            }
            return;
        };
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let part = ((self.piece_bytes - at % self.piece_bytes) as usize).min(data.len() - done);
            if self.survives(pending.at) {
                content.write(at, &data[done..done + part]);
                self.loss.kept_bytes += part as u64;
            } else {
                self.loss.lost_bytes += part as u64;
            }
            done += part;
        }
    }
}

/// The durable names with those live ones that `moved` lets through. A change belongs to the object that got the name, or
/// else to the one that had it, so that both sides of a rename go together.
fn merged(durable: &Names, live: &Names, mut moved: impl FnMut(Id) -> bool) -> Names {
    let mut names = durable.clone();
    for name in durable.keys().chain(live.keys()) {
        let (before, after) = (durable.get(name), live.get(name));
        let Some(mover) = after.or(before).filter(|_| before != after) else { continue };
        if moved(*mover) {
            match after {
                Some(id) => names.insert(name.clone(), *id),
                None => names.remove(name),
            };
        }
    }
    names
}

fn listed(directory: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("names are UTF-8"))?;
        entries.push((name, entry.path()));
    }
    entries.sort();
    Ok(entries)
}
