//! Which values do not fit together, or stand for nothing.

use std::collections::BTreeSet;

use fanfare_cluster::meta::NAMESPACES_MAX;
use fanfare_protocol::{TopicName, limits};
use toml::Value;

use super::namespace::Namespace;
use super::settings::Settings;
use crate::limit::Limits;
use crate::log::{Kind, Policies};

/// The largest frame that a node can be told to take: every connection may send one, and each is held while it comes.
const FRAME_BYTES_LIMIT: usize = 64 * 1024 * 1024;

/// The longest that a disk can be let wait.
const WAIT_MS_LIMIT: u64 = 60_000;

/// Threads for reading: what the runtime grants for all that blocks.
const READS_LIMIT: u64 = 512;

/// What an envelope adds to the publication it carries: names, versions, times, and room to spare.
const ENVELOPE_BYTES: u64 = 8 * 1024;

/// What the log counts for a publication beside its data, key and attributes.
const PUBLICATION_OVERHEAD_BYTES: u64 = 256;

/// Two values that do not fit together, or one that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A number that bounds nothing.
    #[error("`{key}` must be at least 1, zero neither switches a bound off nor stands for its default")]
    Zero {
        /// The key.
        key: String,
    },
    /// A number that no file can hold.
    #[error("a number is beyond 2^63, give one that means something")]
    BeyondFiles,
    /// A value above what its key may have.
    #[error("`{key}` = {value} is beyond {max}: {reason}")]
    Beyond {
        /// The key.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        max: u64,
        /// Why.
        reason: &'static str,
    },
    /// A value above that of another key.
    #[error("`{key}` = {value} must not be greater than `{other}` = {max}: {reason}")]
    GreaterThan {
        /// The key.
        key: &'static str,
        /// Its value.
        value: u64,
        /// The key that bounds it.
        other: &'static str,
        /// The value of that.
        max: u64,
        /// Why.
        reason: &'static str,
    },
    /// A publication that no frame could carry.
    #[error(
        "namespace `{namespace}`: `publication_bytes_max` = {value} does not fit into `limits.frame_bytes_max` = {frame_bytes_max}, \
         which has room for {max} as base64 in an envelope: lower the one or raise the other"
    )]
    PublicationBeyondFrame {
        /// The namespace; `default` may be one that nobody declared.
        namespace: String,
        /// Its largest publication.
        value: u64,
        /// The largest that fits.
        max: u64,
        /// The frame.
        frame_bytes_max: usize,
    },
    /// A publication that could never be kept.
    #[error(
        "namespace `{namespace}`: `{key}` = {value} has no room for one publication of `publication_bytes_max`: it must be at least {min}"
    )]
    NoRoomForOne {
        /// The namespace.
        namespace: String,
        /// `history_bytes`, `bytes_max` or `fold_bytes_max`.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What it must be.
        min: u64,
    },
    /// A name that no topic's namespace can have.
    #[error("`{name}` cannot name a namespace: it takes A-Z a-z 0-9 _ - . ~ @ and does not begin with `_`")]
    BadNamespace {
        /// The name.
        name: String,
    },
    /// One name, two policies.
    #[error("the namespace `{name}` is declared twice: keep one of them")]
    NamespaceTwice {
        /// The name.
        name: String,
    },
    /// More than a cluster holds.
    #[error("{count} namespaces are declared, `default` among them, and {max} may be: let topics share one")]
    TooManyNamespaces {
        /// How many.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A directory that has no name.
    #[error("`storage.data_dir` is empty: name a directory, `.` is the one where the node is started")]
    NoDirectory,
    /// Not the origin of a page.
    #[error(
        "`server.allowed_origins`: `{origin}` is not an origin, write it as `https://app.example.org`, without a path, or `*`"
    )]
    BadOrigin {
        /// As it was given.
        origin: String,
    },
}

