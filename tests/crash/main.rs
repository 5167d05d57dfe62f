//! Power cuts, kills and failing disks under the real binary: what was acknowledged must be there afterwards.
//!
//! `shim/` stands between a node and its disk, `disk.rs` works out what a power cut would have left, `ledger.rs` knows
//! what was acknowledged and judges what a restarted node answers.

#[path = "../harness/mod.rs"]
mod harness;

mod content;
mod crashes;
mod damage;
mod disk;
mod episode;
mod faults;
mod interval;
mod keeper;
mod ledger;
mod lies;
mod life;
mod power_cuts;
mod publisher;
mod reader;
mod report;
mod rig;
mod shim;
mod trace;
mod verdict;
mod watcher;
