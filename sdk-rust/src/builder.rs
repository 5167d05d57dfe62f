//! How a client is described and started. Each setting has its default and reason in `session/settings.rs` or here.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare_protocol::Encoding;
use tokio::sync::{mpsc, watch};

use crate::budget::Budget;
use crate::client::Client;
use crate::command::Board;
use crate::connection::Connection;
use crate::error::{Cause, Error, ErrorKind};
use crate::session::{Backoff, ConnectionState, Settings, Stats};
use crate::token::TokenSource;
use crate::transport::{Address, Target};

/// Publishes and reads that may wait for an answer: minutes of typing, not a database.
const QUEUE_COUNT_MAX: usize = 10_000;

/// Their bytes: 64 publications of the largest size.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest message that is read: four times what a node sends by default.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Describes a client. Made by [`Client::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), fanfare_client::Error> {
/// use std::time::Duration;
/// use fanfare_client::Client;
///
/// let client = Client::builder("http://127.0.0.1:8000")
///     .client_name("inventory/2.1")
///     .token_provider(|| async { std::fs::read_to_string("token") })
///     .reconnect_delay(Duration::from_millis(200), Duration::from_secs(10))
///     .connect()
///     .await?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `connect`"]
pub struct ClientBuilder {
    url: String,
    tokens: TokenSource,
    settings: Settings,
    queue_count_max: usize,
    queue_bytes_max: usize,
    message_bytes_max: usize,
}

impl ClientBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            tokens: TokenSource::default(),
            settings: Settings::new(format!("{:032x}", fastrand::u128(..))),
            queue_count_max: QUEUE_COUNT_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }

    /// A token for the whole life of the client. One that expires ends it: see [`Self::token_provider`].
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.tokens = TokenSource::Fixed(token.into());
        self
    }

    /// Asked for a token before each connection, before the present one expires, and when the node wants a fresh one.
    pub fn token_provider<F, R, E>(mut self, provide: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Cause>,
    {
        self.tokens = TokenSource::provider(provide);
        self
    }

    /// Name and version of the program, for the node's logs: `my-app/1.0`.
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.settings.client_name = Some(name.into());
        self
    }

    /// Whether the node may compress batches of 1 KiB and more, with zstd. Off unless said otherwise: it is for slow
    /// lines, and costs both ends time. None may inflate beyond [`Self::message_bytes_max`].
    #[cfg(feature = "compression")]
    pub fn compression(mut self, is_wanted: bool) -> Self {
        self.settings.is_compressed = is_wanted;
        self
    }

    /// How envelopes are written. [`Encoding::Protobuf`] unless said otherwise; JSON can be read along the way.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.settings.encoding = encoding;
        self
    }

    /// Waits between tries to connect, and to repeat what was refused for now: a random part of `first`, then of twice
    /// that, and so on up to `max`. 500 ms and 30 s unless said otherwise.
    pub fn reconnect_delay(mut self, first: Duration, max: Duration) -> Self {
        self.settings.backoff = Backoff { base: first, max };
        self
    }

    /// How long one try to connect may take, token included. 10 s unless said otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long a page of history may take, reconnects included, and after how long any request without an answer
    /// makes the connection count as broken. 30 s unless said otherwise.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.answer_timeout = timeout;
        self
    }

    /// How long a client that is closed goes on with what waits to be published. 10 s unless said otherwise.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout;
        self
    }

    /// Publishes and reads that may wait for an answer, and their bytes; one more fails with
    /// [`ErrorKind::QueueFull`]. 10,000 and 16 MiB unless said otherwise.
    pub fn queue_max(mut self, count: usize, bytes: usize) -> Self {
        (self.queue_count_max, self.queue_bytes_max) = (count, bytes);
        self
    }

    /// What one watch holds for a reader that is behind. Beyond it the node is told to stop, and the watch goes on from
    /// where it was when half of it has been read. 4 MiB unless said otherwise; a whole snapshot of a `state` topic may
    /// take sixteen times that.
    pub fn watch_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.watch_bytes_max = bytes;
        self
    }

    /// The largest message that is taken from a node; a larger one ends the connection. 4 MiB unless said otherwise.
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Connects. The first try decides: afterwards the client reconnects by itself for as long as it takes.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for a URL that is none, else what went wrong on the way: [`ErrorKind::Unreachable`],
    /// [`ErrorKind::Refused`], [`ErrorKind::Token`], [`ErrorKind::Timeout`].
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.connect_later()?;
        let mut state = client.state();
        loop {
            match &*state.borrow_and_update() {
                ConnectionState::Connected { .. } => break,
                ConnectionState::Disconnected { error, .. } | ConnectionState::Closed { error: Some(error) } => {
                    return Err(error.clone());
                }
                ConnectionState::Connecting | ConnectionState::Idle | ConnectionState::Closed { error: None } => {}
            }
            if state.changed().await.is_err() {
                return Err(Error::new(ErrorKind::Closed));
            }
        }
        Ok(client)
    }

    /// Returns at once and connects in the background, for as long as it takes. What is published until then waits.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for a URL that is none.
    pub fn connect_later(self) -> Result<Client, Error> {
        let mut settings = self.settings;
        settings.can_refresh = self.tokens.is_provider();
        let target = Target::parse(&self.url)?;
        let (encoding, message_bytes_max) = (settings.encoding, self.message_bytes_max);
        let address = Address { target, encoding, tokens: self.tokens, message_bytes_max };
        let (commands, heard) = mpsc::unbounded_channel();
        let (state, shown) = watch::channel(ConnectionState::Connecting);
        let stats = Arc::new(Mutex::new(Stats::default()));
        let board = Board { state, stats: Arc::clone(&stats) };
        tokio::spawn(Connection::new(&settings, address, board, heard).run());
        let budget = Budget::new(self.queue_count_max, self.queue_bytes_max);
        Ok(Client::new(commands, budget, settings.watch_bytes_max, shown, stats))
    }
}
