//! The write-ahead log: one per node, shared by all Raft groups, so that a drain of everything that waits costs one
//! write and one sync however many groups it comes from.
//!
//! The door is [`LogEngine`]; behind it [`FileLog`] for nodes, and [`MemoryLog`], its twin without a disk. A call changes
//! what is read at once and is written in the order of the calls, by the log's own thread or by callers who say so; its
//! callback tells when it is durable, by the [`SyncMode`]. Votes always are. After one failed sync or write nothing is
//! acknowledged any more, for nobody knows what the disk holds; a full disk is no failure, what waits is written when
//! there is space.
//!
//! **It knows no term, no log id and no membership**: votes, entries and ids are bytes. It decides nothing about
//! retention: a segment goes when nobody's unpurged entry needs it, and [`LogEngine::pinning`] says whose does. It holds
//! no publication back: whoever takes them asks [`FileLog::is_full`] and [`FileLog::is_behind`]. It repairs nothing: a
//! damaged group says so at every call, and its replica is replaced. Groups are never forgotten, only emptied.
//!
//! | room | what |
//! | --- | --- |
//! | `record`, `segment` | the format, byte by byte |
//! | `summary`, `held`, `groups` | what the calls have made of the groups; cores, shared by writing and reading back |
//! | `scan`, `replay`, `recovery` | what the segments say: where the log ends, what is damaged, who can be trusted |
//! | `drain`, `pages`, `segments`, `spares`, `writer` | writing: one drain after the other, what is durable when |
//! | `shared`, `reader`, `file`, `thread` | between callers, writer and threads; the only clock is in `thread` |
//! | [`disk`] | what is asked of a disk, the real one, and a simulated one that loses power |
//! | `check` | the same eyes offline |
//!
//! What users may rely on is `docs/durability.md`.

mod check;
#[cfg(test)]
mod contract;
mod damage;
pub mod disk;
mod drain;
mod engine;
mod fault;
mod file;
mod groups;
mod held;
mod item;
mod memory;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod pages;
mod reader;
mod record;
mod recovery;
mod replay;
mod scan;
mod segment;
mod segments;
mod settings;
mod shared;
mod spares;
mod summary;
#[cfg(test)]
mod tests;
mod thread;
mod writer;

pub use check::{CheckReport, GroupReport, Interrupted, SegmentReport, check, check_on};
pub use engine::{Appended, GroupId, GroupLog, LogEngine, LogEntry, Purged};
pub use fault::LogFault;
pub use file::{FileLog, FileLogFigures, Stepper};
pub use memory::MemoryLog;
pub use settings::{FileLogSettings, SyncMode};
pub use writer::Step;
