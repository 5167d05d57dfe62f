//! On which machine a run took place: figures mean nothing without it.

use std::fs;

use super::Machine;

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name =
            processors.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: name.map_or(std::env::consts::ARCH, |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
