//! `fanfare serve`: runs a node until it is told to stop.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use fanfare_engine::config::{Argument, LogFormat, PREFIX, Sources};
use fanfare_engine::limit::Limits;
use fanfare_engine::{Config, Node, Server};

use super::signals::Signals;
use super::usage::WrongUsage;
use crate::logging;

/// Run a node; without arguments on http://127.0.0.1:8000, with the demos.
///
/// Prints what to open, and stops on Ctrl-C or SIGTERM after its clients have been sent elsewhere. Every setting can also
/// be a variable of the environment: `fanfare config example` names them.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration; `fanfare config example` prints one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, instead of 127.0.0.1:8000; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The directory of the node's data, instead of ./fanfare-data.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,
    /// Listen beyond this machine although nobody is asked who he is: for containers and labs.
    #[arg(long)]
    insecure_open: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// Options of later versions: known, so that they are refused by name.
#[derive(Debug, Args)]
struct Cluster {
    #[arg(long, hide = true)]
    node_id: Option<String>,
    #[arg(long, hide = true)]
    cluster_listen: Option<String>,
    #[arg(long, hide = true)]
    bootstrap: bool,
    #[arg(long, hide = true)]
    join: Option<String>,
}

impl Cluster {
    fn given(&self) -> Option<&'static str> {
        let options = [
            (self.node_id.is_some(), "--node-id"),
            (self.cluster_listen.is_some(), "--cluster-listen"),
            (self.bootstrap, "--bootstrap"),
            (self.join.is_some(), "--join"),
        ];
        options.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        if let Some(option) = self.cluster.given() {
            let message = format!("{option}: clusters are not supported by this version, run a single node without it");
            bail!(WrongUsage(message));
        }
        let config = self.configuration()?;
        if !self.insecure_open {
            config.exposure()?;
        }
        let format = logging::of_a_node(&config.telemetry)?;
        announce(&config, format);
        allow_many_descriptors(config.limits.connections_max);
        actix_rt::System::new().block_on(serve(config))
    }

    fn configuration(&self) -> Result<Config> {
        let file = self.config.as_deref().map(super::config::read).transpose()?;
        let environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        let options = [
            ("--listen", "server.listen", self.listen.map(|listen| listen.to_string())),
            ("--data-dir", "storage.data_dir", self.data_dir.clone()),
        ];
        let argument = |(name, key, value): (_, _, Option<String>)| Some(Argument { name, key, value: value? });
        let arguments = options.into_iter().filter_map(argument).collect();
        Ok(Config::load(Sources { file, environment, arguments })?)
    }
}

/// The effective configuration, and what of it may surprise.
fn announce(config: &Config, format: LogFormat) {
    let (version, configuration) = (env!("CARGO_PKG_VERSION"), config.effective());
    match format {
        // On a terminal it would bury the URLs.
        LogFormat::Text => tracing::debug!(version, configuration, "starting"),
        LogFormat::Json | LogFormat::Auto => tracing::info!(version, configuration, "starting"),
    }
}

/// A connection is a descriptor, and shells grant 1,024; up to the hard limit they may be had without asking. That the
/// default cannot be reached on a small machine is no news; that a number someone chose cannot be, is.
fn allow_many_descriptors(connections_max: usize) {
    let is_chosen = connections_max != Limits::default().connections_max;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(granted) if granted < connections_max as u64 && is_chosen => {
            tracing::warn!(
                granted,
                connections_max,
                "fewer descriptors than connections: raise the hard limit (ulimit -Hn)"
            );
        }
        Ok(granted) => tracing::debug!(granted, "descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of descriptors cannot be raised"),
    }
}

async fn serve(config: Config) -> Result<()> {
    // Before anyone can know that we are here: whoever reads the URL may send a signal at once.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let patience = Duration::from_millis(u64::from(config.server.shutdown_timeout_ms));
    let node = Node::start(config).await?;
    let mut server = Server::start(node)?;
    greet(server.address(), server.tcp_address());
    let signal = tokio::select! {
        signal = signals.next() => signal,
        ended = server.ended() => {
            ended.context("the server failed")?;
            bail!("the server ended by itself");
        }
    };
    tracing::info!(signal, "stopping: clients are told to reconnect elsewhere, a second signal ends it at once");
    tokio::select! {
        stopped = tokio::time::timeout(patience, server.stop()) => {
            if stopped.is_err() {
                tracing::warn!(?patience, "cut off what did not end in time");
            }
            Ok(())
        }
        signal = another(&mut signals) => bail!("ended at once by a second signal, {signal}"),
    }
}

/// Signals within this time are one wish: `timeout` and some supervisors send theirs to the process and to its group.
const BURST: Duration = Duration::from_millis(200);

/// Resolves when the wish to stop is repeated.
async fn another(signals: &mut Signals) -> &'static str {
    let first = Instant::now();
    loop {
        let signal = signals.next().await;
        if first.elapsed() >= BURST {
            return signal;
        }
    }
}

/// What to open. A reader who has gone is no reason not to serve.
fn greet(address: SocketAddr, tcp_address: Option<SocketAddr>) {
    let base = format!("http://{}", reachable(address));
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{base}/demo/chat/  the chat demo: open it in two windows");
    let _ =
        writeln!(out, "{base}/demo/       the other demos: feed them with `fanfare demo-feed ticker` and `… fleet`");
    let _ = writeln!(out, "{base}/v1/topics   the HTTP API: `curl {base}/v1/topics/chat:lobby`");
    let _ = writeln!(out, "{base}/metrics     figures for Prometheus");
    if let Some(address) = tcp_address {
        let _ = writeln!(out, "tcp://{}              sessions over raw TCP, in protobuf", reachable(address));
    }
    let _ = out.flush();
}

/// Where this machine finds the listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
