//! A node on files that a test can injure, and what it answers.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::node::{Ended, Launch, temporary_directory};
use crate::harness::{Node, PATIENCE};
use crate::shim::Shim;

/// See the module. Gone with the test.
pub struct Rig {
    root: PathBuf,
    pub shim: Shim,
    configuration: String,
    node: Option<Node>,
}

impl Rig {
    /// A node with these lines in `[storage]`, started.
    pub fn new(storage: &str) -> Self {
        let mut rig = Self::idle(storage, None);
        rig.start().unwrap_or_else(|ended| panic!("the node does not start: {ended:?}"));
        rig
    }

    /// The same, not started yet, and perhaps with its data directory elsewhere.
    pub fn idle(storage: &str, data: Option<&Path>) -> Self {
        let root = temporary_directory();
        let data = data.map_or_else(|| root.join("data"), Path::to_owned);
        fs::create_dir_all(&data).expect("a temporary directory can be written");
        let shim = Shim::over(&data, &root);
        Self { root, shim, configuration: format!("[storage]\n{storage}\n"), node: None }
    }

    pub fn start(&mut self) -> Result<(), Ended> {
        let (configuration, variables) = (self.configuration.as_str(), self.shim.variables());
        let launch = Launch { configuration, data: Some(self.data()), variables, ..Launch::default() };
        self.node = Some(launch.start()?);
        Ok(())
    }

    pub fn data(&self) -> PathBuf {
        self.shim.directory().to_owned()
    }

    pub fn node(&mut self) -> &mut Node {
        self.node.as_mut().expect("it was started")
    }

    /// Ends the node as a crash does; what it wrote is in its files.
    pub fn kill(&mut self) {
        self.node.take().expect("it was started").kill();
    }

    pub async fn ask(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let url = self.node.as_ref().expect("it was started").url(path);
        let asked = reqwest::Client::new().request(method, url).body(body.to_owned()).send();
        let answer = timeout(PATIENCE, asked).await.expect("an answer in time").expect("an answer");
        let status = answer.status();
        (status, timeout(PATIENCE, answer.json()).await.expect("a body in time").unwrap_or(Value::Null))
    }

    /// Publishes a text: its version, or the name of the code.
    pub async fn publish(&self, topic: &str, text: &str) -> Result<String, String> {
        let body = json!({ "data": text }).to_string();
        let (status, answer) = self.ask(Method::POST, &format!("/v1/topics/{topic}"), &body).await;
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{status}: {answer}")).to_owned();
        if status == StatusCode::OK { Ok(text("resourceVersion")) } else { Err(text("name")) }
    }

    /// All data of a topic, or the name of the code.
    pub async fn read(&self, topic: &str) -> Result<Vec<String>, String> {
        let (mut texts, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/topics/{topic}/history?limit=1000{next}");
            let (status, page) = self.ask(Method::GET, &path, "").await;
            if status != StatusCode::OK {
                return Err(page["name"].as_str().unwrap_or_else(|| panic!("{status}: {page}")).to_owned());
            }
            let items = page["items"].as_array().expect("a page has items");
            texts.extend(items.iter().map(|item| item["data"].as_str().unwrap_or_default().to_owned()));
            match page["continue"].as_str() {
                Some(token) => next = format!("&continue={token}"),
                None => return Ok(texts),
            }
        }
    }

    /// Segments of the log, in order.
    pub fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data().join("wal")).expect("the log is there");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let mut segments: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "wal")).collect();
        segments.sort();
        segments
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.node = None;
        let _ = fs::remove_dir_all(&self.root);
    }
}
