//! The life of one data directory: a node that is ended by a blow and started again on what is left, over and over,
//! under publishers and watchers that stay; and the judgement of the oracle after each start.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use fanfare_client::Client;
use fastrand::Rng;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::disk::{Disk, Loss, Rules};
use crate::harness::Node;
use crate::harness::node::{Ended, Launch, temporary_directory};
use crate::keeper::{self, Keeper};
use crate::ledger::{Ledger, Seen};
use crate::publisher::{Door, Http, Identity, Publisher};
use crate::reader::Reader;
use crate::shim::Shim;
use crate::trace;
use crate::verdict::{Breach, Kind, Promise, Subject, judge};
use crate::watcher::Watcher;

/// The topics of every episode.
const SUBJECTS: &[Subject] = &[
    Subject { name: "log:a", kind: Kind::Stream, retained: None, is_bulk: false },
    Subject { name: "log:b", kind: Kind::Stream, retained: None, is_bulk: false },
    Subject { name: "short:a", kind: Kind::Stream, retained: Some(50), is_bulk: false },
    Subject { name: "map:a", kind: Kind::State, retained: None, is_bulk: false },
    Subject { name: "map:b", kind: Kind::State, retained: None, is_bulk: false },
    Subject { name: "bulk:a", kind: Kind::Stream, retained: Some(12), is_bulk: true },
];

/// The topic that nobody watches.
const UNWATCHED: &str = "log:b";

/// Their namespaces. Nothing is forgotten before the episode ends, so that everything can be judged, but in `short` and `bulk`.
const NAMESPACES: &str = "\
[idempotency]\nwindow_ms = 3600000\n\n\
[[namespace]]\nname = \"log\"\nhistory_count = 10000000\nhistory_bytes = 1073741824\n\n\
[[namespace]]\nname = \"map\"\nkind = \"state\"\nhistory_count = 10000000\nhistory_bytes = 1073741824\n\n\
[[namespace]]\nname = \"short\"\nhistory_count = 50\n\n\
[[namespace]]\nname = \"bulk\"\nhistory_count = 12\n";

/// How long anything may take: a node that is busy recovering, on a machine that is busy too.
const PATIENCE: Duration = Duration::from_secs(60);
/// With this variable the directories of an episode stay, to be looked at.
const KEEP: &str = "FANFARE_CRASH_KEEP";
/// How long after its sockets a process that dies may be there.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at a process that should end.
const LOOK: Duration = Duration::from_millis(2);

/// How the node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// The power is cut in the operation of this number.
    PowerCut { at: u64 },
    /// The process is killed after so many more answered publishes; the disk keeps everything.
    Kill { after: usize },
}

/// What an episode is about.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The section `[storage]` of the configuration, without its head.
    pub storage: String,
    pub rules: Rules,
    /// A line of faults that holds all the time; see `shim/shim.h`.
    pub fault: &'static str,
    /// Whether `fanfare storage check` must find nothing wrong with what is left.
    pub is_checked: bool,
}

/// One blow and what became of it.
#[derive(Debug)]
pub struct Row {
    pub seed: u64,
    pub blow: Blow,
    /// What the node was doing.
    pub phase: Phase,
    /// Publishes that were answered so far, and those that were not.
    pub answered: usize,
    pub unanswered: usize,
    /// Topics that were deleted so far, and publications that left by themselves.
    pub deleted: usize,
    pub expired: usize,
    pub loss: Loss,
    /// What is wrong with what is left, and what the next node broke.
    pub breaches: Vec<Breach>,
}

/// What a node was doing when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    /// It was read, and what had got no answer was repeated.
    Settling,
    Publishing,
}

/// See the module.
pub struct Episode {
    seed: u64,
    chance: Rng,
    plan: Plan,
    configuration: String,
    root: PathBuf,
    /// How many power cuts there were; each leaves a data directory of its own.
    generation: u32,
    /// The disk as it was when the node was started.
    disk: Option<Disk>,
    /// A node has listened with this data; before that a directory may be half made.
    has_served: bool,
    address: SocketAddr,
    ledger: Arc<Ledger>,
    stop: watch::Sender<bool>,
    /// Those that are at rest.
    publishers: Vec<Publisher>,
    publishing: JoinSet<Publisher>,
    /// Locked while it is at work.
    keeper: Arc<Mutex<Keeper>>,
    watchers: BTreeMap<&'static str, Watcher>,
    /// What readers have seen, by topic.
    seen: BTreeMap<&'static str, Vec<Seen>>,
}

