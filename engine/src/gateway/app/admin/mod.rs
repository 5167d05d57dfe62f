//! `/v1/admin/…`: what the command line and the admin page can do. [`guard`] says who may ask, [`namespace`] and [`backup`]
//! answer.

mod backup;
mod guard;
mod namespace;

pub(super) use backup::get as backup;
pub(super) use namespace::{get, list, put};
