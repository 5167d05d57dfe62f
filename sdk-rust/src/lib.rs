//! The Rust client of Fanfare: topics are versioned logs, to watch is to hold a cursor.
//!
//! ```no_run
//! use fanfare_client::{Client, EventKind};
//!
//! # #[derive(serde::Serialize, serde::Deserialize, Debug)] struct Line { text: String }
//! # async fn example() -> Result<(), fanfare_client::Error> {
//! let client = Client::builder("http://127.0.0.1:8000").connect().await?;
//! let lobby = client.topic("chat:lobby");
//!
//! let mut watch = lobby.watch().open();
//! lobby.publish(Line { text: "hi".to_owned() }).send().await?;
//!
//! while let Some(event) = watch.next().await {
//!     let event = event?;
//!     if event.kind() == EventKind::Put {
//!         println!("{} {:?}", event.version(), event.json::<Line>()?);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! One connection carries all topics. It is opened again whenever it breaks; watches go on where they were, and
//! publishes that got no answer are repeated under the same producer sequence, so that each takes effect once and in
//! order. What cannot be continued is told ([`EventKind::Gone`]), what cannot be done fails with a typed [`Error`].
//!
//! Inside: a [`Client`] is a handle over one owner task (`connection.rs`), a shell that performs what a pure state
//! machine (`session/`) decides. `transport/` alone knows sockets.
//!
//! The cargo feature `tls` adds `https` and `wss`, the feature `compression` batches compressed with zstd.

mod budget;
mod builder;
mod client;
mod command;
mod connection;
mod error;
mod event;
mod history;
mod publication;
mod publish;
mod session;
mod token;
mod topic;
mod transport;
mod view;
mod watch;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{Error, ErrorKind};
pub use event::{Event, EventKind};
pub use fanfare_protocol::{Class, Code, Encoding, ResourceVersion};
pub use history::{HistoryPage, HistoryRequest};
pub use publication::Publication;
pub use publish::{Publish, PublishAll};
pub use session::{ConnectionState, Start, Stats};
pub use topic::Topic;
pub use view::View;
pub use watch::{Watch, WatchBuilder};

/// Its snippets compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