impl Episode {
    pub fn new(seed: u64, plan: Plan) -> Self {
        let (chance, address) = (Rng::with_seed(seed), own_address());
        let root = temporary_directory();
        fs::create_dir(root.join("data-0")).expect("a temporary directory can be written");
        let configuration = format!("[storage]\n{}\n{NAMESPACES}{}", plan.storage, keeper::NAMESPACES);
        let ledger = Arc::new(Ledger::default());
        let doors = [
            Door::Sdk(client(address)),
            Door::Sdk(client(address)),
            Door::Http(Http::new(address, Identity::Key)),
            Door::Http(Http::new(address, Identity::Key)),
            Door::Http(Http::new(address, Identity::Sequence)),
            Door::Http(Http::new(address, Identity::Nothing)),
        ];
        let publisher = |(number, door)| Publisher::new(number, SUBJECTS, &ledger, seed, door);
        let publishers = doors.into_iter().enumerate().map(publisher).collect();
        let keeper = Arc::new(Mutex::new(Keeper::new(address, &ledger, seed)));
        let watching = client(address);
        // A watcher of a short history may rightly fall off its end, and of one topic nobody is to remind the node.
        let watched = SUBJECTS.iter().filter(|subject| subject.retained.is_none() && subject.name != UNWATCHED);
        let watchers = watched.map(|subject| (subject.name, Watcher::open(&watching, subject.name))).collect();
        Self {
            seed,
            chance,
            plan,
            configuration,
            root,
            generation: 0,
            disk: None,
            has_served: false,
            address,
            ledger,
            stop: watch::Sender::new(true),
            publishers,
            publishing: JoinSet::new(),
            keeper,
            watchers,
            seen: BTreeMap::new(),
        }
    }

    /// Starts the node, judges what the blow before has left, publishes, and strikes. With breaches it is over: they
    /// belong to the blow before.
    pub async fn survive(&mut self, blow: Blow) -> Result<Row, Vec<Breach>> {
        let phase = self.live(blow).await?;
        let loss = if let Blow::PowerCut { .. } = blow { self.cut() } else { Loss::default() };
        let (answered, unanswered) = self.ledger.counts();
        let breaches = if self.plan.is_checked && self.has_served { self.check() } else { Vec::new() };
        let (deleted, expired) = self.keeper.lock().await.counts();
        Ok(Row { seed: self.seed, blow, phase, answered, unanswered, deleted, expired, loss, breaches })
    }

    /// Starts the node a last time and judges.
    pub async fn finish(&mut self) -> Result<(), Vec<Breach>> {
        let mut node = self.start(&self.shim()).map_err(|ended| not_started(&ended))?;
        let judged = tokio::select! {
            status = died(&mut node) => Err(ended_by_itself(status, &node)),
            judged = self.settle() => judged,
        };
        node.kill();
        judged
    }

    async fn live(&mut self, blow: Blow) -> Result<Phase, Vec<Breach>> {
        let mut shim = self.shim();
        if let Blow::PowerCut { at } = blow {
            shim = shim.tracing(self.root.join("trace")).crashing_at(at);
            self.disk = Some(Disk::of(&self.data(), self.plan.rules).expect("the data directory can be read"));
        }
        let mut node = match self.start(&shim) {
            Ok(node) => node,
            Err(ended) if !ended.is_hanging && is_ours(ended.status, blow) => return Ok(Phase::Starting),
            Err(ended) => return Err(not_started(&ended)),
        };
        self.has_served = true;
        tokio::select! {
            status = died(&mut node) => match is_ours(status, blow) {
                true => return Ok(Phase::Settling),
                false => return Err(ended_by_itself(status, &node)),
            },
            judged = self.settle() => match judged {
                Ok(()) => {}
                // The end of the node may be heard of before it is seen.
                Err(breaches) if breaches.iter().all(|breach| breach.promise == Promise::Serves) => {
                    let ended = tokio::time::timeout(SEEN_WITHIN, died(&mut node)).await;
                    let is_blow = ended.is_ok_and(|status| is_ours(status, blow));
                    return if is_blow { Ok(Phase::Settling) } else { Err(breaches) };
                }
                Err(breaches) => return Err(breaches),
            },
        }
        self.resume();
        match blow {
            Blow::PowerCut { at } => match tokio::time::timeout(PATIENCE, died(&mut node)).await {
                Ok(status) if is_ours(status, blow) => {}
                Ok(status) => return Err(ended_by_itself(status, &node)),
                Err(_) => panic!("the node did not come to its operation {at}: {}", tail(&node.logged())),
            },
            Blow::Kill { after } => {
                let answered = self.ledger.counts().0;
                let enough = async {
                    while self.ledger.counts().0 < answered + after {
                        tokio::time::sleep(LOOK).await;
                    }
                };
                tokio::select! {
                    status = died(&mut node) => return Err(ended_by_itself(status, &node)),
                    waited = tokio::time::timeout(PATIENCE, enough) => waited.expect("publishes are answered"),
                }
                node.kill();
            }
        }
        Ok(Phase::Publishing)
    }

    fn data(&self) -> PathBuf {
        self.root.join(format!("data-{}", self.generation))
    }

    fn shim(&self) -> Shim {
        let shim = Shim::over(&self.data(), &self.root);
        shim.fail(self.plan.fault);
        shim
    }

    fn start(&self, shim: &Shim) -> Result<Node, Ended> {
        let (listen, configuration) = (self.address.to_string(), self.configuration.as_str());
        let variables = shim.variables();
        Launch { listen: &listen, configuration, data: Some(self.data()), variables, ..Launch::default() }.start()
    }