impl Contradiction {
    /// The keys that it is about, the one to blame first.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let of = |namespace: &str, key: &str| format!("namespace.{namespace}.{key}");
        match self {
            Self::Zero { key } => vec![key.clone()],
            Self::BeyondFiles | Self::TooManyNamespaces { .. } => Vec::new(),
            Self::Beyond { key, .. } => vec![(*key).to_owned()],
            Self::GreaterThan { key, other, .. } => vec![(*key).to_owned(), (*other).to_owned()],
            Self::PublicationBeyondFrame { namespace, .. } => {
                vec![of(namespace, "publication_bytes_max"), "limits.frame_bytes_max".to_owned()]
            }
            Self::NoRoomForOne { namespace, key, .. } => {
                vec![of(namespace, key), of(namespace, "publication_bytes_max")]
            }
            Self::BadNamespace { name } | Self::NamespaceTwice { name } => vec![of(name, "name")],
            Self::NoDirectory => vec!["storage.data_dir".to_owned()],
            Self::BadOrigin { .. } => vec!["server.allowed_origins".to_owned()],
        }
    }
}

/// All that is wrong with a tree of values.
pub(super) fn contradictions(settings: &Settings) -> Vec<Contradiction> {
    let Ok(table) = toml::Table::try_from(settings) else { return vec![Contradiction::BeyondFiles] };
    let mut found = Vec::new();
    zeros(&Value::Table(table), "", &mut found);
    found.extend(beyond(settings));
    let origins = settings.server.allowed_origins.iter().filter(|origin| !is_origin(origin));
    found.extend(origins.map(|origin| Contradiction::BadOrigin { origin: origin.clone() }));
    if settings.storage.data_dir.is_empty() {
        found.push(Contradiction::NoDirectory);
    }
    namespaces(settings, &mut found);
    found
}

