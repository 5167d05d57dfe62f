//! Figures of HTTP routes: by pattern, never by path, for paths hold the names of topics.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use fanfare_protocol::metric;
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::register;

/// The pattern of a request that no route took.
const NO_ROUTE: &str = "none";

/// Statuses are three digits (RFC 9110, 15).
const STATUSES: std::ops::Range<u16> = 100..1_000;

/// A cached page takes 100 µs, a snapshot milliseconds, a long poll half a minute: eleven buckets up to 105 s.
const BUCKETS: (f64, f64, u16) = (100e-6, 4.0, 11);

type Answers = Family<[(&'static str, String); 2], Counter>;
type Seconds = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;

/// All routes that were asked. As many as the table of routes has.
#[derive(Debug)]
pub struct Routes {
    answers: Answers,
    seconds: Seconds,
    /// Found by reading; written once per route.
    known: RwLock<HashMap<String, Route>>,
}

#[derive(Debug)]
struct Route {
    answers: Box<[OnceLock<Counter>]>,
    seconds: Histogram,
}

impl Routes {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let answers = Answers::default();
        let seconds =
            Seconds::new_with_constructor(|| Histogram::new(exponential_buckets(BUCKETS.0, BUCKETS.1, BUCKETS.2)));
        register(registry, metric::HTTP_REQUESTS_TOTAL, answers.clone());
        register(registry, metric::HTTP_REQUEST_SECONDS, seconds.clone());
        Self { answers, seconds, known: RwLock::default() }
    }

    pub(super) fn answered(&self, route: Option<&str>, status: u16, elapsed: Duration) {
        let name = route.unwrap_or(NO_ROUTE);
        {
            let known = self.known.read();
            if let Some(route) = known.get(name) {
                return self.count(name, route, status, elapsed);
            }
        }
        let mut known = self.known.write();
        let route = known.entry(name.to_owned()).or_insert_with(|| Route {
            answers: STATUSES.map(|_| OnceLock::new()).collect(),
            seconds: self.seconds.get_or_create_owned(&[("route", name.to_owned())]),
        });
        self.count(name, route, status, elapsed);
    }

    fn count(&self, name: &str, route: &Route, status: u16, elapsed: Duration) {
        route.seconds.observe(elapsed.as_secs_f64());
        let labels = || [("route", name.to_owned()), ("status", status.to_string())];
        let place = status.checked_sub(STATUSES.start).and_then(|place| route.answers.get(usize::from(place)));
        if let Some(place) = place {
            place.get_or_init(|| self.answers.get_or_create_owned(&labels())).inc();
        }
    }
}