    fn resume(&mut self) {
        self.stop.send_replace(false);
        for publisher in self.publishers.drain(..) {
            self.publishing.spawn(publisher.publish(self.stop.subscribe()));
        }
        let mut keeper = Arc::clone(&self.keeper).try_lock_owned().expect("it is at rest, as it was judged");
        let stop = self.stop.subscribe();
        tokio::spawn(async move { keeper.keep(stop).await });
    }

    /// Lets everyone come to rest, and judges all topics.
    async fn settle(&mut self) -> Result<(), Vec<Breach>> {
        let judged = tokio::time::timeout(PATIENCE, self.judge()).await;
        let breaches = match judged {
            Ok(Ok(breaches)) => breaches,
            Ok(Err(what)) => vec![Breach { promise: Promise::Serves, what }],
            Err(_) => vec![Breach { promise: Promise::Serves, what: format!("no rest within {PATIENCE:?}") }],
        };
        if breaches.is_empty() { Ok(()) } else { Err(breaches) }
    }

    async fn judge(&mut self) -> Result<Vec<Breach>, String> {
        self.stop.send_replace(true);
        while let Some(publisher) = self.publishing.join_next().await {
            self.publishers.push(publisher.expect("a publisher does not panic"));
        }
        for publisher in &self.publishers {
            publisher.repeat().await;
        }
        let (reader, publishes) = (Reader::new(self.address), self.ledger.publishes());
        let stale = self.ledger.take_stale().into_iter();
        let mut breaches: Vec<_> = stale.map(|what| Breach { promise: Promise::Fresh, what }).collect();
        breaches.extend(self.keeper.lock().await.judge().await?);
        for subject in SUBJECTS {
            let mut reading = reader.read(*subject, &mut self.chance).await?;
            match self.watchers.get(subject.name) {
                Some(watcher) => {
                    (reading.watched, reading.watch_error) = watcher.through(reading.head, PATIENCE / 3).await;
                }
                None => reading.watched.clone_from(&reading.forward),
            }
            let before = self.seen.entry(subject.name).or_default();
            breaches.extend(judge(*subject, &publishes, before, &reading));
            *before = reading.forward;
        }
        Ok(breaches)
    }

    /// Looks at the data directory with the tool that is made for that.
    fn check(&self) -> Vec<Breach> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
        let output =
            command.args(["storage", "check"]).arg(self.data()).output().expect("the binary under test starts");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() { Vec::new() } else { vec![Breach { promise: Promise::Checks, what: said }] }
    }

    /// Works out what a power cut has left, and makes it the data directory.
    fn cut(&mut self) -> Loss {
        let (file, old) = (self.root.join("trace"), self.data());
        let mut disk = self.disk.take().expect("it was read before the start");
        trace::read(&file).into_iter().for_each(|operation| disk.follow(operation));
        let unseen = disk.compare(&old).expect("the data directory can be read");
        assert!(unseen.is_empty(), "changed past the shim: {unseen:?}");
        self.generation += 1;
        let next = self.data();
        let loss = disk.cut(&mut self.chance, &next).expect("a temporary directory can be written");
        fs::remove_dir_all(old).and_then(|()| fs::remove_file(file)).expect("they are ours");
        loss
    }
}

impl Drop for Episode {
    fn drop(&mut self) {
        if std::env::var_os(KEEP).is_some() {
            println!("seed {}: kept in {}", self.seed, self.root.display());
        } else {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// An address that no one else listens at: the port must be free again after each restart.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id() % (254 * 254);
    let byte = |number: u32| u8::try_from(number % 254 + 1).expect("below 255");
    SocketAddr::from(([127, byte(process / 254), byte(process), COUNT.fetch_add(1, Ordering::Relaxed)], 8000))
}

fn client(address: SocketAddr) -> Client {
    let builder = Client::builder(format!("http://{address}"));
    let builder = builder.reconnect_delay(Duration::from_millis(20), Duration::from_millis(200));
    builder.connect_later().expect("an address is a URL")
}

async fn died(node: &mut Node) -> ExitStatus {
    loop {
        if let Some(status) = node.ended() {
            return status;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether it was the shim that ended the node.
fn is_ours(status: ExitStatus, blow: Blow) -> bool {
    matches!(blow, Blow::PowerCut { .. }) && status.signal() == Some(9)
}

fn not_started(ended: &Ended) -> Vec<Breach> {
    let how = if ended.is_hanging { "hangs".to_owned() } else { format!("does not start, {}", ended.status) };
    let what = format!("the node {how}: {}", tail(&ended.log));
    vec![Breach { promise: Promise::Serves, what }]
}

fn ended_by_itself(status: ExitStatus, node: &Node) -> Vec<Breach> {
    let what = format!("the node ended by itself, {status}: {}", tail(&node.logged()));
    vec![Breach { promise: Promise::Serves, what }]
}

/// The last lines of a log: the first one is the whole configuration.
fn tail(log: &[String]) -> String {
    log[log.len().saturating_sub(5).max(1).min(log.len())..].join("\n")
}
