//! Durable publishing: publications per second and CPU time of the server per publication, beside Redis Streams with its
//! append-only file and NATS JetStream on files, in the same run.
//!
//! `cargo bench --bench publish` takes below ten minutes and prints the tables of `benches/RESULTS.md`; `-- --quick` takes
//! below one and only shows that it works. Servers are pinned to one core and the load to another; each run has a fresh
//! server on a fresh directory, all on the same disk; servers take turns, A B C A B C. Every acknowledgement is counted,
//! and compared with what the server says it has: a run in which one is missing fails.

#[path = "../http/client.rs"]
mod http;
#[path = "../node/mod.rs"]
mod node;
#[path = "../process/mod.rs"]
mod process;
#[path = "../websocket/mod.rs"]
mod websocket;

mod disk;
mod fanfare;
mod floor;
mod jetstream;
mod load;
mod peer;
mod redis;
mod report;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};

use disk::Disk;
use fanfare::Fanfare;
use floor::Floor;
use jetstream::JetStream;
use load::{Load, Run};
use peer::{Directory, Peer};
use redis::Redis;
use report::{Cell, Row, Topics};

/// Syncs of the disk that are measured before each round of the lone client.
const SYNCS: usize = 500;

/// Steady before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// The whole run takes no longer by much: ten minutes are what one waits for.
const RUN_MAX: Duration = Duration::from_secs(580);

/// Durable publishing, beside Redis Streams and NATS JetStream.
#[derive(Parser)]
struct Options {
    /// A few loads, one short round: shows that everything works, not how fast.
    #[arg(long)]
    quick: bool,
    /// How often each load is measured on each server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each is measured. Two seconds hold two of the windows in which Fanfare stores what it has logged.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Server::Fanfare, Server::Redis, Server::Jetstream, Server::Floor])]
    servers: Vec<Server>,
    /// Only these loads, as `CLIENTSxIN_FLIGHT`: `256x1`.
    #[arg(long, value_delimiter = ',')]
    loads: Vec<String>,
    /// Leaves out the JetStream of which an old version is made to sync: it needs root and ext4.
    #[arg(long)]
    no_emulation: bool,
    /// Where data directories are made; all must be on one disk. By default in cargo's target directory.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Throws one acknowledgement away. The run must then fail: that is how we know that it counts.
    #[arg(long)]
    lose_one: bool,
    /// Is the server of that name, on this address: how the bench starts it.
    #[arg(long, hide = true)]
    floor: Option<SocketAddr>,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    Fanfare,
    Redis,
    Jetstream,
    Floor,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if let Some(address) = options.floor {
        return floor::serve(address, &options.dir);
    }
    if options.quick {
        (options.rounds, options.seconds) = (1, 0.5);
    }
    let directory = options.dir.join(format!("publish-{}", std::process::id()));
    let directory = Directory::fresh(&directory)?;
    process::pin_load()?;
    let peers = peers(directory.path(), &options)?;
    let mut disk = Disk::open(directory.path())?;
    println!(
        "{} rounds of {} s, payload of {} bytes, {} publications retained per topic, {}",
        options.rounds,
        options.seconds,
        wire::PAYLOAD_BYTES,
        peer::HISTORY_COUNT,
        disk::name(directory.path())?
    );
    println!("\n{}", report::HEAD);
    let rows = measure(&peers, directory.path(), &mut disk, &options)?;
    println!();
    for line in report::targets(&rows, &disk.syncs()) {
        println!("{line}");
    }
    Ok(())
}

/// Those that are to be measured. One that is not installed is an error.
fn peers(directory: &Path, options: &Options) -> Result<Vec<Box<dyn Peer>>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    if options.servers.contains(&Server::Fanfare) {
        peers.extend(Fanfare::ALL.map(|door| Box::new(door) as Box<dyn Peer>));
    }
    if options.servers.contains(&Server::Redis) {
        peers.extend(Redis::all()?.map(|redis| Box::new(redis) as Box<dyn Peer>));
    }
    if options.servers.contains(&Server::Jetstream) {
        let all = JetStream::all(&directory.join("version"))?.into_iter();
        let wanted = all.filter(|jetstream| !(options.no_emulation && jetstream.is_emulated()));
        peers.extend(wanted.map(|jetstream| Box::new(jetstream) as Box<dyn Peer>));
    }
    if options.servers.contains(&Server::Floor) {
        peers.push(Box::new(Floor));
    }
    Ok(peers)
}

/// Every load, in the order of the table. One client has one topic either way.
fn cells(options: &Options) -> Vec<Cell> {
    let mut cells = Vec::new();
    for topics in [Topics::Each, Topics::One] {
        for clients in [1, 32, 256] {
            for in_flight in [1, 10, 100] {
                let is_same = topics == Topics::One && clients == 1;
                let is_quick = [(1, 1), (32, 1), (256, 100)].contains(&(clients, in_flight));
                let is_wanted = options.loads.is_empty() || options.loads.contains(&format!("{clients}x{in_flight}"));
                if !is_same && is_wanted && (is_quick || !options.quick) {
                    cells.push(Cell { clients, in_flight, topics });
                }
            }
        }
    }
    cells
}

fn measure(peers: &[Box<dyn Peer>], directory: &Path, disk: &mut Disk, options: &Options) -> Result<Vec<Row>> {
    let begin = Instant::now();
    let cells = cells(options);
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for (index, cell) in cells.iter().copied().enumerate() {
        // Each load has its share of the time, and one round whatever happens.
        let end = RUN_MAX * u32::try_from(index + 1)? / u32::try_from(cells.len())?;
        let peers = peers.iter().filter(|peer| peer.takes_part(cell));
        let mut measured: Vec<(&dyn Peer, Vec<Run>)> = peers.map(|peer| (peer.as_ref(), Vec::new())).collect();
        for round in 0..options.rounds {
            if round > 0 && begin.elapsed() > end {
                left_out += 1;
                continue;
            }
            if (cell.clients, cell.in_flight) == (1, 1) {
                disk.measure(SYNCS)?;
            }
            for (peer, runs) in &mut measured {
                let run = run(*peer, cell, &directory.join("data"), options);
                runs.push(run.with_context(|| format!("{} with {} × {}", peer.name(), cell.clients, cell.in_flight))?);
            }
        }
        for (peer, runs) in measured {
            let row = Row { server: peer.name().to_owned(), promise: peer.promise(), cell, runs };
            println!("{}", row.line());
            rows.push(row);
        }
    }
    if left_out > 0 {
        println!("\n{left_out} rounds were left out, for the run to end within {} minutes", RUN_MAX.as_secs() / 60);
    }
    Ok(rows)
}

/// One server under one load, from its start to its end.
fn run(peer: &dyn Peer, cell: Cell, directory: &Path, options: &Options) -> Result<Run> {
    let running = peer.start(directory)?;
    let connect = |client| peer.connect(running.address, client, cell.topic_of(client));
    let connections = (0..cell.clients).map(connect).collect::<Result<Vec<_>>>()?;
    let load = Load {
        in_flight: cell.in_flight,
        warm_up: WARM_UP,
        window: Duration::from_secs_f64(options.seconds),
        loses_one: options.lose_one,
    };
    let run = load.run(connections, running.process.pid())?;
    let stored = peer.stored(running.address, cell.topic_count())?;
    let acknowledged = run.acknowledged;
    ensure!(stored == acknowledged, "{acknowledged} publications were acknowledged, the server has {stored}");
    Ok(run)
}
