//! Reads everything that a node has of a topic, in every way there is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use fanfare_client::ResourceVersion;
use fastrand::Rng;
use serde_json::Value;

use crate::ledger::{Reading, SERIAL, Seen};
use crate::verdict::{Kind, Subject};

/// Cursors of each reading that are resumed.
const CURSORS: usize = 3;
/// How far back from the head cursors lie, at most: each is read through to the head.
const CURSOR_DEPTH: u64 = 600;

/// See the module.
pub struct Reader {
    client: reqwest::Client,
    address: SocketAddr,
}

impl Reader {
    pub fn new(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client without TLS");
        Self { client, address }
    }

    /// All but what a watcher has seen.
    ///
    /// # Errors
    /// What the node said instead.
    pub async fn read(&self, subject: Subject, chance: &mut Rng) -> Result<Reading, String> {
        let topic = subject.name;
        let snapshot = self.get(&format!("/v1/topics/{topic}")).await?;
        let head = version(&snapshot);
        let mut reading =
            Reading { snapshot_version: head, snapshot: items(&snapshot, "items")?, ..Reading::default() };
        let limit = chance.u16(100..=1000);
        (reading.forward, reading.head) = self.history(topic, &format!("limit={limit}")).await?;
        reading.backward = self.history(topic, &format!("reverse=true&limit={limit}")).await?.0;
        let oldest = reading.forward.first().map_or(1, |seen| seen.version.offset);
        for _ in 0..CURSORS {
            let first = (oldest - 1).max(reading.head.offset.saturating_sub(CURSOR_DEPTH));
            let cursor = ResourceVersion::new(reading.head.epoch, chance.u64(first..=reading.head.offset));
            reading.resumed.push((cursor, self.resume(topic, cursor, reading.head).await?));
        }
        Ok(reading)
    }

    /// The history of a `stream`, the snapshot of a `state` topic, and the head.
    ///
    /// # Errors
    /// What the node said instead.
    pub async fn show(&self, topic: &str, kind: Kind) -> Result<(Vec<Seen>, ResourceVersion), String> {
        if kind == Kind::Stream {
            return self.history(topic, "limit=1000").await;
        }
        let snapshot = self.get(&format!("/v1/topics/{topic}")).await?;
        Ok((items(&snapshot, "items")?, version(&snapshot)))
    }

    async fn history(&self, topic: &str, query: &str) -> Result<(Vec<Seen>, ResourceVersion), String> {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/topics/{topic}/history?{query}{next}")).await?;
            seen.extend(items(&page, "items")?);
            match page["continue"].as_str() {
                Some(token) => next = format!("&continue={token}"),
                None => return Ok((seen, version(&page))),
            }
        }
    }

    /// What comes after a cursor, by long polls.
    async fn resume(&self, topic: &str, from: ResourceVersion, head: ResourceVersion) -> Result<Vec<Seen>, String> {
        let (mut cursor, mut seen) = (from, Vec::new());
        while cursor != head {
            let path = format!("/v1/topics/{topic}?watch=true&timeout=10s&onGone=close&resourceVersion={cursor}");
            let poll = self.get(&path).await?;
            seen.extend(items(&poll, "events")?);
            let next = version(&poll);
            if next == cursor {
                return Err(format!("a poll of `{topic}` after {cursor} found nothing, the head is {head}"));
            }
            cursor = next;
        }
        Ok(seen)
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let asked = self.client.get(format!("http://{}{path}", self.address)).send();
        let answer = asked.await.map_err(|error| format!("{path}: {error}"))?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|error| format!("{path}: {error}"))?);
        if !status.is_success() {
            return Err(format!("{path}: {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))
    }
}

fn version(of: &Value) -> ResourceVersion {
    of["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(ResourceVersion::NONE)
}

fn items(of: &Value, name: &str) -> Result<Vec<Seen>, String> {
    let items = of[name].as_array().ok_or_else(|| format!("no `{name}` in {of}"))?;
    Ok(items.iter().map(seen).collect())
}

fn seen(event: &Value) -> Seen {
    let attributes = event["attributes"][SERIAL].as_str();
    let attributes: BTreeMap<_, _> =
        attributes.map(|serial| (SERIAL.to_owned(), serial.to_owned())).into_iter().collect();
    let data = (event["type"] != "delete").then(|| event["data"].as_str().unwrap_or_default());
    Seen::new(version(event), &attributes, event["key"].as_str(), data)
}
