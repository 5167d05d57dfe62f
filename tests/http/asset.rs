//! Pages and probes.

use reqwest::{Method, StatusCode};

use crate::client::{get, send};
use crate::harness::Node;

#[tokio::test]
async fn the_root_leads_to_the_demos() {
    let node = Node::start();
    // The client follows the redirect.
    let page = get(&node, "/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self' ws: wss:", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(get(&node, "/demo").await.text, page.text);
    assert_eq!(get(&node, "/demo/none").await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let node = Node::start();
    let tag = get(&node, "/demo/").await.header("etag").to_owned();
    let again = send(&node, Method::GET, "/demo/", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status, again.text.as_str(), again.header("etag")), (StatusCode::NOT_MODIFIED, "", tag.as_str()));
    let other = send(&node, Method::GET, "/demo/", &[("if-none-match", "\"other\"")], "").await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn probes_and_metrics_answer() {
    let node = Node::start();
    assert_eq!(get(&node, "/healthz").await.text, "ok\n");
    assert_eq!(get(&node, "/readyz").await.text, "ready\n");
    get(&node, "/v1/topics/a%20b").await;
    let metrics = get(&node, "/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"), "{metrics:?}");
    assert!(metrics.text.contains("fanfare_errors_total{code=\"BAD_TOPIC\"} 1\n"), "{}", metrics.text);
    assert!(
        metrics.text.contains("fanfare_http_requests_total{route=\"/v1/topics/{topic}\",status=\"400\"} 1\n"),
        "{}",
        metrics.text
    );
    assert!(metrics.text.ends_with("# EOF\n"));
}
