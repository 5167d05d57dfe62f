//! Configuration: the defaults, one TOML file over them, then the environment, then the command line; checked once,
//! into a [`Config`] that cannot be wrong.
//!
//! A core: texts come in, it opens no file and asks no environment. Every key has a default here; the words that
//! `config example` and `docs/configuration.md` say about it are the doc comment of its field ([`prose`]), so that
//! they cannot drift from the code. A key that nobody knows is refused with the nearest one that is known, and a key
//! of a later version ([`later`]) is refused by name: what is written in a file either holds or stops the start.

mod assign;
mod check;
mod draft;
mod environment;
mod example;
mod exposure;
mod file;
mod idempotency;
mod later;
mod load;
mod namespace;
mod page;
mod problem;
mod prose;
mod server;
mod settings;
mod spelling;
mod storage;
mod tcp_listen;
mod telemetry;

pub use check::Contradiction;
pub use environment::{PREFIX, variable};
pub use example::example;
pub use exposure::Exposed;
pub use idempotency::Idempotency;
pub use load::{Argument, File, Sources};
pub use namespace::Namespace;
pub use page::configuration_md;
pub use problem::{Fault, Place, Problem, Problems};
pub use server::{ServerConfig, TlsConfig, Workers};
pub use settings::{Config, Settings};
pub use storage::{Fsync, StorageConfig};
pub use tcp_listen::TcpListen;
pub use telemetry::{LogFormat, LogLevel, TelemetryConfig};

pub use crate::log::{Durability, Kind};
