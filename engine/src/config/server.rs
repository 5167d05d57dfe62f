//! The section `[server]`: where the node listens, whom it lets in, how it stops.

use core::net::SocketAddr;
use std::fmt;
use std::num::NonZeroUsize;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tcp_listen::TcpListen;

/// Where the node listens, whom it lets in, how it stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port of HTTP and WebSocket. This machine only, until you say otherwise: beyond it a node refuses to
    /// start without auth and TLS. Port 0 takes a free one and prints it.
    pub listen: SocketAddr,
    /// Address and port of raw TCP, for backends and devices that speak protobuf without HTTP, or `off`. What holds for
    /// `listen` holds for it too. Port 0 takes a free one and prints it.
    pub tcp_listen: TcpListen,
    /// Threads that serve connections: a number, or `per-core`. Each has its own rings, so more of them cost memory
    /// (`delivery.rings_bytes_max` each) and more than there are cores win nothing.
    pub workers: Workers,
    /// Pages of other origins that may connect, as `https://app.example.org`, or `*` for all. None by default: only
    /// pages that this node, or on loopback this machine, serves. Others get `ORIGIN_NOT_ALLOWED`.
    pub allowed_origins: Vec<String>,
    /// Whether answers are compressed for clients that ask for it (`Accept-Encoding`). `false` where someone who can
    /// publish, but not read, could watch the sizes of what others are sent, and guess from them; or where a proxy does it.
    pub compression: bool,
    /// How long a stopping node may take to send its clients away and to answer what is in flight. 10 seconds, less
    /// than the patience of common supervisors; what is left then is cut off.
    pub shutdown_timeout_ms: u32,
    /// Clients of a stopping node are told to reconnect within this time, each at a moment of its own. 5 seconds
    /// spread 50,000 reconnects to 10,000 a second. Not more than `shutdown_timeout_ms`.
    pub reconnect_within_ms: u64,
    /// Encryption of the listener.
    pub tls: TlsConfig,
}

/// Encryption of the listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Whether a proxy in front of the node ends TLS. Without either, a node beyond loopback does not start.
    pub terminated_by_proxy: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_000)),
            tcp_listen: TcpListen::Off,
            workers: Workers::PerCore,
            allowed_origins: Vec::new(),
            compression: true,
            shutdown_timeout_ms: 10_000,
            reconnect_within_ms: 5_000,
            tls: TlsConfig::default(),
        }
    }
}

impl ServerConfig {
    /// Whether only this machine can reach the node over HTTP.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.listen)
    }

    /// The first listener that others than this machine can reach, with its key.
    pub(super) fn exposed(&self) -> Option<(&'static str, SocketAddr)> {
        let tcp = self.tcp_listen.address().map(|address| ("server.tcp_listen", address));
        let listeners = [Some(("server.listen", self.listen)), tcp];
        listeners.into_iter().flatten().find(|(_, address)| !is_loopback(*address))
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// How many threads serve connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// As many as the machine has cores.
    PerCore,
    /// So many.
    Count(NonZeroUsize),
}

/// More threads than any machine has cores; each costs a stack and a hub.
const WORKERS_MAX: usize = 1_024;

impl Workers {
    const PER_CORE: &str = "per-core";

    /// The number, on a machine with so many cores.
    #[must_use]
    pub fn count(self, cores: NonZeroUsize) -> usize {
        match self {
            Self::PerCore => cores.get(),
            Self::Count(count) => count.get(),
        }
    }

    fn from_count(count: u64) -> Option<Self> {
        let count = usize::try_from(count).ok().filter(|count| *count <= WORKERS_MAX)?;
        NonZeroUsize::new(count).map(Self::Count)
    }
}

impl Serialize for Workers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::PerCore => serializer.serialize_str(Self::PER_CORE),
            Self::Count(count) => count.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WorkersVisitor)
    }
}

struct WorkersVisitor;

impl Visitor<'_> for WorkersVisitor {
    type Value = Workers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` or a number from 1 to {WORKERS_MAX}", Workers::PER_CORE)
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Workers, E> {
        let known = u64::try_from(count).ok().and_then(Workers::from_count);
        known.ok_or_else(|| {
            E::custom(format_args!("expected `{}` or a number from 1 to {WORKERS_MAX}", Workers::PER_CORE))
        })
    }

    /// The environment has only text.
    fn visit_str<E: Error>(self, text: &str) -> Result<Workers, E> {
        match text {
            Workers::PER_CORE => Ok(Workers::PerCore),
            text => self.visit_i64(text.parse().unwrap_or(-1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_loopback_written_as_ipv6_is_loopback() {
        for (listen, is_loopback) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.2]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
        ] {
            let server = ServerConfig { listen: listen.parse().unwrap(), ..ServerConfig::default() };
            assert_eq!(server.is_loopback(), is_loopback, "{listen}");
        }
    }

    #[test]
    fn workers_are_per_core_or_a_number_that_is_not_zero() {
        let workers = |text: &str| toml::from_str::<ServerConfig>(&format!("workers = {text}")).map(|s| s.workers);
        let cores = NonZeroUsize::new(8).unwrap();
        assert_eq!(workers("\"per-core\"").unwrap().count(cores), 8);
        assert_eq!(workers("3").unwrap().count(cores), 3);
        assert_eq!(workers("\"3\"").unwrap().count(cores), 3);
        for wrong in ["0", "-1", "1025", "\"many\"", "true", "1.5"] {
            assert!(workers(wrong).is_err(), "{wrong}");
        }
    }
}
