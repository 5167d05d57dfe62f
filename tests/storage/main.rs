//! Data directories as their owners handle them: verified, counted, backed up as a node runs, restored, and opened by a
//! later release. The real binary on real files.

#[path = "../harness/mod.rs"]
mod harness;

mod client;
mod command;
mod content;
mod files;

mod backup;
mod check;
mod damage;
mod figures;
mod gap;
mod releases;
mod restore;
