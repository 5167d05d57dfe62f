//! WebSocket frames that break RFC 6455 or a limit: the reason in-band, then Close with its code, then the end. And
//! frames that look odd and are allowed.

use serde_json::json;

use super::{assert_error, node, run};
use crate::harness::Socket;
use crate::harness::socket::{BINARY, CLOSE, Frame, PING, PONG, TEXT, frame};

/// First bytes of frames that are not the last of their message.
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

/// The default of `limits.frame_bytes_max`.
const FRAME_BYTES_MAX: u64 = 1024 * 1024;

/// What is sent, the code that is said, the code of Close.
type Row = (&'static str, Vec<u8>, (u16, &'static str), u16);

/// The header of a frame whose payload does not follow.
fn announcing(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0x80 | 127][..], &length.to_be_bytes()].concat()
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

fn breaches() -> Vec<Row> {
    const VIOLATION: (u16, &str) = (3525, "PROTOCOL_VIOLATION");
    const TOO_LARGE: (u16, &str) = (3505, "FRAME_TOO_LARGE");
    const MALFORMED: (u16, &str) = (3500, "MALFORMED");
    let joined = |parts: &[Vec<u8>]| parts.concat();
    let flood = |count| [frame(TEXT_BEGINS, b""), frame(CONTINUES, b"").repeat(count)].concat();
    let half = vec![b'x'; 600_000];
    vec![
        ("text that is no UTF-8", frame(TEXT, b"\xC3\x28"), MALFORMED, 1007),
        ("half a character at the end of text", frame(TEXT, b"\"\xF0\x9F"), MALFORMED, 1007),
        ("a surrogate in UTF-8", frame(TEXT, b"\xED\xA0\x80"), MALFORMED, 1007),
        ("bad UTF-8 in the last fragment", joined(&[frame(TEXT_BEGINS, b"a"), frame(ENDS, b"\xFF")]), MALFORMED, 1007),
        ("a frame without a mask", vec![TEXT, 0x02, b'{', b'}'], VIOLATION, 1002),
        ("the first reserved bit", frame(TEXT | 0x40, b"{}"), VIOLATION, 1002),
        ("the last reserved bit", frame(TEXT | 0x10, b"{}"), VIOLATION, 1002),
        ("a reserved data opcode", frame(0x83, b"{}"), VIOLATION, 1002),
        ("a reserved control opcode", frame(0x8B, b""), VIOLATION, 1002),
        ("a ping in fragments", frame(0x09, b"?"), VIOLATION, 1002),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), VIOLATION, 1002),
        ("a pong of 70,000 bytes", frame(PONG, &[0; 70_000]), VIOLATION, 1002),
        ("a continuation of nothing", frame(ENDS, b"x"), VIOLATION, 1002),
        ("a message inside another", joined(&[frame(TEXT_BEGINS, b"a"), frame(TEXT, b"b")]), VIOLATION, 1002),
        ("1,025 fragments", flood(1_024), VIOLATION, 1008),
        ("a byte more than a frame may have", announcing(TEXT, FRAME_BYTES_MAX + 1), TOO_LARGE, 1009),
        ("a length of 2^62", announcing(BINARY, 1 << 62), TOO_LARGE, 1009),
        ("a length of 2^64 - 1", announcing(BINARY, u64::MAX), TOO_LARGE, 1009),
        (
            "fragments that are too large together",
            joined(&[frame(TEXT_BEGINS, &half), frame(CONTINUES, &half)]),
            TOO_LARGE,
            1009,
        ),
        ("half a close code", frame(CLOSE, &[3]), VIOLATION, 1002),
        ("a close code that is not for the wire", close(1005, b""), VIOLATION, 1002),
        ("a close code below all", close(999, b""), VIOLATION, 1002),
        ("a close code that nobody defined", close(2999, b""), VIOLATION, 1002),
        ("a close reason that is no UTF-8", close(1000, b"\xFF"), MALFORMED, 1007),
        ("a close reason of 124 bytes", close(1000, &[b'x'; 124]), VIOLATION, 1002),
    ]
}

