//! What the node counts, under the names of the catalogue (`protocol/catalogue/metrics.toml`), rendered at `/metrics`.
//!
//! Counters and gauges are one atomic each; those with labels are found once and kept, so that counting takes no lock
//! and no allocation. Histograms hold a lock for some 20 ns: they are for sweeps and requests, never for deliveries.
//! Labels have few values each, never a topic, a key or a user. Nothing here decides anything.

mod labels;
mod namespaces;
mod routes;

use std::time::Duration;

use fanfare_protocol::metric::{self, Metric, MetricKind};
use fanfare_protocol::{Error, MessageType};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use labels::{CatchUpOutcome, CodeLabel, Label, Labelled, Packed, Transport, WriteOutcome};
pub use routes::Routes;

use crate::log::Committed;
use namespaces::Namespaces;

/// A sweep takes microseconds; ten buckets, each four times the one before, reach 2.6 s.
const SWEEP_BUCKETS: (f64, f64, u16) = (10e-6, 4.0, 10);

/// A commit takes 50 µs in memory and milliseconds over a disk: fourteen buckets up to 0.4 s.
const COMMIT_BUCKETS: (f64, f64, u16) = (50e-6, 2.0, 14);

/// Every metric of the catalogue, as a field of its name without the prefix, or behind a method.
#[derive(Debug)]
pub struct Telemetry {
    /// Connections that are open now.
    pub connections: Labelled<Transport, Gauge>,
    /// Connections opened.
    pub connections_opened: Labelled<Transport, Counter>,
    /// Connections closed, by the code that they were closed with.
    pub connections_closed: Labelled<CodeLabel, Counter>,
    /// Bytes of requests.
    pub connections_bytes_received: Counter,
    /// Handshakes refused.
    pub connections_refused: Labelled<CodeLabel, Counter>,
    /// Session requests that wait for their answer.
    pub requests_in_flight: Gauge,
    /// Connections closed because no pong came.
    pub heartbeat_timeouts: Counter,
    /// Pings sent.
    pub heartbeat_pings: Counter,
    /// What waits in all outboxes, in bytes.
    pub outbox_bytes: Gauge,
    /// Subscriptions of all connections.
    pub subscriptions: Gauge,
    /// Views with at least one subscription.
    pub views: Gauge,
    /// What views with a pace hold back, in bytes.
    pub held_bytes: Gauge,
    /// What all rings hold, in bytes.
    pub ring_bytes: Gauge,
    /// Chunks dropped from the tail of a ring.
    pub ring_evictions: Counter,
    /// Subscriptions that fell off their ring and have not caught up.
    pub lagging_subscriptions: Gauge,
    /// Times that one fell.
    pub lagging: Counter,
    /// How catching up ended.
    pub catch_up: Labelled<CatchUpOutcome, Counter>,
    /// Publications read from the log by who catches up.
    pub catch_up_events: Counter,
    /// Pages that were read once for several of them.
    pub catch_up_pages_shared: Counter,
    /// Duration of sweeps, in seconds.
    pub hub_sweep: Histogram,
    /// Writes to sockets.
    pub hub_writes: Labelled<WriteOutcome, Counter>,
    /// Publications answered from a stored result.
    pub publications_repeated: Counter,
    /// Events handed to sockets, once per subscription.
    pub deliveries: Labelled<Transport, Counter>,
    /// Bytes of frames handed to sockets.
    pub deliveries_bytes: Labelled<Transport, Counter>,
    /// From publish to commit, in seconds.
    pub commit: Histogram,
    /// Syncs of the log.
    pub log_syncs: Counter,
    /// Bytes written to the log.
    pub log_bytes: Counter,
    /// What waits for the log, in bytes.
    pub log_waiting_bytes: Gauge,
    /// What its segments take, in bytes.
    pub log_segments_bytes: Gauge,
    /// Applied and not known to be stored, in bytes.
    pub store_unwritten_bytes: Gauge,
    /// What hot topics take, in bytes.
    pub store_hot_bytes: Gauge,
    /// Answers that stay open.
    pub http_streams: Labelled<Transport, Gauge>,
    /// HTTP answers that are compressed as they come.
    pub compressed_streams: Gauge,
    plain_bytes: Labelled<Packed, Counter>,
    packed_bytes: Labelled<Packed, Counter>,
    /// Bugs met at run time.
    pub defects: Counter,
    requests: Labelled<MessageType, Counter>,
    errors: Labelled<CodeLabel, Counter>,
    namespaces: Namespaces,
    routes: Routes,
    registry: Registry,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// Nothing counted yet, and no namespace declared: all count as `default`.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let to = &mut registry;
        build_info(to);
        Self {
            connections: labelled(to, metric::CONNECTIONS),
            connections_opened: labelled(to, metric::CONNECTIONS_OPENED_TOTAL),
            connections_closed: labelled(to, metric::CONNECTIONS_CLOSED_TOTAL),
            connections_bytes_received: plain(to, metric::CONNECTIONS_BYTES_RECEIVED_TOTAL),
            connections_refused: labelled(to, metric::CONNECTIONS_REFUSED_TOTAL),
            requests: labelled(to, metric::REQUESTS_TOTAL),
            requests_in_flight: plain(to, metric::REQUESTS_IN_FLIGHT),
            errors: labelled(to, metric::ERRORS_TOTAL),
            heartbeat_timeouts: plain(to, metric::HEARTBEAT_TIMEOUTS_TOTAL),
            heartbeat_pings: plain(to, metric::HEARTBEAT_PINGS_TOTAL),
            outbox_bytes: plain(to, metric::OUTBOX_BYTES),
            subscriptions: plain(to, metric::SUBSCRIPTIONS),
            views: plain(to, metric::VIEWS),
            held_bytes: plain(to, metric::HELD_BYTES),
            ring_bytes: plain(to, metric::RING_BYTES),
            ring_evictions: plain(to, metric::RING_EVICTIONS_TOTAL),
            lagging_subscriptions: plain(to, metric::LAGGING_SUBSCRIPTIONS),
            lagging: plain(to, metric::LAGGING_TOTAL),
            catch_up: labelled(to, metric::CATCH_UP_TOTAL),
            catch_up_events: plain(to, metric::CATCH_UP_PUBLICATIONS_TOTAL),
            catch_up_pages_shared: plain(to, metric::CATCH_UP_PAGES_SHARED_TOTAL),
            hub_sweep: histogram(to, metric::HUB_SWEEP_SECONDS, SWEEP_BUCKETS),
            hub_writes: labelled(to, metric::HUB_WRITES_TOTAL),
            namespaces: Namespaces::new(to),
            publications_repeated: plain(to, metric::PUBLICATIONS_REPEATED_TOTAL),
            deliveries: labelled(to, metric::DELIVERIES_TOTAL),
            deliveries_bytes: labelled(to, metric::DELIVERIES_BYTES_TOTAL),
            commit: histogram(to, metric::COMMIT_SECONDS, COMMIT_BUCKETS),
            log_syncs: plain(to, metric::LOG_SYNCS_TOTAL),
            log_bytes: plain(to, metric::LOG_BYTES_TOTAL),
            log_waiting_bytes: plain(to, metric::LOG_WAITING_BYTES),
            log_segments_bytes: plain(to, metric::LOG_SEGMENTS_BYTES),
            store_unwritten_bytes: plain(to, metric::STORE_UNWRITTEN_BYTES),
            store_hot_bytes: plain(to, metric::STORE_HOT_BYTES),
            routes: Routes::new(to),
            http_streams: labelled(to, metric::HTTP_STREAMS),
            compressed_streams: plain(to, metric::COMPRESSION_STREAMS),
            plain_bytes: labelled(to, metric::COMPRESSION_PLAIN_BYTES_TOTAL),
            packed_bytes: labelled(to, metric::COMPRESSION_PACKED_BYTES_TOTAL),
            defects: plain(to, metric::DEFECTS_TOTAL),
            registry,
        }
    }

    /// An error was told to a client, over any transport.
    pub fn error(&self, error: &Error) {
        self.errors.of(CodeLabel::of(error)).inc();
    }

    /// So many bytes were compressed to so many.
    pub fn compressed(&self, what: Packed, plain: usize, packed: usize) {
        self.plain_bytes.of(what).inc_by(plain as u64);
        self.packed_bytes.of(what).inc_by(packed as u64);
    }

    /// A session request arrived.
    pub fn request(&self, kind: MessageType) {
        self.requests.of(kind).inc();
    }

    /// An HTTP request was answered: by which pattern of the table of routes, `None` when by none, and how long the
    /// head of the answer took.
    pub fn http(&self, route: Option<&str>, status: u16, elapsed: Duration) {
        self.routes.answered(route, status, elapsed);
    }

    /// An entry was committed.
    pub fn committed(&self, batches: &[Committed]) {
        for committed in batches {
            self.namespaces.committed(committed);
        }
    }

    /// These namespaces are declared now. Only they have figures of their own, because clients choose the names of others.
    pub fn follow<'a>(&self, declared: impl Iterator<Item = &'a str>) {
        self.namespaces.follow(declared);
    }

    /// How many topics there are, by the namespace that counts them.
    pub fn topics<'a>(&self, counts: impl Iterator<Item = (&'a str, u64)>) {
        self.namespaces.topics(counts);
    }

    /// Everything, in the OpenMetrics text form.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry).expect("writing into a String cannot fail");
        text
    }
}

