//! `fanfare bench`: what a server takes to serve many, measured from outside.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand, value_parser};

use super::node::Node;
use super::usage::WrongUsage;
use crate::bench::{Deliveries, Fanout, Options, PAYLOAD_BYTES_MIN, Pace, Plant, Report, TargetName, print};

/// Connections of one run: the ports of 250 addresses are more, the memory of any machine is less.
const CONNECTIONS_MAX: u64 = 1_000_000;
/// A node bears 256 requests of a connection at once.
const IN_FLIGHT_OF_A_PUBLISHER_MAX: u64 = 256;
/// The largest publication of a namespace, unless it was raised.
const PAYLOAD_BYTES_MAX: u64 = 256 * 1024;
/// Longer runs say nothing more.
const SECONDS_MAX: f64 = 3_600.0;
const RATE_MAX: f64 = 10_000_000.0;

/// Measure what a server takes to serve many: its CPU time, its memory, and how late deliveries are.
///
/// Every delivery is counted by its number; when one is lost, doubled or out of place, the exit status is 1.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    Fanout(FanoutArguments),
    Latency(LatencyArguments),
    Topics(TopicsArguments),
}

/// One topic, many subscribers, as many publications in flight as are asked for.
#[derive(Debug, Args)]
pub(super) struct FanoutArguments {
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
    #[command(flatten)]
    shared: Shared,
}

/// One topic, many subscribers, publications at a fixed rate: how late are they, from when they were meant to be sent?
#[derive(Debug, Args)]
pub(super) struct LatencyArguments {
    /// Connections that watch the topic.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    subscribers: u64,
    /// Connections that publish, in turn.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=10_000))]
    publishers: u64,
    /// Publications a second.
    #[arg(long, value_name = "PER-SECOND", default_value = "20", value_parser = rate)]
    rate: f64,
    #[command(flatten)]
    shared: Shared,
}

/// Many topics with few subscribers each: nothing can be batched.
#[derive(Debug, Args)]
pub(super) struct TopicsArguments {
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
    #[command(flatten)]
    shared: Shared,
}

/// What every scenario takes.
#[derive(Debug, Args)]
struct Shared {
    #[command(flatten)]
    node: Node,
    /// What listens there. `plain` is any WebSocket server that sends each message to all who are connected; the URL's
    /// path is then that of the WebSocket.
    #[arg(long, value_name = "NAME", value_enum, default_value = "fanfare")]
    target: TargetName,
    /// The namespace of the topics, whose names are of this run alone.
    #[arg(long, value_name = "NAME", default_value = "bench", value_parser = namespace)]
    namespace: String,
    /// The data of each publication.
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = value_parser!(u64).range(PAYLOAD_BYTES_MIN as u64..=PAYLOAD_BYTES_MAX))]
    payload_bytes: u64,
    /// How long is measured.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    seconds: f64,
    /// How long before that nothing is measured.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = warm_up)]
    warm_up: f64,
    /// Addresses that connections come from, in turn [default: as many of 127.0.0.0/8 as their ports need, when the server
    /// is on loopback]
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    sources: Vec<IpAddr>,
    /// The server's process, for its CPU time and memory [default: the one that listens there, when that is on loopback]
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
    /// Show the counter a fault, to see it caught.
    #[arg(long, value_enum, hide = true)]
    plant: Option<Plant>,
}

impl Bench {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Fanout(arguments) => {
                let FanoutArguments { subscribers, publishers, in_flight, rate, shared } = arguments;
                let pace = pace(in_flight, rate, publishers)?;
                flow("fanout", (1, subscribers, publishers), pace, &shared)
            }
            Self::Latency(LatencyArguments { subscribers, publishers, rate, shared }) => {
                flow("latency", (1, subscribers, publishers), Pace::Rate(rate), &shared)
            }
            Self::Topics(arguments) => {
                let TopicsArguments { topics, subscribers, publishers, in_flight, rate, shared } = arguments;
                if topics * subscribers > CONNECTIONS_MAX {
                    let sentence =
                        format!("--topics times --subscribers is more than {CONNECTIONS_MAX}: ask for fewer");
                    bail!(WrongUsage(sentence));
                }
                flow("topics", (topics, subscribers, publishers), pace(in_flight, rate, publishers)?, &shared)
            }
        }
    }
}

/// Topics, subscribers of each, and publishers.
type Crowd = (u64, u64, u64);

fn flow(scenario: &'static str, crowd: Crowd, pace: Pace, shared: &Shared) -> Result<()> {
    let (topics, subscribers, publishers) = (crowd.0 as usize, crowd.1 as usize, crowd.2 as usize);
    shared.tell(&Fanout { scenario, topics, subscribers, publishers, pace }.run(shared.options()?)?)
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

impl Shared {
    fn options(&self) -> Result<Options> {
        let url = self.node.url().clone();
        if url.scheme() != "http" {
            bail!(WrongUsage(format!("`{url}`: TLS is not measured, name an http URL")));
        }
        Ok(Options {
            url,
            token: self.node.token(),
            target: self.target,
            namespace: self.namespace.clone(),
            payload_bytes: self.payload_bytes as usize,
            window: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up),
            sources: self.sources.clone(),
            pid: self.pid,
            is_quiet: self.quiet,
            plant: self.plant,
        })
    }

    fn tell(&self, report: &Report) -> Result<()> {
        if self.json {
            print::json(report)?
        } else {
            print::terminal(report)?
        }
        let Deliveries { expected, received, lost, doubled, reordered } = report.deliveries;
        if !report.deliveries.is_exact() {
            bail!(
                "of {expected} deliveries {received} came: {lost} were lost, {doubled} came twice and {reordered} out of \
                 place, so the server does not keep what it promises, or closed a connection that fell behind: see what it logs"
            );
        }
        Ok(())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.001, RATE_MAX)
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, 0.1, SECONDS_MAX)
}

fn warm_up(text: &str) -> Result<f64, String> {
    number(text, 0.0, SECONDS_MAX)
}

fn number(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (min..=max).contains(number));
    number.ok_or_else(|| format!("write a number from {min} to {max}"))
}

fn namespace(text: &str) -> Result<String, String> {
    let is_name = fanfare_protocol::TopicName::parse(text).is_ok() && !text.contains(':');
    if is_name { Ok(text.to_owned()) } else { Err("write a namespace, as `bench`".to_owned()) }
}
