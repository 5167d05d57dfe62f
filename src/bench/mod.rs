//! The load generator: `fanfare bench`. It speaks to a node, or to a peer, as many clients would, counts every delivery by its
//! number, and tells what it measured as a [`Report`].

mod report;

pub(crate) use report::{Deliveries, Figure, Latency, Machine, Report, Series, Setting};
