//! `fanfare publish`: one publication, or one for each line of the input.

use std::io::{self, BufRead};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use fanfare_client::{Client, Publish as Request, ResourceVersion};
use fanfare_protocol::TopicName;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::node::{Node, block_on};
use super::output::Lines;
use super::usage::WrongUsage;
use super::watch::duration;

/// Publications whose answers are waited for at once: enough to keep a node busy over a slow line, far below what it
/// allows a connection.
const IN_FLIGHT: usize = 64;

/// The argument that stands for the input.
const INPUT: &str = "-";

/// Publish to a topic and print the version.
///
/// What gets no answer is repeated until it has taken effect, once.
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// The topic, as `chat:lobby`.
    #[arg(value_parser = TopicName::parse)]
    topic: TopicName,
    /// JSON; what is not JSON is published as a JSON string. `-` publishes each line of the input that is not blank.
    #[arg(required_unless_present = "delete", conflicts_with = "delete", allow_hyphen_values = true)]
    data: Option<String>,
    /// The key whose value it is, in a `state` topic.
    #[arg(long)]
    key: Option<String>,
    /// An attribute; may be repeated.
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Only if this is the current version: of the key in a `state` topic, else of the topic.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<ResourceVersion>,
    /// How long it lives: `1500ms`, `2s`.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ttl: Option<Duration>,
    /// The same publish under the same key takes effect once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Delete the key.
    #[arg(long, requires = "key")]
    delete: bool,
    #[command(flatten)]
    node: Node,
}

impl Publish {
    pub(super) fn run(self) -> Result<()> {
        if self.data.as_deref() == Some(INPUT) {
            for (is_given, option) in
                [(self.idempotency_key.is_some(), "--idempotency-key"), (self.if_version.is_some(), "--if-version")]
            {
                if is_given {
                    bail!(WrongUsage(format!("{option} is of one publication: give the data itself instead of `-`")));
                }
            }
            return block_on(self.lines());
        }
        block_on(self.one())
    }

    async fn one(self) -> Result<()> {
        let client = self.node.connect().await?;
        let version = self.request(&client, self.data.as_deref()).send().await?;
        client.close().await;
        let lines = Lines::start()?;
        lines.write(version.to_string().into_bytes()).await;
        Ok(lines.finish()?)
    }

    async fn lines(self) -> Result<()> {
        let client = self.node.connect().await?;
        let mut input = read_lines()?;
        let numbered = poll_fn(move |context| input.poll_recv(context)).enumerate();
        let is_blank = |line: &io::Result<String>| line.as_ref().is_ok_and(|line| line.trim().is_empty());
        let mut answers = numbered
            .filter(|(_, line)| std::future::ready(!is_blank(line)))
            .map(|(index, line)| {
                // Queued here, in the order of the lines; answered there.
                let answer = line.map(|line| self.request(&client, Some(&line)).send());
                async move {
                    let version = match answer {
                        Ok(answer) => answer.await.map_err(anyhow::Error::from),
                        Err(unreadable) => Err(unreadable.into()),
                    };
                    version.with_context(|| format!("line {}", index + 1))
                }
            })
            .buffered(IN_FLIGHT);
        let lines = Lines::start()?;
        while let Some(version) = answers.next().await {
            lines.write(version?.to_string().into_bytes()).await;
        }
        client.close().await;
        Ok(lines.finish()?)
    }

    fn request(&self, client: &Client, data: Option<&str>) -> Request {
        let topic = client.topic(&self.topic);
        let mut request = match (data, &self.key) {
            (None, key) => topic.delete(key.clone().unwrap_or_default()),
            (Some(data), None) => topic.publish(json(data)),
            (Some(data), Some(key)) => topic.publish(json(data)).key(key),
        };
        for (name, value) in &self.attributes {
            request = request.attribute(name, value);
        }
        if let Some(version) = self.if_version {
            request = request.if_version(version);
        }
        if let Some(ttl) = self.ttl {
            request = request.ttl(ttl);
        }
        match &self.idempotency_key {
            Some(key) => request.idempotency_key(key),
            None => request,
        }
    }
}

/// JSON as it was written, so that no digit of a number changes on the way; other text as a JSON string.
fn json(text: &str) -> Box<RawValue> {
    let as_string = |_| RawValue::from_string(serde_json::Value::from(text).to_string());
    serde_json::from_str(text).or_else(as_string).expect("a text in quotes, with escapes, is JSON")
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Lines of standard input, read on a thread of its own, because reading there cannot be waited for otherwise.
fn read_lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let read = move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(read)?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_published_as_written_and_other_text_as_a_string() {
        for (text, published) in [
            ("{\"a\": 1.10}", "{\"a\": 1.10}"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("null", "null"),
            ("hello", "\"hello\""),
            ("say \"hi\"\t", "\"say \\\"hi\\\"\\t\""),
            ("{broken", "\"{broken\""),
            ("", "\"\""),
        ] {
            assert_eq!(json(text).get(), published);
        }
    }

    #[test]
    fn an_attribute_may_hold_further_equals_signs() {
        assert_eq!(attribute("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(attribute("a="), Ok(("a".to_owned(), String::new())));
        assert!(attribute("a").is_err() && attribute("=b").is_err());
    }
}
