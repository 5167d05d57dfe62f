//! The one writer of topics that end and begin again: it publishes, some of it for a short time, deletes whole topics and
//! looks at them, one thing after the other, over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::watch;

use crate::ledger::Ledger;
use crate::life::{Command, Life, Shown, body};
use crate::reader::Reader;
use crate::verdict::{Breach, Kind, Promise};

/// Its topics: enough that the store always has some in the middle of their lives.
const TOPICS: [(&str, Kind); 6] = [
    ("mortal:a", Kind::Stream),
    ("mortal:b", Kind::Stream),
    ("mortal:c", Kind::Stream),
    ("mortal:d", Kind::Stream),
    ("mortal-map:a", Kind::State),
    ("mortal-map:b", Kind::State),
];

/// Their namespaces: nothing is forgotten but what has to be.
pub const NAMESPACES: &str = "\n\
[[namespace]]\nname = \"mortal\"\nhistory_count = 10000000\nhistory_bytes = 1073741824\n\n\
[[namespace]]\nname = \"mortal-map\"\nkind = \"state\"\nhistory_count = 10000000\nhistory_bytes = 1073741824\n";

/// A life has some dozen publications and about as many in a window of the store, so that some end before they were ever
/// stored, and some are stored several times.
const DELETED_ONE_IN: u32 = 12;
const LOOKED_AT_ONE_IN: u32 = 10;
/// Some leave at once, some within the life of a node, and some never do.
const TTLS_MS: [u64; 4] = [5, 100, 600, 3_600_000];

/// See the module.
pub struct Keeper {
    client: reqwest::Client,
    reader: Reader,
    address: SocketAddr,
    ledger: Arc<Ledger>,
    chance: Rng,
    lives: Vec<Life>,
    /// What was broken while it wrote.
    breaches: Vec<Breach>,
}

impl Keeper {
    pub fn new(address: SocketAddr, ledger: &Arc<Ledger>, seed: u64) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client without TLS");
        Self {
            client,
            reader: Reader::new(address),
            address,
            ledger: Arc::clone(ledger),
            chance: Rng::with_seed(seed.wrapping_mul(37)),
            lives: TOPICS.map(|(name, kind)| Life::new(name.to_owned(), kind)).to_vec(),
            breaches: Vec::new(),
        }
    }

    /// Topics that were deleted, and publications that left by themselves, of those that were looked for.
    pub fn counts(&self) -> (usize, usize) {
        self.lives
            .iter()
            .fold((0, 0), |(deleted, expired), life| (deleted + life.deleted_count, expired + life.expired_count))
    }

    /// Writes until it is told to stop, or the node is gone.
    pub async fn keep(&mut self, stop: watch::Receiver<bool>) {
        while !*stop.borrow() && self.breaches.is_empty() {
            let sure: Vec<_> = (0..self.lives.len()).filter(|at| !self.lives[*at].is_unsure()).collect();
            let Some(at) = self.chance.choice(sure) else { break };
            if self.chance.u32(0..LOOKED_AT_ONE_IN) == 0 {
                // A node that is gone shows nothing, and has broken nothing.
                if let Ok(Err(breach)) = self.look(at).await {
                    self.breaches.push(breach);
                }
                continue;
            }
            let command = self.choose(at);
            self.lives[at].sent(command.clone(), Instant::now());
            if let Err(breach) = self.ask(at, &command).await {
                self.breaches.push(breach);
            }
        }
    }

    /// Looks at all topics of a node that nobody writes to.
    ///
    /// # Errors
    /// What the node said instead.
    pub async fn judge(&mut self) -> Result<Vec<Breach>, String> {
        let mut breaches = std::mem::take(&mut self.breaches);
        for at in 0..self.lives.len() {
            breaches.extend(self.look(at).await?.err());
        }
        Ok(breaches)
    }

    async fn look(&mut self, at: usize) -> Result<Result<(), Breach>, String> {
        let life = &mut self.lives[at];
        let (items, version) = self.reader.show(&life.name, life.kind).await?;
        Ok(life.judge(Instant::now(), &Shown { version, items }))
    }

    fn choose(&mut self, at: usize) -> Command {
        let (life, chance) = (&self.lives[at], &mut self.chance);
        if life.is_there() && chance.u32(0..DELETED_ONE_IN) == 0 {
            return Command::Delete;
        }
        let key = (life.kind == Kind::State).then(|| format!("k{}", chance.u8(0..12)));
        let ttl = chance.bool().then(|| Duration::from_millis(*chance.choice(&TTLS_MS).expect("there are some")));
        Command::Publish { serial: self.ledger.item(None, false).serial, key, ttl }
    }

    async fn ask(&mut self, at: usize, command: &Command) -> Result<(), Breach> {
        let life = &mut self.lives[at];
        let url = format!("http://{}/v1/topics/{}", self.address, life.name);
        let asked = match body(command) {
            Some(body) => self.client.post(url).body(body.to_string()),
            None => self.client.request(Method::DELETE, url),
        };
        let Ok(answer) = asked.send().await else { return Ok(()) };
        let status = answer.status();
        let Ok(bytes) = answer.bytes().await else { return Ok(()) };
        match status {
            StatusCode::OK => {
                let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let version = answer["resourceVersion"].as_str().and_then(|text| text.parse().ok());
                life.answered(version.filter(|_| *command != Command::Delete))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                life.refused();
                Ok(())
            }
            _ if status.is_client_error() => {
                let what = format!("`{}`: {status} for {command:?}: {}", life.name, String::from_utf8_lossy(&bytes));
                Err(Breach { promise: Promise::Kept, what })
            }
            _ => Ok(()),
        }
    }
}
