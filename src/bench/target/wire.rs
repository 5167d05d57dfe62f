//! For the tests of targets: what is said and heard, as it is on the wire.

use anyhow::Result;

use super::{Door, Heard, Outgoing, Target};

/// At the root of a server.
pub(super) fn door() -> Door {
    Door { host: "h:1".to_owned(), path: "/".to_owned(), subprotocol: None, token: None }
}

/// A publication without a ticket.
pub(super) fn outgoing<'a>(topic: &'a str, data: &'a [u8]) -> Outgoing<'a> {
    Outgoing { topic, data, ticket: 0, producer: None }
}

/// Each message of a client's frames, with the first byte of its frame before it; what is no letter is escaped.
pub(super) fn said(say: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let mut frames = Vec::new();
    say(&mut frames);
    let (mut rest, mut messages) = (&frames[..], Vec::new());
    while let [first, length, frame @ ..] = rest {
        let (length, frame) = match length.checked_sub(0x80).expect("clients mask their frames") {
            126 => (usize::from(u16::from_be_bytes([frame[0], frame[1]])), &frame[2..]),
            length => (usize::from(length), frame),
        };
        let (mask, frame) = frame.split_at(4);
        let (masked, after) = frame.split_at(length);
        let message: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        messages.push(format!("{first:x} {}", message.escape_ascii()));
        rest = after;
    }
    assert!(rest.is_empty(), "a frame is cut off: {rest:?}");
    messages
}

/// What is heard of a server's message, in words.
pub(super) fn hear(target: &dyn Target, message: &[u8]) -> Result<Vec<String>> {
    let mut words = Vec::new();
    target.hear(message, &mut |heard| {
        words.push(match heard {
            Heard::Subscribed(_) => "subscribed".to_owned(),
            Heard::Delivery(data) => format!("delivery {}", data.escape_ascii()),
            Heard::Accepted(ticket) => format!("accepted {ticket}"),
            Heard::Owed(frame) => format!("owed {}", said(|out| out.extend_from_slice(frame)).concat()),
            Heard::Refused(why) => format!("refused: {why}"),
        });
    })?;
    Ok(words)
}
