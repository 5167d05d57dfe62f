//! The directory of a node that is stopped, looked at from outside: [`check`] verifies all of it, [`stat`] tells its figures.
//!
//! Both take the directory's lock, so that no node starts meanwhile, and change not a byte of it: the write-ahead log and
//! the namespaces are only read, the state is opened as a [shadow](crate::store::Shadow) of itself.

mod check;
mod continuity;
mod fault;
mod stat;

pub use check::{Checked, check};
pub use fault::InspectionError;
pub use stat::{Figures, LogFigures, stat};
