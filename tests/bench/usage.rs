//! Wrong usage, and what cannot be done, are told in a sentence that says what to do.

use crate::broadcaster::{Fault, start};
use crate::command::bench;

#[test]
fn wrong_usage_is_refused_before_anything_is_opened() {
    for (arguments, sentence) in [
        (&["fanout", "--in-flight", "1000"][..], "take --publishers 4"),
        (&["fanout", "--subscribers", "0"], "0 is not in 1.."),
        (&["fanout", "--payload-bytes", "10"], "10 is not in 42.."),
        (&["fanout", "--seconds", "0"], "write a number from 0.1"),
        (&["latency", "--rate", "fast"], "write a number from 0.001"),
        (&["fanout", "--rate", "1", "--in-flight", "1"], "cannot be used with"),
        (&["topics", "--topics", "100000", "--subscribers", "100000"], "ask for fewer"),
        (&["fanout", "--subscribers", "1000000", "--publishers", "100"], "ask for fewer of either"),
        (&["fanout", "--subscribers", "2", "--threads", "3"], "take at most 2"),
        (&["idle", "--subscribers", "2", "--topics", "3"], "ask for fewer"),
        (&["fanout", "--namespace", "a:b"], "write a namespace"),
        (&["fanout", "--url", "https://127.0.0.1"], "this version speaks http only"),
    ] {
        let said = bench(arguments);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.error.contains(sentence), "{sentence}: {said:?}");
    }
}

#[test]
fn a_place_at_which_nothing_listens_is_told() {
    let said = bench(&["fanout", "--url", "http://127.0.0.1:1", "--subscribers", "2"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.contains("start a node with `fanfare serve`") && said.error.lines().count() == 1, "{said:?}");
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_anything_runs() {
    let said = bench(&["fanout", "--url", "http://127.0.0.1:1", "--html", "/no/such/folder/report.html"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.contains("/no/such/folder/report.html cannot be written"), "{said:?}");
}

#[test]
fn more_connections_than_descriptors_are_refused_with_what_they_need() {
    let said = bench(&["idle", "--subscribers", "1000000"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.contains("raise the hard limit (`ulimit -Hn 1000"), "{said:?}");
}

#[test]
fn an_address_of_another_machine_is_no_source() {
    let url = format!("http://{}", start(Fault::None));
    let said = bench(&["idle", "--url", &url, "--target", "plain", "--sources", "192.0.2.1", "--subscribers", "2"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.contains("name addresses of this machine with --sources"), "{said:?}");
}

#[test]
fn what_a_target_cannot_do_is_not_measured_on_it() {
    let url = format!("http://{}", start(Fault::None));
    for (scenario, sentence) in
        [("publish", "does not answer publications"), ("resume", "cannot be gone on"), ("topics", "knows no topics")]
    {
        let said = bench(&[scenario, "--url", &url, "--target", "plain"]);
        assert_eq!(said.status, Some(1), "{said:?}");
        assert!(said.error.contains(sentence), "{said:?}");
    }
}
