//! `fanfare namespace`: what is declared about topics, and declaring it on a running node.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use fanfare_engine::config::{Config, Sources};
use fanfare_protocol::TopicName;
use serde_json::Value;

use super::node::{Node, block_on};
use super::usage::WrongUsage;

/// Where a node has them.
const PATH: &str = "/v1/admin/namespaces";

/// What the table shows of each.
const COLUMNS: [&str; 8] =
    ["name", "kind", "durability", "history_count", "history_bytes", "history_age_ms", "topics_max", "bytes_max"];

/// List, show or change the policies of topics; on the node's own machine.
#[derive(Debug, Subcommand)]
pub(super) enum Namespace {
    /// List all namespaces with what tells them apart.
    List(List),
    /// Print one namespace with every key, as it would be declared in a file.
    Show(Show),
    /// Declare what a file declares by `[[namespace]]`; says for each what that changed.
    ///
    /// What a `[[namespace]]` leaves out takes its default. Namespaces that the file does not declare stay as they are.
    /// A changed durability ends the topics of the namespace.
    Apply(Apply),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// An object a line, with every key.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: Node,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Which; `default` covers those that are not declared.
    name: String,
    /// As an object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: Node,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// A configuration; only its `[[namespace]]` entries are looked at.
    file: PathBuf,
    #[command(flatten)]
    node: Node,
}

impl Namespace {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::List(list) => block_on(list.run()),
            Self::Show(show) => block_on(show.run()),
            Self::Apply(apply) => block_on(apply.run()),
        }
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let answer = self.node.get(PATH, &[]).await?;
        let items = answer["items"].as_array().context("the node's answer has no `items`")?;
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            for item in items {
                writeln!(out, "{item}")?;
            }
        } else {
            out.write_all(table(items).as_bytes())?;
        }
        Ok(out.flush()?)
    }
}

impl Show {
    async fn run(self) -> Result<()> {
        let is_name = TopicName::parse(&self.name).is_ok() && !self.name.contains([':', '{', '}']);
        if !is_name {
            return Err(WrongUsage(format!("`{}` cannot name a namespace", self.name)).into());
        }
        let item = self.node.get(&format!("{PATH}/{}", self.name), &[]).await?;
        let mut out = io::stdout().lock();
        if self.json {
            return Ok(writeln!(out, "{item}")?);
        }
        Ok(out.write_all(declaration(&item)?.as_bytes())?)
    }
}

impl Apply {
    async fn run(self) -> Result<()> {
        for namespace in declared(&self.file)? {
            let name = &namespace.name;
            let body = serde_json::to_value(&namespace).context("a namespace cannot be worded")?;
            let answer = self.node.put(&format!("{PATH}/{name}"), &body).await;
            let answer = answer.with_context(|| format!("the namespace `{name}` was not applied"))?;
            writeln!(io::stdout(), "{name}: {}", outcome(&answer))?;
        }
        Ok(())
    }
}

fn declared(file: &Path) -> Result<Vec<fanfare_engine::config::Namespace>> {
    let file = super::config::read(file)?;
    let name = file.name.clone();
    let config = Config::load(Sources { file: Some(file), ..Sources::default() })?;
    if config.namespaces.is_empty() {
        bail!("`{name}` declares no `[[namespace]]`: `fanfare config example` shows how");
    }
    Ok(config.namespaces.clone())
}

/// What has come of one, in a few words.
fn outcome(answer: &Value) -> String {
    let differences = answer["differences"].as_array().map(Vec::as_slice).unwrap_or_default();
    if differences.is_empty() {
        return answer["outcome"].as_str().unwrap_or("applied").to_owned();
    }
    let words = |difference: &Value| {
        let key = difference["key"].as_str().unwrap_or("?");
        format!("{key} {} → {}", plain(&difference["from"]), plain(&difference["to"]))
    };
    differences.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// A `[[namespace]]` that would declare it.
fn declaration(item: &Value) -> Result<String> {
    let namespace = item["namespace"].as_object().context("the node's answer has no `namespace`")?;
    let mut out = String::new();
    if let Some(durability) = item["movingTo"].as_str() {
        out.push_str(&format!("# Its topics are being ended: it becomes {durability}.\n"));
    }
    out.push_str("[[namespace]]\n");
    let name = namespace.iter().filter(|(key, _)| *key == "name");
    let others = namespace.iter().filter(|(key, _)| *key != "name");
    for (key, value) in name.chain(others) {
        // Of the texts in it none has a character that JSON and TOML write differently.
        out.push_str(&format!("{key} = {value}\n"));
    }
    Ok(out)
}

/// Columns as wide as what stands in them, numbers to the right.
fn table(items: &[Value]) -> String {
    let heads = COLUMNS.iter().map(|column| (column.to_uppercase(), false)).collect();
    let rows: Vec<Vec<(String, bool)>> = std::iter::once(heads).chain(items.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].0.chars().count()).max().unwrap_or_default();
    let is_number = |column: usize| rows.iter().skip(1).all(|row| row[column].1) && rows.len() > 1;
    let shapes: Vec<_> = (0..COLUMNS.len()).map(|column| (width(column), is_number(column))).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&shapes).map(|((text, _), (width, is_number))| match is_number {
            true => format!("{text:>width$}"),
            false => format!("{text:<width$}"),
        });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn row(item: &Value) -> Vec<(String, bool)> {
    let cell = |column: &&str| {
        let value = &item["namespace"][column];
        let text = match item["movingTo"].as_str() {
            Some(to) if *column == "durability" => format!("{} → {to}", plain(value)),
            _ => plain(value),
        };
        (text, value.is_number())
    };
    COLUMNS.iter().map(cell).collect()
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(name: &str, history_count: u64) -> Value {
        json!({ "version": 3, "namespace": {
            "name": name, "kind": "stream", "durability": "replicated", "history_count": history_count,
            "history_bytes": 1, "history_age_ms": 2, "topics_max": 3, "bytes_max": 4,
        }})
    }

    #[test]
    fn a_table_has_columns_as_wide_as_what_stands_in_them() {
        let mut moving = item("chat", 1_000);
        moving["movingTo"] = json!("ephemeral");
        assert_eq!(
            table(&[moving, item("default", 5)]),
            "\
NAME     KIND    DURABILITY              HISTORY_COUNT  HISTORY_BYTES  HISTORY_AGE_MS  TOPICS_MAX  BYTES_MAX
chat     stream  replicated → ephemeral           1000              1               2           3          4
default  stream  replicated                          5              1               2           3          4
"
        );
    }

    #[test]
    fn what_is_shown_could_be_declared() {
        let mut item = item("chat", 5);
        let declared: toml::Table = declaration(&item).unwrap().parse().unwrap();
        assert_eq!(declared["namespace"][0]["name"].as_str(), Some("chat"));
        assert_eq!(declared["namespace"][0]["history_count"].as_integer(), Some(5));
        item["movingTo"] = json!("ephemeral");
        assert!(declaration(&item).unwrap().starts_with("# Its topics are being ended"));
    }

    #[test]
    fn an_outcome_names_every_key_that_changed() {
        let answer = json!({ "outcome": "changed", "differences": [
            { "key": "durability", "from": "replicated", "to": "ephemeral" }, { "key": "keys_max", "from": 1, "to": 2 },
        ]});
        assert_eq!(outcome(&answer), "durability replicated → ephemeral, keys_max 1 → 2");
        assert_eq!(outcome(&json!({ "outcome": "unchanged", "differences": [] })), "unchanged");
    }
}
