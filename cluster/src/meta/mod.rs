//! The meta group: what all nodes have to agree on before they can agree on anything else. For now one table, the
//! namespaces; nodes and placement come beside it.
//!
//! [`state`] is the core: commands in, answers and a new [`table`] out. [`machine`] runs it under a Raft group, [`file`]
//! stores it whole at every change (changes are rare, and a thousand rows are a megabyte), [`snapshot`] hands it on.
//! [`group`] is the handle for whoever reads and changes it. **What a value means is not known here.**

mod answer;
mod command;
mod file;
mod group;
mod machine;
mod offline;
mod snapshot;
mod state;
mod stored;
mod table;

pub use answer::{Outcome, Refused};
pub use file::MetaFault;
pub use group::{Meta, MetaError, Proposer};
pub use machine::{MetaMachine, MetaReader};
pub use offline::{Inspected, inspect, restore};
pub use state::{NAME_BYTES_MAX, NAMESPACES_MAX, VALUE_BYTES_MAX};
pub use table::{Row, Table};

#[cfg(test)]
mod tests;
