//! `fanfare topics`: which topics exist.

use std::io::{self, BufWriter, Write};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::node::{Node, block_on};

/// Topics asked for at once: as many as a node gives by default.
const PAGE_ITEMS: &str = "1000";

/// List topics, in the order of their names: TOPIC VERSION KIND.
#[derive(Debug, Args)]
pub(super) struct Topics {
    /// Only those that begin with it.
    prefix: Option<String>,
    #[command(flatten)]
    node: Node,
}

impl Topics {
    pub(super) fn run(self) -> Result<()> {
        block_on(self.list())
    }

    async fn list(self) -> Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut next: Option<String> = None;
        loop {
            let mut parameters = vec![("limit", PAGE_ITEMS)];
            parameters.extend(self.prefix.as_deref().map(|prefix| ("prefix", prefix)));
            parameters.extend(next.as_deref().map(|token| ("continue", token)));
            let page = self.node.get("/v1/topics", &parameters).await?;
            for item in page["items"].as_array().context("the node's answer has no `items`")? {
                let member = |name: &str| item[name].as_str().unwrap_or("-");
                writeln!(out, "{} {} {}", member("topic"), member("resourceVersion"), member("kind"))?;
            }
            next = match &page["continue"] {
                Value::String(token) => Some(token.clone()),
                _ => break,
            };
        }
        Ok(out.flush()?)
    }
}