impl Namespace {
    /// Checks one that is declared while a node runs, as those of its file were checked when it started.
    ///
    /// # Errors
    /// All that does not fit.
    pub fn check(&self, limits: &Limits) -> Result<(), Vec<Contradiction>> {
        let Ok(table) = toml::Table::try_from(self) else { return Err(vec![Contradiction::BeyondFiles]) };
        let mut found = Vec::new();
        zeros(&Value::Table(table), &format!("namespace.{}", self.name), &mut found);
        name(self, &mut found);
        sizes(self, limits, &mut found);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

fn zeros(value: &Value, key: &str, found: &mut Vec<Contradiction>) {
    match value {
        Value::Integer(0) => found.push(Contradiction::Zero { key: key.to_owned() }),
        Value::Table(table) => {
            for (part, value) in table {
                zeros(value, &if key.is_empty() { part.clone() } else { format!("{key}.{part}") }, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
                zeros(item, &format!("{key}.{name}"), found);
            }
        }
        _ => {}
    }
}

fn beyond(settings: &Settings) -> impl Iterator<Item = Contradiction> + use<> {
    let Settings { server, limits: bounds, delivery, idempotency, storage, .. } = settings;
    let absolute = [
        (
            "limits.frame_bytes_max",
            bounds.frame_bytes_max as u64,
            FRAME_BYTES_LIMIT as u64,
            "every connection may make the node hold one",
        ),
        (
            "limits.batch_publications_max",
            bounds.batch_publications_max as u64,
            limits::PUBLICATIONS_MAX as u64,
            "a batch is one entry of the log, copied in one piece",
        ),
        (
            "storage.fsync_interval_ms",
            storage.fsync_interval_ms,
            WAIT_MS_LIMIT,
            "a loss of power takes all that was acknowledged since the last sync",
        ),
        (
            "storage.window_ms",
            storage.window_ms,
            WAIT_MS_LIMIT,
            "a node that crashed applies it again before it is ready",
        ),
        ("storage.reads_max", storage.reads_max as u64, READS_LIMIT, "each takes a thread"),
    ];
    let relative = [
        (
            ("delivery.ring_bytes_max", delivery.ring_bytes_max as u64),
            ("delivery.rings_bytes_max", delivery.rings_bytes_max as u64),
            "one view cannot have more than all of them",
        ),
        (
            ("delivery.notsent_bytes", u64::from(delivery.notsent_bytes)),
            ("delivery.send_buffer_bytes", delivery.send_buffer_bytes as u64),
            "the kernel cannot hold more unsent than it buffers",
        ),
        (
            ("delivery.pong_timeout_ms", u64::from(delivery.pong_timeout_ms)),
            ("delivery.heartbeat_interval_ms", u64::from(delivery.heartbeat_interval_ms)),
            "a peer is not asked again before the last answer is overdue",
        ),
        (
            ("server.reconnect_within_ms", server.reconnect_within_ms),
            ("server.shutdown_timeout_ms", u64::from(server.shutdown_timeout_ms)),
            "who is still connected when the node stops is cut off",
        ),
        (
            ("limits.requests_in_flight_max", bounds.requests_in_flight_max as u64),
            ("idempotency.producer_results_max", idempotency.producer_results_max as u64),
            "each request in flight may have to be repeated",
        ),
        (
            ("limits.frame_bytes_max", bounds.frame_bytes_max as u64),
            ("storage.window_bytes_max", storage.window_bytes_max),
            "what one frame publishes is stored in one window",
        ),
    ];
    let absolute = absolute
        .into_iter()
        .filter(|(_, value, max, _)| value > max)
        .map(|(key, value, max, reason)| Contradiction::Beyond { key, value, max, reason });
    let relative = relative
        .into_iter()
        .filter(|((_, value), (_, max), _)| value > max)
        .map(|((key, value), (other, max), reason)| Contradiction::GreaterThan { key, value, other, max, reason });
    absolute.chain(relative)
}

/// Scheme, host, perhaps a port: what browsers send, so nothing else could ever match.
fn is_origin(origin: &str) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    ["*", "null"].contains(&origin)
        || host.is_some_and(|host| {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@*,".contains(&byte);
            !host.is_empty() && host.bytes().all(is_plain)
        })
}

fn namespaces(settings: &Settings, found: &mut Vec<Contradiction>) {
    let mut names = BTreeSet::new();
    for namespace in &settings.namespaces {
        name(namespace, found);
        if !names.insert(&namespace.name) {
            found.push(Contradiction::NamespaceTwice { name: namespace.name.clone() });
        }
        sizes(namespace, &settings.limits, found);
    }
    let default = Policies::DEFAULT.to_owned();
    if names.insert(&default) {
        sizes(&Namespace::new(Policies::DEFAULT, Kind::Stream), &settings.limits, found);
    }
    if names.len() > NAMESPACES_MAX {
        found.push(Contradiction::TooManyNamespaces { count: names.len(), max: NAMESPACES_MAX });
    }
}

fn name(namespace: &Namespace, found: &mut Vec<Contradiction>) {
    let name = &namespace.name;
    // Braces would choose a shard: they belong to topics.
    let is_name = TopicName::parse(name).is_ok_and(|topic| !topic.is_internal()) && !name.contains([':', '{', '}']);
    if !is_name {
        found.push(Contradiction::BadNamespace { name: name.clone() });
    }
}

fn sizes(namespace: &Namespace, limits: &Limits, found: &mut Vec<Contradiction>) {
    let frame_bytes_max = limits.frame_bytes_max;
    let value = namespace.publication_bytes_max;
    // In JSON, bytes travel as base64: four characters for three bytes.
    let max = (frame_bytes_max as u64).saturating_sub(ENVELOPE_BYTES) / 4 * 3;
    if value > max {
        let namespace = namespace.name.clone();
        found.push(Contradiction::PublicationBeyondFrame { namespace, value, max, frame_bytes_max });
    }
    let min = value.saturating_add(PUBLICATION_OVERHEAD_BYTES);
    let rooms = [
        ("history_bytes", namespace.history_bytes),
        ("bytes_max", namespace.bytes_max),
        ("fold_bytes_max", namespace.fold_bytes_max),
    ];
    for (key, value) in rooms.into_iter().filter(|(_, value)| *value < min && *value > 0) {
        found.push(Contradiction::NoRoomForOne { namespace: namespace.name.clone(), key, value, min });
    }
}
