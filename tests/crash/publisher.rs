//! Programs that publish as fast as they are answered, each through its own door, and write down what they hear. They
//! outlive the node: what got no answer is repeated when it is back, where that is safe.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare_client::{Client, ErrorKind, Publication, Publish, ResourceVersion, Topic};
use fastrand::Rng;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::ledger::{Item, Ledger, SERIAL, data};
use crate::verdict::{Kind, Subject};

/// Publishes of an SDK client that wait for their answers at once, over all topics.
const IN_FLIGHT_MAX: usize = 6;
/// Tries of one publish over HTTP before it counts as unanswered for good: a restart takes a few.
const TRIES_MAX: usize = 200;
/// Between two tries while the node is away.
const PAUSE: Duration = Duration::from_millis(25);
/// Answered publishes that are sent once more after each restart.
const REPEATED: usize = 3;

/// How a publisher reaches the node.
pub enum Door {
    /// The Rust SDK: a producer with sequences, several publishes in flight.
    Sdk(Client),
    /// Plain HTTP, one publish after the other.
    Http(Http),
}

/// Over HTTP.
pub struct Http {
    client: reqwest::Client,
    address: SocketAddr,
    identity: Identity,
    /// The next sequence of each topic: a topic accepts no other.
    sequences: HashMap<&'static str, u64>,
    /// The latest answered publishes.
    answered: Vec<Request>,
}

/// What makes a publish over HTTP one that may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    Nothing,
    /// The header `Idempotency-Key`.
    Key,
    /// A producer with sequences of its own making.
    Sequence,
}

#[derive(Debug, Clone)]
struct Request {
    publish: usize,
    topic: &'static str,
    key: Option<String>,
    body: String,
}

/// See the module.
pub struct Publisher {
    number: usize,
    subjects: &'static [Subject],
    ledger: Arc<Ledger>,
    chance: Rng,
    door: Door,
}

impl Http {
    pub fn new(address: SocketAddr, identity: Identity) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client without TLS");
        Self { client, address, identity, sequences: HashMap::new(), answered: Vec::new() }
    }
}

impl Publisher {
    pub fn new(number: usize, subjects: &'static [Subject], ledger: &Arc<Ledger>, seed: u64, door: Door) -> Self {
        let chance = Rng::with_seed(seed.wrapping_mul(31).wrapping_add(number as u64));
        Self { number, subjects, ledger: Arc::clone(ledger), chance, door }
    }

    /// Publishes until it is told to stop, and returns when everything is answered or given up.
    pub async fn publish(mut self, mut stop: watch::Receiver<bool>) -> Self {
        match self.door {
            Door::Sdk(_) => self.pipeline(&mut stop).await,
            Door::Http(_) => {
                while !*stop.borrow_and_update() {
                    self.one_by_one().await;
                }
            }
        }
        self
    }

