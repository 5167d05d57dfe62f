//! A node whose data outlive its process.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::version;
use crate::harness::node::{Launch, temporary_directory};
use crate::harness::{Http, Node, Socket};

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Terminated,
    Killed,
}

pub(super) const ENDS: [End; 2] = [End::Terminated, End::Killed];

/// How long a node that is asked to stop may take: `server.shutdown_timeout_ms`.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A node whose data outlive its process. Its address is another one after each start.
pub(super) struct Lasting {
    configuration: &'static str,
    // Before the directory, so that it has ended when that is removed.
    node: Option<Node>,
    directory: Directory,
}

impl Lasting {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    pub(super) fn with(configuration: &'static str) -> Self {
        let mut lasting = Self { configuration, node: None, directory: Directory(temporary_directory()) };
        lasting.begin();
        lasting
    }

    fn node(&mut self) -> &mut Node {
        self.node.as_mut().expect("it is running between its start and its end")
    }

    pub(super) fn address(&mut self) -> SocketAddr {
        self.node().address()
    }

    /// Ends it and starts it again.
    pub(super) fn restart(&mut self, end: End) {
        self.end(end);
        self.begin();
    }

    /// Ends it and starts it again on an empty directory.
    pub(super) fn restart_empty(&mut self, end: End) {
        self.end(end);
        fs::remove_dir_all(self.data()).expect("nobody uses the data any more");
        self.begin();
    }

    pub(super) fn end(&mut self, end: End) {
        let mut node = self.node.take().expect("it is running");
        match end {
            End::Terminated => {
                node.terminate();
                assert_eq!(node.wait(STOP_PATIENCE).code(), Some(0));
            }
            End::Killed => node.kill(),
        }
    }

    pub(super) fn begin(&mut self) {
        let launch = Launch { configuration: self.configuration, data: Some(self.data()), ..Launch::default() };
        let started = launch.start();
        self.node = Some(started.unwrap_or_else(|ended| panic!("it does not start again: {}", ended.log.join("\n"))));
    }

    fn data(&self) -> PathBuf {
        self.directory.0.join("data")
    }

    pub(super) async fn socket(&mut self) -> Socket {
        Socket::json(self.address()).await
    }

    pub(super) async fn get(&mut self, target: &str) -> String {
        let answer = Http::once(self.address(), "GET", target, &[], "").await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.text().to_owned()
    }

    /// Publishes data in this order, many of them on their way at a time, and gives their versions.
    pub(super) async fn publish(&mut self, topic: &str, data: impl IntoIterator<Item = u64>) -> Vec<String> {
        /// Less than `limits.requests_in_flight_max`.
        const IN_FLIGHT: usize = 100;
        let mut socket = self.socket().await;
        let data: Vec<u64> = data.into_iter().collect();
        let mut versions = Vec::new();
        for some in data.chunks(IN_FLIGHT) {
            for (id, data) in (1..).zip(some) {
                socket.say("PUBLISH", id, json!({ "topic": topic, "data": data })).await;
            }
            // Answers come in any order.
            let mut answers = BTreeMap::new();
            while answers.len() < some.len() {
                let answer = socket.hear().await;
                answers.insert(answer["id"].as_u64(), version(&answer));
            }
            versions.extend(answers.into_values());
        }
        versions
    }
}

/// Removed when it is dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
