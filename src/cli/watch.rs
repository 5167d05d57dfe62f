//! `fanfare watch`: prints what happens in a topic until it is told to stop.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use fanfare_client::{ConnectionState, Event, EventKind, ResourceVersion, Start};
use fanfare_protocol::{TopicName, json, parse_duration_ms};
use serde_json::Value;

use super::node::{Node, block_on};
use super::output::{self, Lines};
use super::signals::Signals;

/// Print what happens in a topic, a line each: VERSION KEY DATA.
///
/// Goes on until Ctrl-C, and where it was when the connection breaks. The key is `-` where there is none; the data is
/// `(deleted)` where a key was deleted, and `base64:…` where it is not JSON.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The topic, as `chat:lobby`.
    #[arg(value_parser = TopicName::parse)]
    topic: TopicName,
    /// Where to begin: `snapshot` (the last publications, or the live keys), `beginning` (all that is retained),
    /// `latest` (only what comes), or right after a version.
    #[arg(long, value_name = "PLACE", default_value = "snapshot", value_parser = start)]
    from: Start,
    /// Only events for which this CEL expression holds.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Only events whose `key`, `attributes.NAME` or `data.PATH` equals the value, which is read as JSON, else as a string:
    /// `data.symbol=ACME`. May be given more than once.
    #[arg(long = "where", value_name = "PATH=VALUE", value_parser = equality)]
    equalities: Vec<(String, Value)>,
    /// Dotted paths of the data to keep, separated by commas.
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    fields: Vec<String>,
    /// At most one batch in this time: `100ms`, `2s`.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    interval: Option<Duration>,
    /// Print whole events, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: Node,
}

impl Watch {
    pub(super) fn run(self) -> Result<()> {
        block_on(self.print())
    }

    async fn print(self) -> Result<()> {
        let mut signals = Signals::listen()?;
        let lines = Lines::start()?;
        tokio::select! {
            _ = signals.next() => return Ok(()),
            () = output::reader_left() => return Ok(()),
            outcome = self.follow(&lines) => outcome?,
        }
        Ok(lines.finish()?)
    }

    /// Returns when nobody reads any more.
    async fn follow(self, lines: &Lines) -> Result<()> {
        let client = self.node.connect().await?;
        let mut state = client.state();
        state.mark_unchanged();
        let mut builder = client.topic(&self.topic).watch().from(self.from).fields(self.fields);
        for (path, value) in self.equalities {
            builder = builder.equal(path, value);
        }
        if let Some(filter) = self.filter {
            builder = builder.filter(filter);
        }
        if let Some(interval) = self.interval {
            builder = builder.interval(interval);
        }
        let mut watch = builder.open();
        loop {
            let event = tokio::select! {
                event = watch.next() => event,
                Ok(()) = state.changed() => {
                    note(&state.borrow_and_update());
                    continue;
                }
            };
            let Some(event) = event.transpose()? else { return Ok(()) };
            let line = if self.json { Some(as_json(&event)) } else { as_text(&event) };
            if let Some(line) = line
                && !lines.write(line).await
            {
                return Ok(());
            }
        }
    }
}

/// Tells on standard error that there may be a pause, and its end.
fn note(state: &ConnectionState) {
    match state {
        ConnectionState::Disconnected { error, .. } => {
            output::tell("note", format_args!("not connected, trying again: {error}"));
        }
        ConnectionState::Connected { .. } => {
            output::tell("note", "connected again, going on");
        }
        _ => {}
    }
}

fn as_json(event: &Event) -> Vec<u8> {
    let mut line = Vec::with_capacity(event.data().len() + 128);
    json::write_event(&event.to_wire(), &mut line);
    line
}

fn as_text(event: &Event) -> Option<Vec<u8>> {
    let mut line = format!("{} {} ", event.version(), shown_key(event.key()));
    match event.kind() {
        EventKind::Put | EventKind::Patch if event.is_json() => line.push_str(&String::from_utf8_lossy(event.data())),
        EventKind::Put | EventKind::Patch => line.push_str(&in_base64(event)),
        EventKind::Delete => line.push_str("(deleted)"),
        EventKind::Gone | EventKind::Failure => {
            let reason = event.error().map_or_else(|| "no reason given".to_owned(), ToString::to_string);
            let what = match event.kind() {
                EventKind::Gone => "what was missed is not retained, a snapshot follows",
                _ => "something went wrong with the view, which goes on",
            };
            output::tell("note", format_args!("{what}: {reason}"));
            return None;
        }
        EventKind::SnapshotEnd => return None,
        _ => return None,
    }
    Some(line.into_bytes())
}

/// Bytes as the JSON form has them.
fn in_base64(event: &Event) -> String {
    let mut line = Vec::new();
    json::write_event(&event.to_wire(), &mut line);
    let member = serde_json::from_slice(&line)
        .ok()
        .and_then(|event: serde_json::Value| event["dataBase64"].as_str().map(|base64| format!("base64:{base64}")));
    member.unwrap_or_default()
}

/// A key as one column: quoted where it could be taken for something else.
fn shown_key(key: Option<&str>) -> String {
    let Some(key) = key else { return "-".to_owned() };
    let is_plain =
        !key.is_empty() && key != "-" && !key.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    if is_plain {
        return key.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in key.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' ' => quoted.push(' '),
            character if character.is_control() || character.is_whitespace() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "snapshot" => Ok(Start::Snapshot),
        "beginning" => Ok(Start::Beginning),
        "latest" => Ok(Start::Latest),
        version => match version.parse::<ResourceVersion>() {
            Ok(version) => Ok(Start::After(version)),
            Err(error) => Err(format!("{error}: give `snapshot`, `beginning`, `latest` or a version")),
        },
    }
}

fn equality(text: &str) -> Result<(String, Value), String> {
    let (path, value) = text.split_once('=').ok_or("give it as `data.symbol=ACME`")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((path.to_owned(), value))
}

/// A duration as the protocol writes it: `100ms`, `2s`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text).map(Duration::from_millis).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_or_a_version() {
        assert_eq!(start("latest"), Ok(Start::Latest));
        assert_eq!(start("6f1c.42"), Ok(Start::After(ResourceVersion::new(0x6f1c, 42))));
        assert!(start("yesterday").unwrap_err().contains("`beginning`"));
    }

    #[test]
    fn an_equality_is_a_path_and_json_or_a_string() {
        assert_eq!(equality("data.n=1"), Ok(("data.n".to_owned(), Value::from(1))));
        assert_eq!(equality("key=a=b"), Ok(("key".to_owned(), Value::from("a=b"))));
        assert!(equality("key").unwrap_err().contains('='));
    }

    #[test]
    fn a_key_stays_one_column() {
        for (key, shown) in [
            (None, "-"),
            (Some("bus/7"), "bus/7"),
            (Some("-"), "\"-\""),
            (Some(""), "\"\""),
            (Some("a b"), "\"a b\""),
            (Some("a\nb\u{1b}"), "\"a\\u000ab\\u001b\""),
            (Some("a\"b"), "\"a\\\"b\""),
        ] {
            assert_eq!(shown_key(key), shown);
        }
    }
}
