//! `idle`, `churn`, `publish` and `resume`: crowds that do something else than to listen.

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use super::super::usage::WrongUsage;
use super::shared::{Shared, rate};
use super::{CONNECTIONS_MAX, IN_FLIGHT_OF_A_PUBLISHER_MAX};
use crate::bench::{Churn, Idle, Publish, Resume};

/// Connections with one subscription each that hear nothing: the server's memory for each, and the CPU time it took to get there.
#[derive(Debug, Args)]
pub(in super::super) struct IdleRun {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Topics that they watch in turn; as many as subscribers gives each its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    topics: u64,
    #[command(flatten)]
    shared: Shared,
}

/// Connections that come, subscribe, stay a second and leave, while others watch and publications flow.
#[derive(Debug, Args)]
pub(in super::super) struct ChurnRun {
    /// Connections that stay.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Connections that come, and go, a second.
    #[arg(long, value_name = "PER-SECOND", default_value = "100", value_parser = churn)]
    churn: f64,
    /// Publications a second.
    #[arg(long, value_name = "PER-SECOND", default_value = "10", value_parser = rate)]
    rate: f64,
    #[command(flatten)]
    shared: Shared,
}

/// Clients that publish and wait for the answer, where nobody watches.
#[derive(Debug, Args)]
pub(in super::super) struct PublishRun {
    /// Connections that publish.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u64).range(1..=100_000))]
    publishers: u64,
    /// Topics that they publish to in turn; as many as publishers gives each its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=100_000))]
    topics: u64,
    /// Publications of each that were not answered, at most.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=IN_FLIGHT_OF_A_PUBLISHER_MAX))]
    in_flight: u64,
    #[command(flatten)]
    shared: Shared,
}

/// Everyone is cut off and comes back at once, from so many publications back.
#[derive(Debug, Args)]
pub(in super::super) struct ResumeRun {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Publications that each has missed; the namespace has to retain them.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u64).range(1..=100_000))]
    missed: u64,
    #[command(flatten)]
    shared: Shared,
}

impl IdleRun {
    pub(super) fn run(self) -> Result<()> {
        let (subscribers, topics) = (self.subscribers as usize, self.topics as usize);
        if topics > subscribers {
            bail!(WrongUsage(
                "--topics is more than --subscribers: nobody would watch the rest, ask for fewer".to_owned()
            ));
        }
        self.shared.tell(&Idle { subscribers, topics }.run(self.shared.options()?)?)
    }
}

impl ChurnRun {
    pub(super) fn run(self) -> Result<()> {
        let Self { subscribers, churn, rate, shared } = self;
        shared.tell(&Churn { subscribers: subscribers as usize, churn, rate }.run(shared.options()?)?)
    }
}

impl PublishRun {
    pub(super) fn run(self) -> Result<()> {
        let (publishers, topics) = (self.publishers as usize, self.topics as usize);
        if topics > publishers {
            bail!(WrongUsage(
                "--topics is more than --publishers: nobody would publish to the rest, ask for fewer".to_owned()
            ));
        }
        let publish = Publish { publishers, topics, in_flight: self.in_flight as usize };
        self.shared.tell(&publish.run(self.shared.options()?)?)
    }
}

impl ResumeRun {
    pub(super) fn run(self) -> Result<()> {
        let (subscribers, missed) = (self.subscribers as usize, self.missed);
        self.shared.tell(&Resume { subscribers, missed }.run(self.shared.options()?)?)
    }
}

/// More than this and the ports of all addresses would not do.
const CHURN_MAX: f64 = 50_000.0;

fn churn(text: &str) -> Result<f64, String> {
    let rate = rate(text)?;
    if rate <= CHURN_MAX { Ok(rate) } else { Err(format!("write a number up to {CHURN_MAX}")) }
}
