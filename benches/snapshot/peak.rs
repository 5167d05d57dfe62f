//! The memory of the replicas while a snapshot is sent, read from outside every 20 ms: of each the most that it ever had
//! resident, as the kernel keeps it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};

const PACE: Duration = Duration::from_millis(20);

/// Bytes, by node: the greatest of all its processes.
type Peaks = BTreeMap<u64, u64>;

/// Reads until it is asked.
pub struct Watch {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    pids: Mutex<BTreeMap<u64, u32>>,
    peaks: Mutex<Peaks>,
    is_over: AtomicBool,
}

impl Watch {
    /// Of nobody yet.
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let read = Arc::clone(&shared);
        let thread = thread::Builder::new().name("peaks".to_owned()).spawn(move || {
            while !read.is_over.load(Ordering::Relaxed) {
                read.read();
                thread::sleep(PACE);
            }
        })?;
        Ok(Self { shared, thread })
    }

    /// From now on this process is that node.
    pub fn of(&self, node: u64, pid: u32) {
        self.shared.pids.lock().unwrap_or_else(PoisonError::into_inner).insert(node, pid);
    }

    /// Reads once more now, before a process ends.
    pub fn read(&self) {
        self.shared.read();
    }

    /// The peaks of all.
    pub fn end(self) -> Result<BTreeMap<u64, u64>> {
        self.shared.read();
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("nobody has read the memory of the replicas"))?;
        Ok(self.shared.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Shared {
    fn read(&self) {
        let pids = self.pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (node, pid) in pids {
            let peak = peak_bytes(pid);
            let mut peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner);
            let known = peaks.entry(node).or_default();
            *known = peak.max(*known);
        }
    }
}

/// The most that a process had resident; 0 when it has ended.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
