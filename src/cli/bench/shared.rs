//! What every scenario takes, and how each ends.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use clap::{Args, value_parser};

use super::super::node::Node;
use crate::bench::{Deliveries, Options, PAYLOAD_BYTES_MIN, Plant, Report, TargetName, print};

/// The largest publication of a namespace, unless it was raised.
const PAYLOAD_BYTES_MAX: u64 = 256 * 1024;
/// Longer runs say nothing more.
const SECONDS_MAX: f64 = 3_600.0;
/// More than any server takes.
const RATE_MAX: f64 = 10_000_000.0;

/// What every scenario takes.
#[derive(Debug, Args)]
pub(super) struct Shared {
    #[command(flatten)]
    node: Node,
    /// What listens there. For others than `fanfare` the URL's path is that of the WebSocket, or what comes before the usual one.
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
    /// Write the report as a page too, which opens from the file with nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
    /// Show the counter a fault, to see it caught.
    #[arg(long, value_enum, hide = true)]
    plant: Option<Plant>,
}

impl Shared {
    /// What is to be done; nothing is, where its page could not be written in the end.
    pub(super) fn options(&self) -> Result<Options> {
        if let Some(file) = &self.html {
            let opened = fs::File::options().append(true).create(true).open(file);
            opened.with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(Options {
            url: self.node.url().clone(),
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

    pub(super) fn tell(&self, report: &Report) -> Result<()> {
        let text = match self.json {
            true => print::json(report),
            false => print::terminal(report, print::Ink::of_stdout()),
        };
        writeln!(io::stdout(), "{}", text.trim_end())?;
        if let Some(file) = &self.html {
            let page = print::html(std::slice::from_ref(report));
            fs::write(file, page).with_context(|| format!("{} cannot be written", file.display()))?;
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

pub(super) fn rate(text: &str) -> Result<f64, String> {
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
