//! Figures of namespaces. Only declared ones have their own: a client can publish to a topic of any name, and each
//! new label would stay in memory for good.

use fanfare_cluster::meta::NAMESPACES_MAX;
use fanfare_protocol::metric;
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::register;
use crate::hash::HashMap;
use crate::log::{Committed, Policies};

/// Namespaces that have labels of their own: as many as can be declared, three series each. What is beyond them would
/// count as `default`.
const NAMESPACE_LABELS_MAX: usize = NAMESPACES_MAX;

type Labels = [(&'static str, String); 1];

/// What is counted of one namespace.
#[derive(Debug)]
struct Counts {
    /// Topics that exist.
    topics: Gauge,
    /// Publications committed.
    publications: Counter,
    /// Bytes of their data.
    publications_bytes: Counter,
}

impl Counts {
    fn committed(&self, committed: &Committed) {
        let bytes = committed.events.iter().filter_map(|event| event.data.as_ref());
        self.publications.inc_by(committed.events.len() as u64);
        self.publications_bytes.inc_by(bytes.map(|data| data.len() as u64).sum());
    }
}

/// What is on the page.
#[derive(Debug, Default)]
struct Page {
    topics: Family<Labels, Gauge>,
    publications: Family<Labels, Counter>,
    publications_bytes: Family<Labels, Counter>,
}

impl Page {
    /// The figures of a namespace, shown from now on.
    fn show(&self, name: &str) -> Counts {
        let label = label(name);
        Counts {
            topics: self.topics.get_or_create_owned(&label),
            publications: self.publications.get_or_create_owned(&label),
            publications_bytes: self.publications_bytes.get_or_create_owned(&label),
        }
    }

    fn hide(&self, name: &str) {
        let label = label(name);
        self.topics.remove(&label);
        self.publications.remove(&label);
        self.publications_bytes.remove(&label);
    }
}

fn label(name: &str) -> Labels {
    [("namespace", name.to_owned())]
}

/// All namespaces that are counted by name.
#[derive(Debug)]
pub(super) struct Namespaces {
    page: Page,
    declared: RwLock<HashMap<String, Counts>>,
    rest: Counts,
}

impl Namespaces {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let page = Page::default();
        register(registry, metric::TOPICS, page.topics.clone());
        register(registry, metric::PUBLICATIONS_TOTAL, page.publications.clone());
        register(registry, metric::PUBLICATIONS_BYTES_TOTAL, page.publications_bytes.clone());
        let rest = page.show(Policies::DEFAULT);
        Self { page, declared: RwLock::default(), rest }
    }

    /// These are declared now. Those that are no more lose their figures, and count as `default` if they go on.
    pub(super) fn follow<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut declared = self.declared.write();
        let mut before = std::mem::take(&mut *declared);
        for name in names.filter(|name| *name != Policies::DEFAULT).take(NAMESPACE_LABELS_MAX) {
            let counts = before.remove(name).unwrap_or_else(|| self.page.show(name));
            declared.insert(name.to_owned(), counts);
        }
        before.keys().for_each(|name| self.page.hide(name));
    }

    /// An entry changed a topic.
    pub(super) fn committed(&self, committed: &Committed) {
        let declared = self.declared.read();
        declared.get(committed.topic.namespace()).unwrap_or(&self.rest).committed(committed);
    }

    /// How many topics there are, by what counts them.
    pub(super) fn topics<'a>(&self, counts: impl Iterator<Item = (&'a str, u64)>) {
        let declared = self.declared.read();
        let (mut rest, mut named) = (0, HashMap::default());
        for (name, count) in counts {
            if declared.contains_key(name) {
                named.insert(name, count);
            } else {
                rest += count;
            }
        }
        let gauge = |counts: &Counts, count: u64| counts.topics.set(i64::try_from(count).unwrap_or(i64::MAX));
        gauge(&self.rest, rest);
        for (name, counts) in &*declared {
            gauge(counts, named.get(name.as_str()).copied().unwrap_or_default());
        }
    }
}
