//! Pages: snapshots of one version, history in both directions, lists.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{get, publish, publish_numbers, send};
use crate::harness::Node;

fn data(page: &Value) -> Vec<u64> {
    page["items"].as_array().expect("items").iter().map(|item| item["data"].as_u64().expect("a number")).collect()
}

fn next(page: &Value) -> Option<&str> {
    page.get("continue").map(|token| token.as_str().expect("a text"))
}

/// H1 and G9 of the design: all pages stand at the version of the first.
#[tokio::test]
async fn a_stream_is_paged_backwards_from_its_last_publications() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..25).await;
    let mut page = get(&node, "/v1/topics/chat:a?limit=10").await.json();
    let version = page["resourceVersion"].clone();
    let mut pages = vec![data(&page)];
    while let Some(token) = next(&page) {
        publish(&node, "chat:a", json!({ "data": 1_000 })).await;
        page = get(&node, &format!("/v1/topics/chat:a?limit=10&continue={token}")).await.json();
        assert_eq!(page["resourceVersion"], version);
        pages.push(data(&page));
    }
    assert_eq!(pages, [(15..25).collect::<Vec<_>>(), (5..15).collect(), (0..5).collect()]);
}

#[tokio::test]
async fn a_stream_without_limit_shows_its_last_hundred() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..150).await;
    let page = get(&node, "/v1/topics/chat:a").await.json();
    assert_eq!(data(&page), (50..150).collect::<Vec<_>>());
    assert!(next(&page).is_some());
}

#[tokio::test]
async fn a_page_of_a_stream_that_is_no_longer_retained_is_gone() {
    let node = Node::with(&[], "[[namespace]]\nname = \"chat\"\nhistory_count = 20\n");
    publish_numbers(&node, "chat:a", 0..20).await;
    let page = get(&node, "/v1/topics/chat:a?limit=5").await.json();
    let token = next(&page).unwrap();
    publish_numbers(&node, "chat:a", 20..60).await;
    let gone = get(&node, &format!("/v1/topics/chat:a?limit=5&continue={token}")).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (410, "GONE"));
}

const FLEET: &str = "[[namespace]]\nname = \"fleet\"\nkind = \"state\"\nhistory_count = 50\n";

async fn put(node: &Node, key: usize, value: usize) -> String {
    publish(node, "fleet:a", json!({ "key": format!("k{key}"), "data": value })).await
}

/// G9 of the design: what changes while someone reads pages does not show in them.
#[tokio::test]
async fn the_pages_of_a_fold_fit_together_while_it_changes() {
    let node = Node::with(&[], FLEET);
    for key in 0..30 {
        put(&node, key, key).await;
    }
    let mut page = get(&node, "/v1/topics/fleet:a?limit=10").await.json();
    let version = page["resourceVersion"].clone();
    let mut seen = data(&page);
    // One that was read, one that was not, a new one, and a deletion.
    put(&node, 3, 1_000).await;
    put(&node, 20, 1_000).await;
    put(&node, 99, 1_000).await;
    send(&node, Method::DELETE, "/v1/topics/fleet:a?key=k25", &[], "").await;
    while let Some(token) = next(&page) {
        page = get(&node, &format!("/v1/topics/fleet:a?limit=10&continue={token}")).await.json();
        assert_eq!(page["resourceVersion"], version);
        seen.extend(data(&page));
    }
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_of_a_fold_that_cannot_be_told_any_more_is_gone() {
    let node = Node::with(&[], FLEET);
    for key in 0..30 {
        put(&node, key, key).await;
    }
    let page = get(&node, "/v1/topics/fleet:a?limit=10").await.json();
    let path = format!("/v1/topics/fleet:a?limit=10&continue={}", next(&page).unwrap());
    // Unchanged, it needs no history.
    assert_eq!(data(&get(&node, &path).await.json()), (10..20).collect::<Vec<_>>());
    for value in 0..60 {
        put(&node, 0, value).await;
    }
    let gone = get(&node, &path).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (410, "GONE"));
    // Whole, it can always be read.
    assert_eq!(get(&node, "/v1/topics/fleet:a").await.json()["items"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn a_token_of_another_life_of_the_topic_is_refused() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..5).await;
    publish_numbers(&node, "chat:b", 0..5).await;
    let page = get(&node, "/v1/topics/chat:a?limit=2").await.json();
    let other = get(&node, &format!("/v1/topics/chat:b?limit=2&continue={}", next(&page).unwrap())).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (409, "EPOCH_CHANGED"));
}

/// A fold that is larger than one piece of a body arrives whole.
#[tokio::test]
async fn a_large_fold_is_streamed_whole() {
    let node = Node::with(&[], FLEET);
    let text = "x".repeat(1_000);
    for batch in 0..10 {
        let publications: Vec<_> = (0..100).map(|n| json!({ "key": format!("{batch}-{n}"), "data": text })).collect();
        let body = json!({ "publications": publications }).to_string();
        let answer = send(&node, Method::POST, "/v1/topics/fleet:a", &[], &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let snapshot = get(&node, "/v1/topics/fleet:a").await;
    assert!(snapshot.text.len() > 1_000_000);
    assert_eq!(snapshot.json()["items"].as_array().unwrap().len(), 1_000);
}

/// H6.
#[tokio::test]
async fn history_goes_both_ways() {
    let node = Node::start();
    let head = publish_numbers(&node, "chat:a", 0..25).await;
    let mut seen = Vec::new();
    let mut path = "/v1/topics/chat:a/history?limit=10".to_owned();
    loop {
        let page = get(&node, &path).await.json();
        assert_eq!((&page["topic"], &page["resourceVersion"]), (&json!("chat:a"), &json!(head)));
        assert_eq!(page["items"][0]["type"], "put");
        seen.extend(data(&page));
        let Some(after) = next(&page) else { break };
        path = format!("/v1/topics/chat:a/history?limit=10&after={after}");
    }
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
    let page = get(&node, "/v1/topics/chat:a/history?limit=10&reverse=true").await.json();
    assert_eq!(data(&page), (15..25).rev().collect::<Vec<_>>());
    let page =
        get(&node, &format!("/v1/topics/chat:a/history?limit=10&reverse=true&continue={}", next(&page).unwrap()))
            .await
            .json();
    assert_eq!(data(&page), (5..15).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn topics_are_listed_in_pages_by_prefix() {
    let node = Node::start();
    for name in ["chat:c", "chat:a", "other", "chat:b", "chat:{x}.1"] {
        publish(&node, name, json!({ "data": 0 })).await;
    }
    let mut names = Vec::new();
    let mut path = "/v1/topics?prefix=chat%3A&limit=2".to_owned();
    loop {
        let page = get(&node, &path).await.json();
        names.extend(page["items"].as_array().unwrap().iter().map(|item| item["topic"].as_str().unwrap().to_owned()));
        let Some(token) = next(&page) else { break };
        path = format!("/v1/topics?prefix=chat%3A&limit=2&continue={token}");
    }
    assert_eq!(names, ["chat:a", "chat:b", "chat:c", "chat:{x}.1"]);
    let all = get(&node, "/v1/topics").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    assert_eq!((&all["items"][4]["kind"], all.get("continue")), (&json!("stream"), None));
}
