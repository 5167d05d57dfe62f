//! NATS over WebSocket: its lines of text, any number of them in a message. Nothing is acknowledged; a ping that is answered
//! after a subscription tells that it stands.

use std::str;

use anyhow::{Context as _, Result, bail};

use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// Publications are not acknowledged one by one, as clients have it by default.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"name\":\"fanfare-bench\"}\r\n";
const END: &[u8] = b"\r\n";

/// See the module.
#[derive(Debug)]
pub(crate) struct Nats {
    door: Door,
}

impl Nats {
    pub(crate) fn new(door: Door) -> Self {
        Self { door }
    }
}

impl Target for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn guarantees(&self) -> String {
        "at most once: ordered for each publisher, nothing is kept".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities { has_topics: true, answers_subscriptions: true, answers_greetings: true, ..Abilities::NONE }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        frame::put_parts(Opcode::Binary, &[CONNECT, b"PING\r\n"], out);
    }

    fn subscribe(&self, topic: &str, _: Begin, out: &mut Vec<u8>) {
        frame::put_parts(Opcode::Binary, &[CONNECT, b"SUB ", topic.as_bytes(), b" 1\r\nPING\r\n"], out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { topic, data, .. } = publication;
        let length = data.len().to_string();
        let head = [b"PUB ", topic.as_bytes(), b" ", length.as_bytes(), END];
        frame::put_parts(Opcode::Binary, &[head[0], head[1], head[2], head[3], head[4], data, END], out);
    }

    fn hear(&self, mut message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        while !message.is_empty() {
            let line = line(&mut message)?;
            match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
                b"MSG" => heard(Heard::Delivery(data(line, &mut message)?)),
                b"PONG" => heard(Heard::Subscribed(None)),
                b"PING" => {
                    let mut pong = Vec::new();
                    frame::put(Opcode::Binary, b"PONG\r\n", &mut pong);
                    heard(Heard::Owed(&pong));
                }
                b"-ERR" => heard(Heard::Refused(format!("the server said {}", String::from_utf8_lossy(line)))),
                b"INFO" | b"+OK" => {}
                _ => bail!("the server sent what is not NATS: `{}`", String::from_utf8_lossy(line)),
            }
        }
        Ok(())
    }
}

/// Takes a line off the message.
fn line<'a>(message: &mut &'a [u8]) -> Result<&'a [u8]> {
    let end = message.iter().position(|byte| *byte == b'\n').context("the server sent a line that has no end")?;
    let (line, rest) = message.split_at(end + 1);
    *message = rest;
    line.strip_suffix(END).context("the server sent a line that does not end as those of NATS do")
}

/// Takes the data of a `MSG` off the message; the last word of its line is their length.
fn data<'a>(line: &[u8], message: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = line.rsplit(|byte| *byte == b' ').next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
    let length: usize = length.context("the server sent a delivery without a length")?;
    let whole = length.checked_add(END.len()).and_then(|whole| message.split_at_checked(whole));
    let (whole, rest) = whole.context("the server sent a delivery that is longer than its message")?;
    *message = rest;
    Ok(&whole[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard of a message, in words.
    fn hear(message: &[u8]) -> Result<Vec<String>> {
        let door = Door { host: String::new(), path: String::new(), subprotocol: None, token: None };
        let mut said = Vec::new();
        Nats::new(door).hear(message, &mut |heard| said.push(format!("{heard:?}")))?;
        Ok(said)
    }

    #[test]
    fn every_delivery_of_a_message_is_heard() {
        let message = b"INFO {}\r\nMSG a 1 3\r\n\"a\"\r\nMSG a.b 1 answers 4\r\n\r\n\r\n\r\nPONG\r\n";
        let said = hear(message).expect("it is NATS");
        assert_eq!(said, ["Delivery([34, 97, 34])", "Delivery([13, 10, 13, 10])", "Subscribed(None)"]);
    }

    #[test]
    fn what_is_cut_off_or_is_not_nats_ends_the_run() {
        for message in ["MSG a 1 3\r\n\"a", "MSG a 1 3", "MSG a 1 x\r\nabc\r\n", "HELLO\r\n", "PONG\n"] {
            assert!(hear(message.as_bytes()).is_err(), "{message}");
        }
        assert!(hear(b"-ERR 'no'\r\n").expect("it is NATS")[0].starts_with("Refused"));
    }
}
