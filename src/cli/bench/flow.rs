//! `fanout`, `latency` and `topics`: publications that flow to subscribers who are there.

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use super::super::usage::WrongUsage;
use super::shared::{Shared, rate};
use super::{CONNECTIONS_MAX, IN_FLIGHT_OF_A_PUBLISHER_MAX};
use crate::bench::{Fanout, Pace};

/// Places of a subscriber in what a publisher says: all are counted, at 16 bytes each.
const PLACES_MAX: u64 = 50_000_000;

/// One topic, many subscribers, as many publications in flight as are asked for.
#[derive(Debug, Args)]
pub(in super::super) struct FanoutRun {
    /// Connections that watch the topic.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Connections that publish, in turn.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=10_000))]
    publishers: u64,
    /// Publications that have not arrived, at most; 1 leaves nothing to batch.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u64).range(1..=1_000_000))]
    in_flight: u64,
    /// Publish so many a second instead, whatever arrives.
    #[arg(long, value_name = "PER-SECOND", conflicts_with = "in_flight", value_parser = rate)]
    rate: Option<f64>,
    /// Threads that the subscribers are shared out to, where one is not enough to hear them all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=256))]
    threads: u64,
    #[command(flatten)]
    shared: Shared,
}

/// One topic, many subscribers, publications at a fixed rate: how late are they, from when they were meant to be sent?
#[derive(Debug, Args)]
pub(in super::super) struct LatencyRun {
    /// Connections that watch the topic.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Connections that publish, in turn.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=10_000))]
    publishers: u64,
    /// Publications a second.
    #[arg(long, value_name = "PER-SECOND", default_value = "20", value_parser = rate)]
    rate: f64,
    /// Threads that the subscribers are shared out to, where one is not enough to hear them all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=256))]
    threads: u64,
    #[command(flatten)]
    shared: Shared,
}

/// Many topics with few subscribers each: nothing can be batched.
#[derive(Debug, Args)]
pub(in super::super) struct TopicsRun {
    /// Topics, published to in turn.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    topics: u64,
    /// Connections that watch each topic.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Connections that publish, in turn.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=10_000))]
    publishers: u64,
    /// Publications that have not arrived, at most.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u64).range(1..=1_000_000))]
    in_flight: u64,
    /// Publish so many a second instead, whatever arrives.
    #[arg(long, value_name = "PER-SECOND", conflicts_with = "in_flight", value_parser = rate)]
    rate: Option<f64>,
    /// Threads that the subscribers are shared out to, where one is not enough to hear them all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=256))]
    threads: u64,
    #[command(flatten)]
    shared: Shared,
}

impl FanoutRun {
    pub(super) fn run(self) -> Result<()> {
        let Self { subscribers, publishers, in_flight, rate, threads, shared } = self;
        flow(
            "fanout",
            Crowd { topics: 1, subscribers, publishers, threads },
            pace(in_flight, rate, publishers)?,
            &shared,
        )
    }
}

impl LatencyRun {
    pub(super) fn run(self) -> Result<()> {
        let Self { subscribers, publishers, rate, threads, shared } = self;
        flow("latency", Crowd { topics: 1, subscribers, publishers, threads }, Pace::Rate(rate), &shared)
    }
}

impl TopicsRun {
    pub(super) fn run(self) -> Result<()> {
        let Self { topics, subscribers, publishers, in_flight, rate, threads, shared } = self;
        if topics * subscribers > CONNECTIONS_MAX {
            let sentence = format!("--topics times --subscribers is more than {CONNECTIONS_MAX}: ask for fewer");
            bail!(WrongUsage(sentence));
        }
        flow("topics", Crowd { topics, subscribers, publishers, threads }, pace(in_flight, rate, publishers)?, &shared)
    }
}

/// How many of what.
#[derive(Clone, Copy)]
struct Crowd {
    topics: u64,
    /// Of each topic.
    subscribers: u64,
    publishers: u64,
    threads: u64,
}

fn flow(scenario: &'static str, crowd: Crowd, pace: Pace, shared: &Shared) -> Result<()> {
    let Crowd { topics, subscribers, publishers, threads } = crowd;
    if topics * subscribers * publishers > PLACES_MAX {
        let sentence = format!("--publishers times all subscribers is more than {PLACES_MAX}: ask for fewer of either");
        bail!(WrongUsage(sentence));
    }
    if threads > subscribers {
        bail!(WrongUsage(format!("--threads is more than --subscribers: take at most {subscribers}")));
    }
    let fanout = Fanout {
        scenario,
        topics: topics as usize,
        subscribers: subscribers as usize,
        publishers: publishers as usize,
        pace,
        threads: threads as usize,
    };
    shared.tell(&fanout.run(shared.options()?)?)
}

fn pace(in_flight: u64, rate: Option<f64>, publishers: u64) -> Result<Pace> {
    if let Some(rate) = rate {
        return Ok(Pace::Rate(rate));
    }
    if in_flight > publishers * IN_FLIGHT_OF_A_PUBLISHER_MAX {
        let publishers = in_flight.div_ceil(IN_FLIGHT_OF_A_PUBLISHER_MAX);
        let sentence = format!(
            "a connection may have {IN_FLIGHT_OF_A_PUBLISHER_MAX} publications in flight: for {in_flight} take --publishers {publishers}"
        );
        bail!(WrongUsage(sentence));
    }
    Ok(Pace::InFlight(in_flight))
}
