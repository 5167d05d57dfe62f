//! The way to the other replicas: a link for what groups say to each other and one for snapshots, to each. A link that
//! breaks is made again; calls meanwhile have no reply.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fanfare_cluster::log::GroupId;
use fanfare_cluster::raft::{PeerCall, PeerReply, PeerRequest, Peers, Unreachable};
use tokio::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::door;
use crate::frame::Frame;
use crate::replica::{NODES, SHARD};

/// Before a link is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub struct Links {
    /// By node, and whether it is the one for snapshots.
    links: BTreeMap<(u64, bool), mpsc::UnboundedSender<Call>>,
    sent: BTreeMap<u64, Arc<Sent>>,
}

/// What went to one replica of snapshots of the shard, frames included, whether it arrived or not.
#[derive(Debug, Default)]
pub struct Sent {
    bytes: AtomicU64,
}

struct Call {
    group: u32,
    message: Bytes,
    reply: oneshot::Sender<Bytes>,
}

/// Who waits for a reply, by the id of the call.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Bytes>>>>;

impl Links {
    /// From one node to all others, on the threads of a runtime.
    pub fn new(from: u64, dir: &Path, runtime: &Handle) -> Self {
        let mut this = Self { links: BTreeMap::new(), sent: BTreeMap::new() };
        for to in NODES.into_iter().filter(|to| *to != from) {
            let sent = Arc::new(Sent::default());
            for is_bulk in [false, true] {
                let (calls, called) = mpsc::unbounded_channel();
                let counted = is_bulk.then(|| Arc::clone(&sent));
                runtime.spawn(keep(door::path(dir, to), called, counted));
                this.links.insert((to, is_bulk), calls);
            }
            this.sent.insert(to, sent);
        }
        this
    }

    /// Bytes of snapshots of the shard that went to a node.
    pub fn sent_bytes(&self, to: u64) -> u64 {
        self.sent.get(&to).map_or(0, |sent| sent.bytes.load(Ordering::Relaxed))
    }
}

impl Peers for Links {
    /// Whoever asks gives up by itself at the deadline.
    fn call(&self, to: u64, group: GroupId, request: PeerRequest, _: Duration) -> PeerCall {
        let (reply, replied) = oneshot::channel();
        if let Some(link) = self.links.get(&(to, request.is_bulk())) {
            // A link ends with its runtime only, and then there is no reply.
            let _ = link.send(Call { group: group.0, message: request.encode(), reply });
        }
        Box::pin(async move {
            let unreachable = Unreachable { node: to };
            let message = replied.await.map_err(|_| unreachable)?;
            PeerReply::decode(message).map_err(|_| unreachable)
        })
    }
}

/// One link, made again whenever it breaks.
async fn keep(path: PathBuf, mut calls: mpsc::UnboundedReceiver<Call>, sent: Option<Arc<Sent>>) {
    loop {
        match UnixStream::connect(&path).await {
            Ok(stream) => carry(stream, &mut calls, sent.as_deref()).await,
            // What is asked meanwhile has no reply.
            Err(_) => drop(timeout(PAUSE, async { while calls.recv().await.is_some() {} }).await),
        }
        if calls.is_closed() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Until it breaks. Those who wait then have no reply.
async fn carry(stream: UnixStream, calls: &mut mpsc::UnboundedReceiver<Call>, sent: Option<&Sent>) {
    let (from, to) = stream.into_split();
    let waiting = Waiting::default();
    tokio::select! {
        () = say(to, calls, &waiting, sent) => {}
        () = hear(from, &waiting) => {}
    }
}

async fn say(to: OwnedWriteHalf, calls: &mut mpsc::UnboundedReceiver<Call>, waiting: &Waiting, sent: Option<&Sent>) {
    let mut to = BufWriter::new(to);
    let mut id = 0;
    while let Some(Call { group, message, reply }) = calls.recv().await {
        id += 1;
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, reply);
        let frame = Frame { id, group, message };
        if let Some(sent) = sent.filter(|_| group == SHARD.0) {
            sent.bytes.fetch_add(frame.bytes(), Ordering::Relaxed);
        }
        let written = frame.write(&mut to).await;
        let is_last = calls.is_empty();
        if written.is_err() || (is_last && tokio::io::AsyncWriteExt::flush(&mut to).await.is_err()) {
            return;
        }
    }
}

async fn hear(from: OwnedReadHalf, waiting: &Waiting) {
    let mut from = BufReader::new(from);
    while let Ok(frame) = Frame::read(&mut from).await {
        let asked = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&frame.id);
        if let Some(reply) = asked.filter(|_| !frame.message.is_empty()) {
            // Whoever gave up does not listen any more.
            let _ = reply.send(frame.message);
        }
    }
}