    /// Sends what was answered before the crash once more: the answers must be the same.
    pub async fn repeat(&self) {
        let Door::Http(http) = &self.door else { return };
        for request in &http.answered {
            match http.ask(request).await {
                Ok((StatusCode::OK, answer)) => self.ledger.acknowledged(request.publish, versions(&answer)),
                // No versions are another answer than those before. Whoever is only busy has forgotten nothing.
                Ok((status, _)) if status.is_client_error() => self.ledger.acknowledged(request.publish, Vec::new()),
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn pipeline(&mut self, stop: &mut watch::Receiver<bool>) {
        let mut waiting: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        loop {
            let is_over = *stop.borrow();
            while !is_over && waiting.len() < IN_FLIGHT_MAX {
                waiting.push(self.send());
            }
            tokio::select! {
                next = waiting.next() => if next.is_none() { return },
                _ = stop.changed(), if !is_over => {}
            }
        }
    }

    /// Sends through the SDK; the future ends with the answer.
    fn send(&mut self) -> BoxFuture<'static, ()> {
        let (subject, items) = self.choose();
        let publish = self.ledger.sent(subject.name, self.number, items.clone());
        let Door::Sdk(client) = &self.door else { unreachable!("only the SDK has a pipeline") };
        let (topic, ledger) = (client.topic(subject.name), Arc::clone(&self.ledger));
        let answer = match items.as_slice() {
            [one] => single(&topic, one).send().map(|answer| answer.map(|version| vec![version])).boxed(),
            several => topic.publish_all(several.iter().map(publication)).send().boxed(),
        };
        async move {
            match answer.await {
                Ok(versions) => ledger.acknowledged(publish, versions),
                Err(error) => {
                    let is_sure = error.kind() == ErrorKind::Refused && !error.may_have_taken_effect();
                    if is_sure && error.code().is_some_and(|code| code.http_status() < 500) {
                        ledger.refused(publish);
                    }
                }
            }
        }
        .boxed()
    }

    async fn one_by_one(&mut self) {
        let (subject, items) = self.choose();
        let Door::Http(http) = &mut self.door else { unreachable!("only HTTP goes one by one") };
        let publish = self.ledger.sent(subject.name, self.number, items.clone());
        let key = (http.identity == Identity::Key).then(|| format!("key-{}-{publish}", self.number));
        let mut body = body(&items);
        if http.identity == Identity::Sequence {
            let sequence = http.sequences.entry(subject.name).or_insert(1);
            body["producer"] = json!({ "id": format!("producer-{}", self.number), "sequence": *sequence });
        }
        let request = Request { publish, topic: subject.name, key, body: body.to_string() };
        let mut is_unsure = false;
        for _ in 0..TRIES_MAX {
            match http.ask(&request).await {
                Ok((StatusCode::OK, answer)) => {
                    self.ledger.acknowledged(publish, versions(&answer));
                    *http.sequences.entry(subject.name).or_insert(1) += 1;
                    if self.chance.u8(0..8) == 0 {
                        http.read_own(&self.ledger, subject.name, &items, &versions(&answer)).await;
                    }
                    return http.remember(request);
                }
                Ok((status, _)) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    if !is_unsure {
                        self.ledger.refused(publish);
                    }
                    return;
                }
                Ok(_) | Err(_) => is_unsure = true,
            }
            // What has no identity would be doubled, and others give up now and then as well.
            if http.identity == Identity::Nothing || http.identity == Identity::Key && self.chance.u8(0..8) == 0 {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn choose(&mut self) -> (Subject, Vec<Item>) {
        let is_bulk = self.chance.u8(0..24) == 0;
        let subjects: Vec<_> = self.subjects.iter().filter(|subject| subject.is_bulk == is_bulk).collect();
        let subject = *self.chance.choice(subjects).expect("there are both");
        let count = if self.chance.u8(0..4) == 0 { self.chance.usize(2..6) } else { 1 };
        let item = |chance: &mut Rng| match subject.kind {
            _ if subject.is_bulk => self.ledger.bulk(),
            Kind::Stream => self.ledger.item(None, false),
            Kind::State => self.ledger.item(Some(format!("k{}", chance.u8(0..40))), chance.u8(0..6) == 0),
        };
        let items = (0..count).map(|_| item(&mut self.chance)).collect();
        (subject, items)
    }
}

impl Http {
    async fn ask(&self, request: &Request) -> reqwest::Result<(StatusCode, Value)> {
        let url = format!("http://{}/v1/topics/{}", self.address, request.topic);
        let mut asked = self.client.post(url).body(request.body.clone());
        if let Some(key) = &request.key {
            asked = asked.header("Idempotency-Key", key);
        }
        let answer = asked.send().await?;
        let status = answer.status();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null)))
    }

    /// Reads the first of what was just answered, if it is still retained: it must be there.
    async fn read_own(&self, ledger: &Ledger, topic: &str, items: &[Item], versions: &[ResourceVersion]) {
        let (Some(item), Some(version)) = (items.first(), versions.first()) else { return };
        let after = ResourceVersion::new(version.epoch, version.offset - 1);
        let url = format!("http://{}/v1/topics/{topic}/history?limit=1&after={after}", self.address);
        let Ok(answer) = self.client.get(url).send().await else { return };
        if answer.status() != StatusCode::OK {
            return;
        }
        let Ok(page) = answer.json::<Value>().await else { return };
        let found = &page["items"][0]["attributes"][SERIAL];
        if found.as_str() != Some(&item.serial.to_string()) {
            ledger.stale(format!("`{topic}` answered {version} for {} and then showed {page}", item.serial));
        }
    }

    fn remember(&mut self, request: Request) {
        if self.identity != Identity::Nothing {
            self.answered.push(request);
            let surplus = self.answered.len().saturating_sub(REPEATED);
            self.answered.drain(..surplus);
        }
    }
}

fn single(topic: &Topic, item: &Item) -> Publish {
    let publish = match (&item.key, item.is_delete) {
        (Some(key), true) => topic.delete(key),
        (Some(key), false) => topic.publish(data(item.serial)).key(key),
        (None, _) => topic.publish(data(item.serial)),
    };
    publish.attribute(SERIAL, item.serial.to_string())
}

fn publication(item: &Item) -> Publication {
    let publication = match (&item.key, item.is_delete) {
        (Some(key), true) => Publication::delete(key),
        (Some(key), false) => Publication::json(data(item.serial)).key(key),
        (None, _) => Publication::json(data(item.serial)),
    };
    publication.attribute(SERIAL, item.serial.to_string())
}

fn body(items: &[Item]) -> Value {
    let publication = |item: &Item| {
        let mut publication = json!({ "attributes": { SERIAL: item.serial.to_string() } });
        if let Some(key) = &item.key {
            publication["key"] = json!(key);
        }
        match item.is_delete {
            true => publication["delete"] = json!(true),
            false => publication["data"] = json!(data(item.serial)),
        }
        publication
    };
    match items {
        [one] => publication(one),
        several => json!({ "publications": several.iter().map(publication).collect::<Vec<_>>() }),
    }
}

fn versions(answer: &Value) -> Vec<ResourceVersion> {
    let parse = |text: &Value| text.as_str().and_then(|text| text.parse().ok());
    let several = answer["resourceVersions"].as_array().map(|texts| texts.iter().filter_map(parse).collect());
    several.unwrap_or_else(|| parse(&answer["resourceVersion"]).into_iter().collect())
}
