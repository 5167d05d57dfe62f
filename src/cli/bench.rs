//! `fanfare bench`: what a server takes to serve many, measured from outside.

mod crowd;
mod flow;
mod shared;

use anyhow::Result;
use clap::Subcommand;

/// Connections of one run: the ports of 250 addresses are more, the memory of any machine is less.
const CONNECTIONS_MAX: u64 = 1_000_000;
/// A node bears 256 requests of a connection at once.
const IN_FLIGHT_OF_A_PUBLISHER_MAX: u64 = 256;

/// Measure what a server takes to serve many: its CPU time, its memory, and how late deliveries are.
///
/// Every delivery is counted by its number; when one is lost, doubled or out of place, the exit status is 1.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    Fanout(flow::FanoutRun),
    Latency(flow::LatencyRun),
    Topics(flow::TopicsRun),
    Idle(crowd::IdleRun),
    Churn(crowd::ChurnRun),
    Publish(crowd::PublishRun),
    Resume(crowd::ResumeRun),
}

impl Bench {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Fanout(run) => run.run(),
            Self::Latency(run) => run.run(),
            Self::Topics(run) => run.run(),
            Self::Idle(run) => run.run(),
            Self::Churn(run) => run.run(),
            Self::Publish(run) => run.run(),
            Self::Resume(run) => run.run(),
        }
    }
}
