//! Lengths that are announced and meant to be believed: the node's memory grows by a frame at most, whatever follows.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::harness::socket::{BINARY, CLOSE, TEXT};
use crate::harness::{Http, Node, PATIENCE, Socket, Tcp};

const GIB: u64 = 1024 * 1024 * 1024;

/// What follows the announcement.
const SENT_BYTES: usize = 100 * 1024 * 1024;

/// `limits.frame_bytes_max`.
const FRAME_BYTES_MAX: u64 = 1024 * 1024;

/// What is collected before it is too large costs more than a frame: a buffer grows by doubling, and for a moment the
/// old one stands beside the new one, and beside what was read ahead.
const COLLECTED_BYTES_MAX: u64 = 3 * FRAME_BYTES_MAX;

/// A node that stores nothing while a test lasts: what that takes is not the attacker's.
fn quiet_node() -> Node {
    Node::with(&[], "[storage]\nwindow_ms = 60000\n[server]\ntcp_listen = \"127.0.0.1:0\"\n")
}

/// Runs `attack` and tells by how many bytes the node grew at its peak.
async fn growth_bytes(node: &Node, attack: impl Future<Output = ()>) -> u64 {
    // Let the node load what any connection needs.
    warm_up(node).await;
    node.reset_resident_peak();
    let before = node.resident_bytes();
    attack.await;
    node.resident_peak_bytes().saturating_sub(before)
}

async fn warm_up(node: &Node) {
    let mut socket = Socket::json(node.address()).await;
    let large = "x".repeat(100_000);
    for id in 1..=20 {
        let answer = socket.ask("PUBLISH", id, json!({ "topic": "chat:warm", "data": large })).await;
        assert_eq!(answer["type"], "PUBLISHED", "{answer}");
        Http::once(node.address(), "POST", "/v1/topics/chat:warm", &[], r#"{"data":1}"#).await;
    }
}

/// Sends as much as the peer takes, up to [`SENT_BYTES`], and tells how much that was.
async fn flood(to: &mut (impl AsyncWriteExt + Unpin), piece: &[u8]) -> usize {
    let mut sent = 0;
    while sent < SENT_BYTES && to.write_all(piece).await.is_ok() {
        sent += piece.len();
    }
    sent
}

/// L2, S10.
#[tokio::test]
async fn a_frame_of_a_gibibyte_costs_no_more_than_a_frame() {
    let node = quiet_node();
    for first in [TEXT, BINARY] {
        let growth = growth_bytes(&node, async {
            let Socket { stream, .. } = &mut Socket::json(node.address()).await;
            let header = [&[first, 0x80 | 127][..], &GIB.to_be_bytes(), &[1, 2, 3, 4]].concat();
            stream.write_all(&header).await.expect("the node reads");
            let (mut from, mut to) = stream.split();
            let (sent, said) = tokio::join!(flood(&mut to, &[b'x'; 64 * 1024]), last_words(&mut from));
            println!("{sent} bytes were sent");
            let (error, close_code) = said;
            assert!(error.contains(r#""code":3505,"name":"FRAME_TOO_LARGE""#), "{error}");
            assert_eq!(close_code, 1009);
        })
        .await;
        println!("{growth} bytes more");
        assert!(growth <= FRAME_BYTES_MAX, "{growth} bytes more");
    }
}

/// E14, L2.
#[tokio::test]
async fn a_frame_of_raw_tcp_of_a_gibibyte_costs_no_more_than_a_frame() {
    let node = quiet_node();
    let growth = growth_bytes(&node, async {
        let Tcp { stream, .. } = &mut Tcp::connect(node.tcp_address()).await;
        stream.write_all(&[0x40, 0, 0, 0, 1, 2, 3, 4]).await.expect("the node reads");
        let (mut from, mut to) = stream.split();
        let (sent, said) = tokio::join!(flood(&mut to, &[b'x'; 64 * 1024]), to_the_end(&mut from));
        println!("{sent} bytes were sent");
        assert!(said.windows(15).any(|word| word == b"FRAME_TOO_LARGE"), "{}", String::from_utf8_lossy(&said));
    })
    .await;
    println!("{growth} bytes more");
    assert!(growth <= FRAME_BYTES_MAX, "{growth} bytes more");
}

/// L1, L3: fragments that never end are one message that is too large.
#[tokio::test]
async fn fragments_without_end_cost_no_more_than_a_frame() {
    let node = quiet_node();
    let growth = growth_bytes(&node, async {
        let mut socket = Socket::json(node.address()).await;
        let fragment = [&[0x00, 0x80 | 126, 0xF0, 0x00, 0, 0, 0, 0][..], &[b'x'; 0xF000]].concat();
        socket.send_bytes(&[0x01, 0x80, 0, 0, 0, 0]).await;
        let (mut from, mut to) = socket.stream.split();
        let (_, (error, close_code)) = tokio::join!(flood(&mut to, &fragment), last_words(&mut from));
        assert!(error.contains("FRAME_TOO_LARGE"), "{error}");
        assert_eq!(close_code, 1009);
    })
    .await;
    println!("{growth} bytes more");
    assert!(growth <= COLLECTED_BYTES_MAX, "{growth} bytes more");
}

/// L1, L2: what is announced is refused at once, and what is not as soon as it has passed the limit.
#[tokio::test]
async fn a_body_of_a_gibibyte_costs_no_more_than_a_frame() {
    let node = quiet_node();
    let head =
        |header: String| format!("POST /v1/topics/chat:a HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n").into_bytes();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    for (head, piece, growth_max) in [
        (head(format!("Content-Length: {GIB}")), vec![b' '; 64 * 1024], FRAME_BYTES_MAX),
        (head("Transfer-Encoding: chunked".to_owned()), chunk, COLLECTED_BYTES_MAX),
    ] {
        let growth = growth_bytes(&node, async {
            let mut http = Http::connect(node.address()).await;
            http.send_bytes(&head).await.expect("the node reads");
            let (mut from, mut to) = http.stream.split();
            let (sent, answer) = tokio::join!(flood(&mut to, &piece), to_the_end(&mut from));
            let answer = String::from_utf8_lossy(&answer);
            println!("{sent} bytes were sent");
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains(r#""name":"FRAME_TOO_LARGE""#), "{answer}");
        })
        .await;
        println!("{growth} bytes more");
        assert!(growth <= growth_max, "{growth} bytes more");
    }
}

/// Everything that the node says until it ends the connection.
async fn to_the_end(from: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    let reading = async { while from.read_buf(&mut said).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, reading).await.expect("the node ends the connection in time");
    said
}

/// What is said in-band before Close, and the code of Close.
async fn last_words(from: &mut (impl AsyncReadExt + Unpin)) -> (String, u16) {
    let said = to_the_end(from).await;
    let close = said.iter().rposition(|byte| *byte == CLOSE).expect("a Close was sent");
    let code = said.get(close + 2..close + 4).expect("Close has a code");
    (String::from_utf8_lossy(&said[..close]).into_owned(), u16::from_be_bytes([code[0], code[1]]))
}
