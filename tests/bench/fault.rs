//! The counter has to be seen to catch a loss, a double and a reorder: on the wire, by a server that does so, and between the
//! socket and the counting, against a node.

use serde_json::json;

use crate::broadcaster::{Fault, start};
use crate::command::{Said, bench};
use crate::harness::Node;

fn against(fault: Fault) -> Said {
    let url = format!("http://{}", start(fault));
    let run = ["fanout", "--url", &url, "--target", "plain", "--subscribers", "5", "--rate", "400"];
    bench(&[&run[..], &["--seconds", "0.5", "--warm-up", "0", "--json"]].concat())
}

#[track_caller]
fn assert_caught(said: &Said, faults: [u64; 3]) {
    let deliveries = &said.report()["deliveries"];
    let found = [&deliveries["lost"], &deliveries["doubled"], &deliveries["reordered"]];
    assert_eq!(json!(found), json!(faults), "{said:?}");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.starts_with("error: of ") && said.error.lines().count() == 1, "{said:?}");
}

#[test]
fn a_server_without_a_fault_is_found_to_have_none() {
    let report = against(Fault::None).done();
    let deliveries = &report["deliveries"];
    assert_eq!(deliveries["received"], deliveries["expected"]);
    assert_eq!(deliveries["expected"], json!(report["publications"].as_u64().expect("a count") * 5));
}

#[test]
fn a_delivery_that_a_server_loses_is_missed() {
    assert_caught(&against(Fault::Lose), [1, 0, 0]);
}

#[test]
fn a_delivery_that_a_server_sends_twice_is_noticed() {
    assert_caught(&against(Fault::Double), [0, 1, 0]);
}

#[test]
fn deliveries_that_a_server_sends_in_the_wrong_order_are_noticed() {
    assert_caught(&against(Fault::Swap), [0, 0, 1]);
}

#[test]
fn a_fault_that_is_planted_behind_a_node_is_caught() {
    let node = Node::start();
    for (plant, faults) in [("lose", [1, 0, 0]), ("double", [0, 1, 0]), ("reorder", [0, 0, 1])] {
        let url = node.url("");
        let run = ["fanout", "--url", &url, "--subscribers", "5", "--plant", plant, "--json"];
        assert_caught(&bench(&[&run[..], &["--seconds", "0.3", "--warm-up", "0.1"]].concat()), faults);
    }
}
