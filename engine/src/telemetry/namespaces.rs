//! Figures of namespaces. Only declared ones have their own: a client can publish to a topic of any name, and each
//! new label would stay in memory for good.

use std::collections::HashMap;

use fanfare_protocol::metric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::register;
use crate::log::{Committed, Policies};

/// What is counted of one namespace.
#[derive(Clone, Debug, Default)]
pub struct NamespaceCounts {
    /// Topics that exist.
    pub topics: Gauge,
    /// Publications committed.
    pub publications: Counter,
    /// Bytes of their data.
    pub publications_bytes: Counter,
}

impl NamespaceCounts {
    /// An entry changed a topic of this namespace.
    pub(super) fn committed(&self, committed: &Committed) {
        let bytes = committed.events.iter().filter_map(|event| event.data.as_ref());
        self.publications.inc_by(committed.events.len() as u64);
        self.publications_bytes.inc_by(bytes.map(|data| data.len() as u64).sum());
        self.topics.inc_by(i64::from(committed.created) - i64::from(committed.deleted));
    }
}

/// All namespaces that are counted by name.
#[derive(Debug)]
pub struct Namespaces {
    declared: HashMap<String, NamespaceCounts>,
    rest: NamespaceCounts,
}

impl Namespaces {
    pub(super) fn new<'a>(registry: &mut Registry, declared: impl Iterator<Item = &'a str>) -> Self {
        let topics: Family<[(&'static str, String); 1], Gauge> = Family::default();
        let publications: Family<[(&'static str, String); 1], Counter> = Family::default();
        let bytes: Family<[(&'static str, String); 1], Counter> = Family::default();
        register(registry, metric::TOPICS, topics.clone());
        register(registry, metric::PUBLICATIONS_TOTAL, publications.clone());
        register(registry, metric::PUBLICATIONS_BYTES_TOTAL, bytes.clone());
        let counts = |name: &str| {
            let label = [("namespace", name.to_owned())];
            NamespaceCounts {
                topics: topics.get_or_create_owned(&label),
                publications: publications.get_or_create_owned(&label),
                publications_bytes: bytes.get_or_create_owned(&label),
            }
        };
        let rest = counts(Policies::DEFAULT);
        Self { declared: declared.map(|name| (name.to_owned(), counts(name))).collect(), rest }
    }

    pub(super) fn of(&self, name: &str) -> &NamespaceCounts {
        self.declared.get(name).unwrap_or(&self.rest)
    }
}
