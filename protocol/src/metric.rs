//! The catalogue of metrics, generated from `catalogue/metrics.toml`. Only names and meanings: whoever measures registers them.

include!(concat!(env!("OUT_DIR"), "/metrics.rs"));

/// A row of the catalogue of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As `/metrics` shows it, with its prefix and, of counters, with `_total`.
    pub name: &'static str,
    /// How its values behave.
    pub kind: MetricKind,
    /// What is counted; empty where there is no unit.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, lowercase and without a final dot.
    pub help: &'static str,
}

/// How the values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

impl MetricKind {
    /// The word that Prometheus uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_metric_is_named_once_and_by_the_rules_of_prometheus() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            let rest = metric.name.strip_prefix("fanfare_").expect("every name has the prefix");
            assert!(rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{rest}");
            assert_eq!(rest.ends_with("_total"), metric.kind == MetricKind::Counter, "{rest}");
            assert_eq!(rest.ends_with("_seconds"), metric.kind == MetricKind::Histogram, "{rest}");
            assert!(!metric.help.ends_with('.') && !metric.help.is_empty(), "{rest}");
        }
    }

    /// Names of topics, keys and users have no bound, so a label of them would let any client grow the node's memory.
    #[test]
    fn no_label_grows_with_the_users() {
        let bounded =
            ["version", "transport", "code", "type", "outcome", "namespace", "reason", "route", "status", "what"];
        for metric in ALL {
            assert!(metric.labels.iter().all(|label| bounded.contains(label)), "{}", metric.name);
        }
    }
}