/// Puts a metric of the catalogue on the page. The encoder itself adds `_total` to counters.
fn register(registry: &mut Registry, metric: Metric, measure: impl prometheus_client::registry::Metric) {
    let name = match metric.kind {
        MetricKind::Counter => metric.name.trim_end_matches("_total"),
        MetricKind::Gauge | MetricKind::Histogram => metric.name,
    };
    registry.register(name, metric.help, measure);
}

fn plain<M>(registry: &mut Registry, metric: Metric) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let measure = M::default();
    register(registry, metric, measure.clone());
    measure
}

fn labelled<L, M>(registry: &mut Registry, metric: Metric) -> Labelled<L, M>
where
    L: Label,
    M: prometheus_client::registry::Metric + TypedMetric + Clone + Default,
{
    let measures = Labelled::new(metric.labels[0]);
    register(registry, metric, measures.family());
    measures
}

fn histogram(registry: &mut Registry, metric: Metric, (start, factor, count): (f64, f64, u16)) -> Histogram {
    let measure = Histogram::new(exponential_buckets(start, factor, count));
    register(registry, metric, measure.clone());
    measure
}

fn build_info(registry: &mut Registry) {
    let info: Family<[(&'static str, &'static str); 1], Gauge> = Family::default();
    info.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    register(registry, metric::BUILD_INFO, info);
}

#[cfg(test)]
mod tests;
