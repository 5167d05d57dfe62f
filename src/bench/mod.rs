//! The load generator: `fanfare bench`. It speaks to a node, or to a peer, as many clients would, counts every delivery by its
//! number, and tells what it measured as a [`Report`].

mod client;
mod crew;
mod curve;
mod ear;
mod flow;
mod guests;
mod machine;
mod opening;
mod options;
pub(crate) mod print;
mod progress;
mod report;
mod run;
mod scenario;
mod server;
mod stamp;
mod tally;
mod target;

pub(crate) use flow::Pace;
pub(crate) use options::{Options, Plant};
pub(crate) use report::{Deliveries, Figure, Latency, Machine, Report, Series, Setting};
pub(crate) use scenario::{Churn, Fanout, Idle, Publish, Resume};
pub(crate) use stamp::BYTES_MIN as PAYLOAD_BYTES_MIN;
pub(crate) use target::TargetName;
