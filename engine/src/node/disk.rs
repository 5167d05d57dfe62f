//! How the disk is: below its reserve publications are refused, reads and deletes go on; and a store that has failed is
//! noticed also while nobody publishes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fanfare_cluster::log::FileLog;

use crate::node::Node;
use crate::store::free_bytes;

/// How often it is looked at: what may be written between two looks must fit the reserve.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Told by its task, asked at the door.
pub(super) struct DiskWatch {
    data_dir: PathBuf,
    free_bytes_min: u64,
    wal: Arc<FileLog>,
    is_low: AtomicBool,
}

impl DiskWatch {
    pub(super) fn new(data_dir: PathBuf, free_bytes_min: u64, wal: Arc<FileLog>) -> Self {
        let watch = Self { data_dir, free_bytes_min, wal, is_low: AtomicBool::new(false) };
        watch.look();
        watch
    }

    pub(super) fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed) || self.wal.is_full()
    }

    /// Looks until the node is gone.
    pub(super) async fn run(node: Weak<Node>) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let Some(node) = node.upgrade() else { return };
            // A file system that does not answer must hold up nobody; its look is simply late.
            let looked = tokio::task::spawn_blocking(move || {
                node.disk.look();
                node.write_behind.look();
            });
            let _ = looked.await;
        }
    }

    fn look(&self) {
        match free_bytes(&self.data_dir) {
            Ok(free_bytes) => {
                let is_low = free_bytes < self.free_bytes_min;
                if self.is_low.swap(is_low, Ordering::Relaxed) != is_low {
                    let free_bytes_min = self.free_bytes_min;
                    if is_low {
                        tracing::warn!(free_bytes, free_bytes_min, "the disk is low: publications are refused");
                    } else {
                        tracing::info!(free_bytes, free_bytes_min, "the disk has room again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the free space of the data directory cannot be told"),
        }
    }
}
