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
    use super::super::wire::{self, door, outgoing, said};
    use super::*;

    fn hear(message: &[u8]) -> Result<Vec<String>> {
        wire::hear(&Nats::new(door()), message)
    }

    /// As in the protocol's description; nats-server 2.9.10 took each.
    #[test]
    fn it_says_what_the_protocol_has_for_it() {
        let nats = Nats::new(door());
        let connect = CONNECT.escape_ascii();
        assert_eq!(said(|out| nats.greet(out)), [format!(r"82 {connect}PING\r\n")]);
        let asked = said(|out| nats.subscribe("FOO", Begin::Latest, out));
        assert_eq!(asked, [format!(r"82 {connect}SUB FOO 1\r\nPING\r\n")]);
        let published = said(|out| nats.publish(outgoing("FOO", b"Hello NATS!"), out));
        assert_eq!(published, [r"82 PUB FOO 11\r\nHello NATS!\r\n"]);
    }

    /// What nats-server 2.9.10 sent, but for names and addresses.
    #[test]
    fn it_hears_what_the_server_sends() {
        let info = br#"INFO {"server_id":"NB","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576} "#;
        assert!(hear(&[&info[..], END].concat()).expect("it is NATS").is_empty());
        let two = b"MSG bench:a 1 3\r\n\"x\"\r\nMSG bench:a 1 4\r\n\"yz\"\r\n";
        assert_eq!(hear(two).expect("it is NATS"), [r#"delivery \"x\""#, r#"delivery \"yz\""#]);
        assert_eq!(hear(b"PING\r\n").expect("it is NATS"), [r"owed 82 PONG\r\n"]);
        let refusal = hear(b"-ERR 'Unknown Protocol Operation'\r\n").expect("it is NATS");
        assert_eq!(refusal, ["refused: the server said -ERR 'Unknown Protocol Operation'"]);
    }

    #[test]
    fn every_delivery_of_a_message_is_heard() {
        let message = b"INFO {}\r\nMSG a 1 3\r\n\"a\"\r\nMSG a.b 1 answers 4\r\n\r\n\r\n\r\nPONG\r\n";
        let said = hear(message).expect("it is NATS");
        assert_eq!(said, [r#"delivery \"a\""#, r"delivery \r\n\r\n", "subscribed"]);
    }

    #[test]
    fn what_is_cut_off_or_is_not_nats_ends_the_run() {
        for message in ["MSG a 1 3\r\n\"a", "MSG a 1 3", "MSG a 1 x\r\nabc\r\n", "HELLO\r\n", "PONG\n"] {
            assert!(hear(message.as_bytes()).is_err(), "{message}");
        }
    }
}