/// S10, L1 to L3.
#[tokio::test]
async fn a_breach_of_the_rfc_is_said_in_band_and_closes_that_connection_alone() {
    let node = node();
    let mut bystander = Socket::json(node.address()).await;
    let rows = breaches().into_iter().map(|(what, bytes, (number, name), close_code)| {
        let address = node.address();
        let check = async move {
            let mut socket = Socket::json(address).await;
            socket.send_bytes(&bytes).await;
            let (last, code) = socket.end().await;
            let last = last.unwrap_or_else(|| panic!("{what}: no error before Close {code}"));
            assert_eq!(last["type"], "ERROR", "{what}");
            assert_eq!(last.get("id"), None, "{what}: {last}");
            assert_error(what, &last["payload"], number, name);
            assert_eq!(code, close_code, "{what}");
        };
        (what, check)
    });
    run(rows).await;
    assert_eq!(bystander.ask("PING", 1, json!({})).await["type"], "PONG");
}

/// X5: the reason of Close begins with the name of the code.
#[tokio::test]
async fn a_close_frame_names_the_code() {
    let node = node();
    let mut socket = Socket::json(node.address()).await;
    socket.send_bytes(&announcing(TEXT, 1 << 30)).await;
    let error = socket.hear().await;
    assert_eq!(error["payload"]["name"], "FRAME_TOO_LARGE");
    let close = socket.frame().await.expect("Close follows");
    assert_eq!(close.close_code(), Some(1009));
    assert!(close.payload[2..].starts_with(b"FRAME_TOO_LARGE"), "{close:?}");
    assert!(close.payload.len() <= 125);
}

/// RFC 6455, 5.4, 5.5.
#[tokio::test]
async fn odd_frames_that_are_allowed_are_taken() {
    let node = node();
    let mut socket = Socket::json(node.address()).await;
    let pong = |payload: &[u8]| Some(Frame { first: PONG, payload: payload.to_vec() });

    // A ping between fragments, which cut a character in two.
    let request = r#"{"type":"PUBLISH","id":1,"payload":{"topic":"chat:a","data":"ü"}}"#.as_bytes();
    let cut = request.iter().position(|byte| *byte == 0xC3).expect("ü has two bytes") + 1;
    let bytes = [
        frame(TEXT_BEGINS, &request[..cut]),
        frame(PING, b"between"),
        frame(CONTINUES, b""),
        frame(ENDS, &request[cut..]),
    ];
    socket.send_bytes(&bytes.concat()).await;
    assert_eq!(socket.frame().await, pong(b"between"));
    assert_eq!(socket.answer(1).await["type"], "PUBLISHED");

    socket.send_frame(PING, &[b'?'; 125]).await;
    assert_eq!(socket.frame().await, pong(&[b'?'; 125]));
    socket.send_frame(PING, b"").await;
    assert_eq!(socket.frame().await, pong(b""));

    // A pong that nobody asked for, and the most fragments that a message may have.
    socket.send_frame(PONG, b"unasked").await;
    let many =
        [frame(TEXT_BEGINS, br#"{"type":"PING","id":2}"#), frame(CONTINUES, b"").repeat(1_022), frame(ENDS, b"")];
    socket.send_bytes(&many.concat()).await;
    assert_eq!(socket.answer(2).await["type"], "PONG");

    // A message of exactly the limit.
    let padding = " ".repeat(FRAME_BYTES_MAX as usize - r#"{"type":"PING","id":3}"#.len());
    socket.send_frame(TEXT, format!(r#"{padding}{{"type":"PING","id":3}}"#).as_bytes()).await;
    assert_eq!(socket.answer(3).await["type"], "PONG");

    // A frame that comes byte by byte.
    for byte in frame(TEXT, br#"{"type":"PING","id":4}"#) {
        socket.send_bytes(&[byte]).await;
    }
    assert_eq!(socket.answer(4).await["type"], "PONG");
}

/// RFC 6455, 5.5.1.
#[tokio::test]
async fn a_close_is_answered_by_its_code_and_by_nothing_else() {
    let node = node();
    for (bytes, code) in
        [(close(1000, b"bye"), 1000), (close(1001, b""), 1001), (close(4321, b""), 4321), (frame(CLOSE, b""), 1000)]
    {
        let mut socket = Socket::json(node.address()).await;
        socket.send_bytes(&[&bytes[..], &frame(TEXT, br#"{"type":"PING","id":1}"#)].concat()).await;
        assert_eq!(socket.end().await, (None, code));
    }
}
