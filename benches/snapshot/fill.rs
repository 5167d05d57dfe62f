//! Fills the shard, on the replica that leads it: each topic gets one command after the other, many topics at a time.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use fanfare_cluster::{RaftShards, Shards as _, Unavailable};
use fanfare_engine::log::{Answer, Publish};
use fanfare_protocol::Publication;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;

use crate::content::{self, BATCH, Plan};
use crate::replica::shard;

/// Topics that are filled at a time, with one command of 256 KiB each: as much as a shard lets wait.
const TOPICS_AT_ONCE: usize = 16;

/// Before what was refused for now is said again.
const PAUSE: Duration = Duration::from_millis(20);

/// Publishes these batches of every topic.
pub async fn pour(raft: &RaftShards, plan: Plan, batches: std::ops::Range<u64>) -> Result<()> {
    let topics = stream::iter(0..plan.topics).map(|topic| {
        let batches = batches.clone();
        async move {
            let topic = content::filled(topic);
            for batch in batches {
                let first = batch * BATCH + 1;
                let publications = (first..first + BATCH).map(|offset| content::filling(&topic, offset)).collect();
                publish(raft, &topic, first, publications).await?;
            }
            Ok(())
        }
    });
    topics.buffer_unordered(TOPICS_AT_ONCE).try_collect().await
}

/// Publishes to a topic whose next offset is known, and waits for the acknowledgement.
pub async fn publish(raft: &RaftShards, topic: &str, first: u64, publications: Vec<Publication>) -> Result<()> {
    let count = publications.len();
    let new_epoch = fastrand::u64(1..);
    let command = Publish { topic: topic.to_owned(), new_epoch, publications, ..Publish::default() }.into_command();
    let Answer::Published(published) = Answer::decode(propose(raft, command).await?)? else {
        bail!("a publication to `{topic}` was refused");
    };
    let got = (published.first_offset, published.count as usize);
    ensure!(got == (first, count), "a publication to `{topic}` got {got:?} instead of {:?}", (first, count));
    Ok(())
}

async fn propose(raft: &RaftShards, command: Bytes) -> Result<Bytes> {
    loop {
        match raft.propose(shard(), command.clone()).await {
            Err(Unavailable::Overloaded { .. }) => sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}
