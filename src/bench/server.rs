//! The server that is measured, as far as it can be looked at: its process, when that runs on this machine, and its metrics,
//! when it has some.

mod process;
pub(crate) mod usage;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Url;
use tokio::runtime::Runtime;

/// How long an answer over HTTP may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes to sockets that a node has done.
const WRITES: &str = "fanfare_hub_writes_total";

/// See the module.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Where it runs here.
    pub(crate) pid: Option<u32>,
    url: Url,
    runtime: Runtime,
    http: reqwest::Client,
    has_metrics: bool,
}

/// What server and load generator have taken up to a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    /// CPU time of the server's process.
    pub(crate) server_nanos: Option<u64>,
    /// For how long its threads had to wait for a core.
    pub(crate) server_waited_nanos: u64,
    /// CPU time of this thread.
    pub(crate) load_nanos: u64,
    pub(crate) load_waited_nanos: u64,
    /// Writes to sockets.
    pub(crate) writes: Option<u64>,
}

impl Server {
    /// Finds it. Only nodes are asked for metrics: others need not answer what is not for them.
    ///
    /// # Errors
    /// When the URL has no address, or no process has this number.
    pub(crate) fn find(url: Url, pid: Option<u32>, is_node: bool) -> Result<Self> {
        let mut addresses = url.socket_addrs(|| None).with_context(|| format!("`{url}` names no address"))?;
        // Of `localhost` the older one: that is where nearly every server listens.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = *addresses.first().with_context(|| format!("`{url}` names no address"))?;
        if let Some(pid) = pid {
            let is_there = std::path::Path::new("/proc").join(pid.to_string()).exists();
            ensure!(is_there, "no process has the number {pid}: leave --pid out to have it found by its port");
        }
        let pid = pid.or_else(|| address.ip().is_loopback().then(|| process::listener(address.port())).flatten());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).no_proxy().build()?;
        let mut server = Self { address, pid, url, runtime, http, has_metrics: false };
        server.has_metrics = is_node && server.metric(WRITES).is_some();
        Ok(server)
    }

    /// What was taken before a part of the run: that its metrics are asked for is not of that part.
    pub(crate) fn begin(&self) -> Moment {
        let writes = self.writes();
        Moment { writes, ..self.glance() }
    }

    /// What was taken after it.
    pub(crate) fn end(&self) -> Moment {
        let glance = self.glance();
        Moment { writes: self.writes(), ..glance }
    }

    fn writes(&self) -> Option<u64> {
        self.has_metrics.then(|| self.metric(WRITES)).flatten()
    }

    /// The same without asking the server for anything.
    pub(crate) fn glance(&self) -> Moment {
        let (load_nanos, load_waited_nanos) = usage::thread_nanos();
        Moment {
            at: Instant::now(),
            server_nanos: self.pid.map(usage::cpu_nanos),
            server_waited_nanos: self.pid.map_or(0, usage::runqueue_nanos),
            load_nanos,
            load_waited_nanos,
            writes: None,
        }
    }

    /// The memory of its process, and of those that it started.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.pid.map(usage::family_resident_bytes)
    }

    /// The sum of a metric over its labels; nothing from a server that has none.
    fn metric(&self, name: &str) -> Option<u64> {
        let text = self.get("/metrics")?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        values.map(|value| value as u64).reduce(|sum, value| sum + value)
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(None);
        self.runtime.block_on(async {
            let response = self.http.get(url).send().await.ok()?.error_for_status().ok()?;
            response.text().await.ok()
        })
    }
}

impl Moment {
    /// The server's CPU time since an earlier moment, in microseconds.
    pub(crate) fn server_micros_since(&self, earlier: &Self) -> Option<f64> {
        Some(self.server_nanos?.saturating_sub(earlier.server_nanos?) as f64 / 1_000.0)
    }

    pub(crate) fn seconds_since(&self, earlier: &Self) -> f64 {
        (self.at - earlier.at).as_secs_f64()
    }

    pub(crate) fn writes_since(&self, earlier: &Self) -> Option<u64> {
        Some(self.writes?.saturating_sub(earlier.writes?))
    }
}
