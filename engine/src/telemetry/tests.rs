use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::{Code, Event, ResourceVersion, TopicName};

use super::*;

/// The value of a line of the page, found by its beginning.
fn value(telemetry: &Telemetry, line: &str) -> Option<f64> {
    let page = telemetry.render();
    let found = page.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap())
}

/// A node that has met each thing whose labels are not known beforehand.
fn busy() -> Telemetry {
    let telemetry = Telemetry::new();
    telemetry.connections_closed.of(CodeLabel::of_number(1_000)).inc();
    telemetry.connections_refused.of(Code::GoingAway.into()).inc();
    telemetry.error(&Error::of(Code::Gone));
    telemetry.request(MessageType::Connect);
    telemetry.http(Some("/healthz"), 200, Duration::from_millis(1));
    telemetry
}

#[test]
fn every_metric_of_the_catalogue_is_on_the_page_and_no_other() {
    let page = busy().render();
    let shown: BTreeMap<String, String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| {
            let suffix = if kind == "counter" { "_total" } else { "" };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect();
    let known: BTreeMap<String, String> =
        metric::ALL.iter().map(|metric| (metric.name.to_owned(), metric.kind.as_str().to_owned())).collect();
    assert_eq!(shown, known);
}

#[test]
fn labels_are_those_of_the_catalogue() {
    let page = busy().render();
    for metric in metric::ALL {
        for line in page.lines().filter(|line| line.split(['{', ' ']).next() == Some(metric.name)) {
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
            let shown: Vec<&str> = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
            assert_eq!(shown, metric.labels, "{line}");
        }
    }
}

/// Rates over a counter that appears with its first step miss that step.
#[test]
fn labels_with_few_values_are_on_the_page_from_the_start() {
    let telemetry = Telemetry::new();
    for line in [
        "fanfare_deliveries_total{transport=\"websocket\"}",
        "fanfare_catch_up_total{outcome=\"gone\"}",
        "fanfare_hub_writes_total{outcome=\"blocked\"}",
        "fanfare_publications_total{namespace=\"default\"}",
    ] {
        assert_eq!(value(&telemetry, line), Some(0.0), "{line}");
    }
}

#[test]
fn errors_are_counted_by_the_name_of_their_code() {
    let telemetry = Telemetry::new();
    telemetry.error(&Error::of(Code::Gone));
    telemetry.error(&Error::of(Code::Gone));
    telemetry.error(&Error { code: 4_000, ..Error::default() });
    assert_eq!(value(&telemetry, "fanfare_errors_total{code=\"GONE\"}"), Some(2.0));
    assert_eq!(value(&telemetry, "fanfare_errors_total{code=\"OTHER\"}"), Some(1.0));
}

#[test]
fn every_code_and_message_type_has_a_place_of_its_own() {
    let telemetry = Telemetry::new();
    for code in Code::ALL {
        telemetry.error(&Error::of(*code));
    }
    let kinds: Vec<MessageType> = (1..1_000).filter_map(|number| MessageType::try_from(number).ok()).collect();
    for kind in &kinds {
        telemetry.request(*kind);
    }
    for code in Code::ALL {
        assert_eq!(value(&telemetry, &format!("fanfare_errors_total{{code=\"{}\"}}", code.name())), Some(1.0));
    }
    for kind in kinds {
        assert_eq!(value(&telemetry, &format!("fanfare_requests_total{{type=\"{}\"}}", kind.text())), Some(1.0));
    }
}

#[test]
fn requests_are_counted_by_route_and_status_and_measured_by_route() {
    let telemetry = Telemetry::new();
    telemetry.http(Some("/v1/topics/{topic}"), 200, Duration::from_millis(2));
    telemetry.http(Some("/v1/topics/{topic}"), 200, Duration::from_millis(2));
    telemetry.http(Some("/v1/topics/{topic}"), 404, Duration::from_millis(2));
    telemetry.http(None, 404, Duration::ZERO);
    telemetry.http(None, 9, Duration::ZERO);
    let answers = |route: &str, status: u16| {
        value(&telemetry, &format!("fanfare_http_requests_total{{route=\"{route}\",status=\"{status}\"}}"))
    };
    assert_eq!(answers("/v1/topics/{topic}", 200), Some(2.0));
    assert_eq!(answers("/v1/topics/{topic}", 404), Some(1.0));
    assert_eq!(answers("none", 404), Some(1.0));
    let measured = value(&telemetry, "fanfare_http_request_seconds_count{route=\"/v1/topics/{topic}\"}");
    assert_eq!(measured, Some(3.0));
}

fn publications(telemetry: &Telemetry, name: &str) -> Option<f64> {
    value(telemetry, &format!("fanfare_publications_total{{namespace=\"{name}\"}}"))
}

/// A client chooses the names of topics, and so may not make labels.
#[test]
fn namespaces_that_are_not_declared_count_as_default() {
    let telemetry = Telemetry::new();
    telemetry.follow(["chat"].into_iter());
    for name in ["chat:a", "x:1", "y:1", "plain"] {
        telemetry.committed(&[committed(name)]);
    }
    assert_eq!(["chat", "default", "x"].map(|name| publications(&telemetry, name)), [Some(2.0), Some(6.0), None]);
    let bytes = value(&telemetry, "fanfare_publications_bytes_total{namespace=\"chat\"}");
    assert_eq!(bytes, Some(8.0));
}

#[test]
fn a_namespace_has_figures_from_the_moment_it_is_declared_to_its_end() {
    let telemetry = Telemetry::new();
    telemetry.committed(&[committed("chat:a")]);
    telemetry.follow(["chat", "fleet"].into_iter());
    assert_eq!(["chat", "default"].map(|name| publications(&telemetry, name)), [Some(0.0), Some(2.0)]);
    telemetry.committed(&[committed("chat:a")]);
    telemetry.follow(["chat", "news"].into_iter());
    assert_eq!(["chat", "fleet", "news"].map(|name| publications(&telemetry, name)), [Some(2.0), None, Some(0.0)]);
    telemetry.follow(std::iter::empty());
    telemetry.committed(&[committed("chat:a")]);
    assert_eq!(["chat", "default"].map(|name| publications(&telemetry, name)), [None, Some(4.0)]);
}

#[test]
fn topics_are_those_that_there_are_and_not_those_that_were_seen_to_come() {
    let telemetry = Telemetry::new();
    telemetry.follow(["chat", "fleet"].into_iter());
    telemetry.committed(&[committed("chat:a")]);
    let topics = |name: &str| value(&telemetry, &format!("fanfare_topics{{namespace=\"{name}\"}}"));
    telemetry.topics([("chat", 5), ("default", 2), ("ended", 1)].into_iter());
    assert_eq!(["chat", "fleet", "default", "ended"].map(topics), [Some(5.0), Some(0.0), Some(3.0), None]);
    telemetry.topics(std::iter::empty());
    assert_eq!(["chat", "default"].map(topics), [Some(0.0), Some(0.0)]);
}

/// As many as can be declared, and no more whoever asks.
#[test]
fn labels_of_namespaces_are_bounded() {
    let telemetry = Telemetry::new();
    let names: Vec<String> = (0..2_000).map(|number| format!("n{number}")).collect();
    telemetry.follow(names.iter().map(String::as_str));
    telemetry.follow(names.iter().rev().map(String::as_str));
    let page = telemetry.render();
    assert_eq!(page.lines().filter(|line| line.starts_with("fanfare_topics{")).count(), 1_001);
}

/// A topic that is created with two publications of four bytes.
fn committed(name: &str) -> Committed {
    let event = Arc::new(Event { data: Some(Bytes::from_static(b"data")), ..Event::default() });
    Committed {
        index: 1,
        topic: TopicName::parse(name).unwrap(),
        created: true,
        after: ResourceVersion::new(7, 0),
        through: ResourceVersion::new(7, 2),
        events: vec![Arc::clone(&event), event],
        replaced: Vec::new(),
        deleted: false,
    }
}
