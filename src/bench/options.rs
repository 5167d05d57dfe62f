//! What every scenario is told, checked.

use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use reqwest::Url;

use super::target::TargetName;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) url: Url,
    pub(crate) token: Option<String>,
    pub(crate) target: TargetName,
    pub(crate) namespace: String,
    pub(crate) payload_bytes: usize,
    /// Of the measured part.
    pub(crate) window: Duration,
    /// Before it.
    pub(crate) warm_up: Duration,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) pid: Option<u32>,
    pub(crate) is_quiet: bool,
    pub(crate) plant: Option<Plant>,
}

/// A fault of which the counter is shown one, between the socket and the counting, to see it caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Plant {
    /// A delivery is thrown away.
    Lose,
    /// One is heard twice.
    Double,
    /// Two change places.
    Reorder,
}
