//! Reads of the log that may have to wait for a disk, off the threads that serve connections.

use std::sync::Arc;

use fanfare_cluster::StateFault;
use fanfare_protocol::{Code, Error, TopicName};
use tokio::sync::Semaphore;

use crate::log::{Kind, Reading, StoredRead};
use crate::node::Node;

/// As many reads of the disk as may be under way at once; the others wait their turn. Each takes a thread of the pool
/// for blocking work, so that a slow disk does not take them all.
#[derive(Debug)]
pub struct DiskReads(Arc<Semaphore>);

impl DiskReads {
    /// At most `reads_max` at once.
    #[must_use]
    pub fn new(reads_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(reads_max.clamp(1, Semaphore::MAX_PERMITS))))
    }

    async fn read<T: Send + 'static>(&self, read: StoredRead<T>) -> Result<T, Error> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let read = tokio::task::spawn_blocking(move || {
            let answer = read();
            drop(permit);
            answer
        });
        match read.await {
            Ok(answer) => answer.map_err(|fault| faulted(&fault)),
            Err(panicked) => {
                tracing::error!(%panicked, "a read of the store met a defect");
                Err(Error::of(Code::Internal))
            }
        }
    }
}

impl Node {
    /// Whether a topic keeps a value for each of its keys.
    #[must_use]
    pub fn is_state(&self, topic: &TopicName) -> bool {
        self.log.policies().of(topic.namespace()).kind == Kind::State
    }

    /// The answer to a read: at once when it was in memory, else after the disk.
    ///
    /// # Errors
    /// `STORAGE_FAULT`.
    pub async fn fetch<T: Send + 'static>(&self, reading: Reading<T>) -> Result<T, Error> {
        match reading {
            Reading::Ready(answer) => Ok(answer),
            Reading::Stored(read) => self.disk_reads.read(read).await,
        }
    }
}

/// What a store that cannot be read means to a client. What exactly is wrong stands in the log: it names files.
#[must_use]
pub fn faulted(fault: &StateFault) -> Error {
    tracing::error!(%fault, "a read of the store failed");
    Error::of(Code::StorageFault)
}
