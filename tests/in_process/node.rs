//! The node.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use fanfare_engine::config::{ServerConfig, Settings, StorageConfig, Workers};
use fanfare_engine::{Delivery, Node, Server};

use super::PATIENCE;

/// Where the node keeps its data; in the folder of the build, so that whoever cleans that cleans this.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What an earlier run left behind.
    let _ = fs::remove_dir_all(&directory);
    directory
}

/// Starts a node on a free port, on threads of its own, for as long as the process lives. `name` is that of its directory.
pub fn start(name: &'static str, workers: usize) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            // Nothing is said but what a publication causes.
            let quiet_ms = 3_600_000;
            let settings = Settings {
                server: ServerConfig {
                    listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                    workers: Workers::Count(workers.try_into().expect("not zero")),
                    ..ServerConfig::default()
                },
                delivery: Delivery {
                    heartbeat_interval_ms: quiet_ms,
                    bookmark_interval_ms: quiet_ms,
                    ..Delivery::default()
                },
                storage: StorageConfig {
                    data_dir: directory(name).display().to_string(),
                    // What the store does now and then belongs to no publication.
                    window_ms: 60_000,
                    ..StorageConfig::default()
                },
                ..Settings::default()
            };
            let config = settings.check().expect("the settings fit together");
            let mut server =
                Server::start(Node::start(config).await.expect("the node starts")).expect("the port is free");
            sender.send(server.address()).expect("the test waits for it");
            server.ended().await.expect("the server runs until the process ends");
        });
    });
    receiver.recv_timeout(PATIENCE).expect("the engine starts in time")
}
