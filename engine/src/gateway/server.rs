//! The listeners and their workers: actix-server with actix-web for requests, the upgrade service for WebSockets, and raw
//! TCP where it is wanted.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::ServerHandle;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use tokio::net::TcpStream;

use super::hubs::Hubs;
use super::{app, socket, tcp, upgrade, version};
use crate::hub::Delivery;
use crate::node::{Node, StartError};

/// Connections that the kernel queues while the workers are busy accepting.
const BACKLOG: u32 = 4_096;

/// How long the workers may take to finish their last HTTP answers, in seconds, after everything else has ended.
const WORKERS_GRACE_S: u64 = 1;

/// A listening node. Must be started within an actix system.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    address: SocketAddr,
    tcp_address: Option<SocketAddr>,
    handle: ServerHandle,
    finished: tokio::task::JoinHandle<io::Result<()>>,
}

impl Server {
    /// Binds the listeners and starts the workers.
    ///
    /// # Errors
    /// When an address cannot be bound or a thread cannot be started.
    pub fn start(node: Arc<Node>) -> Result<Self, StartError> {
        let server = &node.config.server;
        let delivery = &node.config.delivery;
        let (listener, address) = bind(server.listen, delivery)?;
        let tcp = server.tcp_listen.address().map(|address| bind(address, delivery)).transpose()?;
        let tcp_address = tcp.as_ref().map(|(_, address)| *address);
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (workers, worker_node) = (server.workers.count(cores), Arc::clone(&node));
        let hubs = Hubs::new(Arc::clone(&node));
        let hubs_of_tcp = hubs.clone();
        let build = move || {
            let hub = hubs.of_this_worker();
            let handshake = Duration::from_millis(u64::from(worker_node.config.limits.handshake_timeout_ms));
            let upgrades = Rc::clone(&hub);
            let http = HttpService::<TcpStream, _, _>::build()
                .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
                .client_request_timeout(handshake)
                .client_disconnect_timeout(Duration::from_secs(1))
                // A watcher that hangs up is gone at once, instead of at the second write that fails.
                .h1_allow_half_closed(false)
                .local_addr(address)
                .upgrade(fn_service(move |request| upgrade::upgrade(Rc::clone(&upgrades), request)))
                .finish(map_config(app::app(hub), |_| AppConfig::default()));
            fn_service(move |stream: TcpStream| version::of(stream, handshake)).and_then(http)
        };
        let mut server = actix_server::Server::build()
            .workers(workers)
            .backlog(BACKLOG)
            .disable_signals()
            .shutdown_timeout(WORKERS_GRACE_S)
            .max_concurrent_connections(node.config.limits.connections_max)
            .listen("fanfare", listener, build)
            .map_err(|source| StartError::Listen { address, source })?;
        if let Some((listener, address)) = tcp {
            let build = move || {
                let hub = hubs_of_tcp.of_this_worker();
                fn_service(move |stream: TcpStream| {
                    let hub = Rc::clone(&hub);
                    async move {
                        tcp::accept(hub, stream).await;
                        Ok::<(), ()>(())
                    }
                })
            };
            let listening = server.listen("fanfare-tcp", listener, build);
            server = listening.map_err(|source| StartError::Listen { address, source })?;
        }
        let running = server.run();
        let handle = running.handle();
        Ok(Self { node, address, tcp_address, handle, finished: actix_rt::spawn(running) })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for raw TCP, if it does.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp_address
    }

    /// Resolves when the server ends without having been asked to.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.finished).await.map_err(io::Error::other)?
    }

    /// Drains and stops: clients are told to go elsewhere, what is in flight is answered, then everything closes.
    /// Takes at most `server.shutdown_timeout_ms`.
    pub async fn stop(self) {
        let deadline = Duration::from_millis(u64::from(self.node.config.server.shutdown_timeout_ms));
        let grace = deadline.saturating_sub(Duration::from_secs(WORKERS_GRACE_S + 1));
        self.node.drain();
        if tokio::time::timeout(grace, self.node.connections.none_left()).await.is_err() {
            tracing::warn!(left = self.node.connections.count(), "connections did not close in time");
        }
        self.handle.stop(true).await;
        let node = Arc::clone(&self.node);
        if tokio::task::spawn_blocking(move || node.shutdown()).await.is_err() {
            tracing::error!("the shards ended in a panic");
        }
    }
}

fn bind(address: SocketAddr, delivery: &Delivery) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr().map(|local| (listener, local)));
    let (listener, local) = bound.map_err(|source| StartError::Listen { address, source })?;
    socket::tune(&listener, delivery);
    Ok((listener, local))
}
