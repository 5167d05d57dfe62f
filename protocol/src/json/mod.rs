//! The JSON form of every message: camelCase names, versions as `EPOCH.OFFSET`, durations as `"1500ms"`, enums in lowercase, defaults left
//! out, and `data` inline. Reading and writing of a message stand side by side, one file per noun. Rules: SPEC.md E5 and E8 to E12.
//!
//! Reading is strict for requests (an unknown member is UNKNOWN_PARAMETER) and lenient for what a node says. `data` is carried as the
//! bytes that were written: [`crate::compact`] checks them at the door. Writing trusts that it was called.

mod connect;
mod data;
mod error;
mod event;
mod form;
mod history;
mod presence;
mod publication;
mod read;
mod serde_impls;
mod service;
mod view;
mod watch;
mod whole;
mod write;

pub use error::write_error;
pub(crate) use event::write_batch;
pub use event::{Remarks, write_event, write_remarked_event};
pub use publication::parse_publish_body;
pub(crate) use read::{Context, Members, Seed, Value};
pub(crate) use write::{Object, ToJson};
