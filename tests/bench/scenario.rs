//! Every scenario, small, against a node.

use serde_json::{Value, json};

use crate::command::{bench, figure};
use crate::harness::Node;

/// Runs a scenario in which nothing goes wrong.
#[track_caller]
fn run(node: &Node, arguments: &[&str]) -> Value {
    let url = node.url("");
    let report =
        bench(&[arguments, &["--url", &url, "--seconds", "0.5", "--warm-up", "0.1", "--json"]].concat()).done();
    assert_eq!(report["scenario"], arguments[0]);
    let deliveries = &report["deliveries"];
    let faults = [&deliveries["lost"], &deliveries["doubled"], &deliveries["reordered"]];
    assert_eq!(json!(faults), json!([0, 0, 0]), "{report:#}");
    assert_eq!(deliveries["received"], deliveries["expected"]);
    report
}

#[test]
fn publications_that_flow_are_all_counted_whoever_publishes() {
    let node = Node::start();
    for arguments in [
        &["fanout", "--subscribers", "20"][..],
        &["fanout", "--subscribers", "20", "--publishers", "3", "--in-flight", "1"],
        &["topics", "--topics", "7", "--subscribers", "3", "--publishers", "2"],
        &["topics", "--topics", "7", "--subscribers", "3", "--rate", "200"],
        &["fanout", "--subscribers", "20", "--threads", "3"],
        &["topics", "--topics", "7", "--subscribers", "3", "--publishers", "2", "--threads", "2"],
    ] {
        let report = run(&node, arguments);
        let audience = if arguments[0] == "topics" { 3 } else { 20 };
        let expected = report["publications"].as_u64().expect("a count") * audience;
        assert_eq!(report["deliveries"]["expected"], json!(expected));
        assert!(expected > 0 && figure(&report, "CPU of the server per delivery") > 0.0, "{report:#}");
        assert!(figure(&report, "writes per delivery") > 0.0);
    }
}

#[test]
fn a_page_is_written_beside_what_is_printed() {
    let node = Node::start();
    let file = std::env::temp_dir().join(format!("fanfare-bench-{}.html", std::process::id()));
    let path = file.to_str().expect("a path of this test");
    let report = run(&node, &["fanout", "--subscribers", "2", "--html", path]);
    let page = std::fs::read_to_string(&file).expect("the page");
    std::fs::remove_file(&file).expect("it is ours");
    assert!(page.starts_with("<!doctype html>") && page.contains("CPU of the server per delivery"), "{page}");
    assert!(report["seconds"].as_f64().expect("a time") > 0.0);
}

#[test]
fn latencies_are_those_of_every_delivery() {
    let node = Node::start();
    for threads in ["1", "2"] {
        let report = run(&node, &["latency", "--subscribers", "10", "--rate", "100", "--threads", threads]);
        let latency = &report["latencyUs"];
        assert_eq!(latency["count"], report["deliveries"]["received"]);
        let of = |name: &str| latency[name].as_u64().expect("a latency");
        assert!(
            0 < of("min") && of("min") <= of("p50") && of("p50") <= of("p99") && of("p99") <= of("max"),
            "{report:#}"
        );
        // Open loop: what is published is what was asked for, however late it arrives.
        assert_eq!(report["publications"], json!(50));
    }
}

#[test]
fn idle_connections_are_weighed() {
    let node = Node::start();
    let report = run(&node, &["idle", "--subscribers", "300", "--topics", "300"]);
    assert!(figure(&report, "memory of the server per connection") > 0.0, "{report:#}");
    assert!(figure(&report, "CPU of the server to connect and subscribe") > 0.0);
    assert_eq!(report["series"][0]["name"], "memory of the server");
}

#[test]
fn those_who_stay_miss_nothing_while_others_come_and_go() {
    let node = Node::start();
    let report = run(&node, &["churn", "--subscribers", "20", "--churn", "100", "--rate", "50"]);
    assert!(report["deliveries"]["expected"].as_u64() >= Some(20 * 20), "{report:#}");
    assert!(figure(&report, "connections that came per second") > 0.0);
    assert_eq!(figure(&report, "connections that failed"), 0.0);
}

#[test]
fn idle_connections_give_the_signs_of_life_that_they_are_asked_for() {
    let node = Node::with(&[], "[delivery]\nheartbeat_interval_ms = 1000\npong_timeout_ms = 1000\n");
    let url = node.url("");
    // A connection without a pong would be closed after two seconds, and that ends the run.
    bench(&["idle", "--url", &url, "--subscribers", "20", "--seconds", "3", "--json"]).done();
}

#[test]
fn whoever_is_turned_away_is_counted_and_the_first_reason_told() {
    let node = Node::with(&[], "[limits]\nconnections_max = 30\n");
    let report = run(&node, &["churn", "--subscribers", "20", "--churn", "200", "--rate", "50"]);
    assert!(figure(&report, "connections that failed") > 0.0, "{report:#}");
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("the first who failed was told") && warnings.contains("503"), "{warnings}");
}

#[test]
fn every_publication_is_answered() {
    let node = Node::start();
    for topics in ["1", "4"] {
        let report = run(&node, &["publish", "--publishers", "4", "--in-flight", "8", "--topics", topics]);
        assert_eq!(report["publications"], report["deliveries"]["expected"]);
        assert_eq!(report["latencyUs"]["count"], report["publications"]);
        assert!(figure(&report, "CPU of the server per publication") > 0.0);
    }
}

#[test]
fn whoever_comes_back_gets_what_it_missed_and_nothing_else() {
    let node = Node::start();
    let report = run(&node, &["resume", "--subscribers", "30", "--missed", "50"]);
    assert_eq!(report["deliveries"]["expected"], json!(30 * 50));
    assert!(figure(&report, "CPU of the server per delivery, resumed") > 0.0, "{report:#}");
    assert!(figure(&report, "CPU of the server per delivery, live") > 0.0);
}
