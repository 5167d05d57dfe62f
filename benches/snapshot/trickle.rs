//! Publications that go on while the snapshot is sent: small ones, some hundred a second, over topics of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use fanfare_cluster::RaftShards;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{MissedTickBehavior, interval};

use crate::content;
use crate::fill::publish;

/// Enough of them that none comes near the thousand publications that a topic keeps.
pub const TOPICS: u64 = 256;

/// Between two rounds, and publications of each: 300 a second.
const TICK: Duration = Duration::from_millis(10);
const PER_TICK: usize = 3;

/// See the module.
pub struct Trickle {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<u64>>>,
}

impl Trickle {
    /// Begins, on a thread of its own.
    pub fn start(raft: Arc<RaftShards>) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let over = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("trickle".to_owned())
            .spawn(move || runtime.block_on(async move { run(&raft, &over).await }))?;
        Ok(Self { is_over, thread })
    }

    /// Ends, and tells how many publications of each topic were acknowledged.
    pub fn end(self) -> Result<Vec<u64>> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the trickle ended in a panic"))?
    }
}

async fn run(raft: &RaftShards, is_over: &AtomicBool) -> Result<Vec<u64>> {
    let mut heads = vec![0; TOPICS as usize];
    let mut idle: std::collections::VecDeque<u64> = (0..TOPICS).collect();
    let mut said = FuturesUnordered::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !is_over.load(Ordering::Relaxed) || !said.is_empty() {
        tokio::select! {
            Some(topic) = said.next() => {
                let topic: u64 = Result::<_>::from(topic)?;
                heads[topic as usize] += 1;
                idle.push_back(topic);
            }
            _ = ticks.tick(), if !is_over.load(Ordering::Relaxed) => {
                for topic in (0..PER_TICK).filter_map(|_| idle.pop_front()) {
                    let offset = heads[topic as usize] + 1;
                    said.push(async move {
                        let name = content::trickled(topic);
                        publish(raft, &name, offset, vec![content::trickle(&name, offset)]).await.map(|()| topic)
                    });
                }
            }
        }
    }
    Ok(heads)
}
