//! A line that breaks: forwards bytes, and cuts each connection after a random number of them, in whatever frame that
//! is, until it is healed.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A running proxy. Dropping it ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    task: tokio::task::JoinHandle<()>,
}

struct Line {
    is_healed: AtomicBool,
    cuts_count: AtomicU64,
}

impl Proxy {
    /// Starts a proxy to a node. Each connection lives for a number of bytes in this range; the seed decides which.
    pub(crate) async fn start(node: SocketAddr, seed: u64, bytes: Range<usize>) -> Self {
        println!("seed of the line that breaks: {seed}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port's address");
        let line = Arc::new(Line { is_healed: AtomicBool::new(false), cuts_count: AtomicU64::new(0) });
        let task = tokio::spawn(accept(listener, node, Arc::clone(&line), fastrand::Rng::with_seed(seed), bytes));
        Self { address, line, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections are cut no more.
    pub(crate) fn heal(&self) {
        self.line.is_healed.store(true, Ordering::Relaxed);
    }

    /// How often a connection was cut.
    pub(crate) fn cuts_count(&self) -> u64 {
        self.line.cuts_count.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    node: SocketAddr,
    line: Arc<Line>,
    mut random: fastrand::Rng,
    bytes: Range<usize>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.expect("the listener lives");
        let budgets = [random.usize(bytes.clone()), random.usize(bytes.clone())];
        connections.spawn(forward(client, node, Arc::clone(&line), budgets));
        while connections.try_join_next().is_some() {}
    }
}

/// Ends as soon as either direction does, and with it both.
async fn forward(client: TcpStream, node: SocketAddr, line: Arc<Line>, budgets: [usize; 2]) {
    let Ok(node) = TcpStream::connect(node).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_node, to_node) = node.into_split();
    tokio::select! {
        () = copy(from_client, to_node, &line, budgets[0]) => {}
        () = copy(from_node, to_client, &line, budgets[1]) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line, mut budget: usize) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let is_healed = line.is_healed.load(Ordering::Relaxed);
        let passing = if is_healed { read } else { read.min(budget) };
        if to.write_all(&buffer[..passing]).await.is_err() {
            return;
        }
        budget -= passing.min(budget);
        if passing < read {
            line.cuts_count.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}
