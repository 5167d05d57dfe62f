//! `fanfare storage`: the data directory of a node that is stopped, verified or counted; not a byte of it is changed.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fanfare_engine::inspection::{self, Checked, Figures};
use fanfare_engine::store::{Fault, ShardFigures, TopicFigures};
use serde_json::{Value, json};

/// Verify the data directory of a stopped node, or tell its figures.
#[derive(Debug, Subcommand)]
pub(super) enum Storage {
    /// Verify every checksum, every version, every fold; prints a line for each fault, and a summary.
    ///
    /// Exits 1 when anything is wrong. Takes about as long as reading all files twice.
    Check(Directory),
    /// Tell what a directory holds, what takes the space, and what a start would have to apply again.
    Stat(Directory),
}

#[derive(Debug, Args)]
pub(super) struct Directory {
    /// The node's data directory.
    directory: PathBuf,
    /// One object.
    #[arg(long)]
    json: bool,
}

impl Storage {
    pub(super) fn run(self) -> Result<()> {
        crate::logging::of_a_client()?;
        match self {
            Self::Check(Directory { directory, json }) => check(&directory, json),
            Self::Stat(Directory { directory, json }) => stat(&directory, json),
        }
    }
}

fn check(directory: &Path, is_json: bool) -> Result<()> {
    let checked = inspection::check(directory)?;
    let mut out = BufWriter::new(io::stdout().lock());
    if is_json {
        writeln!(out, "{}", checked_as_json(&checked))?;
    } else {
        for Fault { place, what } in &checked.faults {
            writeln!(out, "{place}: {what}")?;
        }
        for Fault { place, what } in &checked.notes {
            writeln!(out, "note: {place}: {what}")?;
        }
        writeln!(out, "{}: {}", directory.display(), summary(&checked))?;
    }
    out.flush()?;
    if checked.faults_count > 0 {
        bail!("`{}` is damaged: restore a backup, or start the node and see what it still serves", directory.display());
    }
    Ok(())
}

fn summary(checked: &Checked) -> String {
    let verdict = match checked.faults_count {
        0 => "nothing is wrong".to_owned(),
        count if count > checked.faults.len() as u64 => format!("{count} faults, the first of them above"),
        count => counted(count, "fault", "faults"),
    };
    let parts = [
        verdict,
        counted(checked.segments, "segment", "segments"),
        counted(checked.records, "record", "records"),
        counted(checked.replayed, "entry to apply again", "entries to apply again"),
        counted(checked.shards, "shard", "shards"),
        counted(checked.topics, "topic", "topics"),
        counted(checked.publications, "publication", "publications"),
        counted(checked.keys, "key", "keys"),
        counted(checked.namespaces, "namespace", "namespaces"),
    ];
    parts.join(", ")
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn checked_as_json(checked: &Checked) -> Value {
    let list = |found: &[Fault]| -> Vec<Value> {
        found.iter().map(|Fault { place, what }| json!({ "place": place, "what": what })).collect()
    };
    json!({
        "format": checked.identity.format, "faultsCount": checked.faults_count, "faults": list(&checked.faults),
        "notes": list(&checked.notes), "segments": checked.segments, "records": checked.records,
        "replayedEntries": checked.replayed, "shards": checked.shards, "topics": checked.topics,
        "publications": checked.publications, "keys": checked.keys, "namespaces": checked.namespaces,
    })
}

fn stat(directory: &Path, is_json: bool) -> Result<()> {
    let figures = inspection::stat(directory)?;
    let mut out = io::stdout().lock();
    if is_json {
        return Ok(writeln!(out, "{}", figures_as_json(&figures))?);
    }
    Ok(out.write_all(table(&figures).as_bytes())?)
}

fn sums(figures: &Figures) -> TopicFigures {
    figures.state.shards.iter().map(|shard| shard.topics).fold(TopicFigures::default(), TopicFigures::and)
}

fn figures_as_json(figures: &Figures) -> Value {
    let Figures { identity, log, state, namespaces } = figures;
    let topics = sums(figures);
    let shard = |shard: &ShardFigures| {
        json!({
            "shard": shard.shard.get(), "index": shard.position.index, "topics": shard.topics.topics,
            "publications": shard.topics.publications, "keys": shard.topics.keys,
        })
    };
    let tables = state.sizes.tables.iter().map(|(table, bytes)| ((*table).to_owned(), json!(bytes)));
    json!({
        "format": identity.format, "node": identity.node, "shardsMax": identity.shards, "namespaces": namespaces,
        "topics": topics.topics, "publications": topics.publications,
        "publicationsBytes": topics.publications_bytes, "keys": topics.keys, "keysBytes": topics.keys_bytes,
        "known": topics.known, "shards": state.shards.iter().map(shard).collect::<Vec<_>>(),
        "log": {
            "segments": log.segments_count, "oldestSegment": log.segments.map(|(oldest, _)| oldest),
            "newestSegment": log.segments.map(|(_, newest)| newest), "bytes": log.segments_bytes,
            "usedBytes": log.used_bytes, "spares": log.spares_count, "entries": log.entries,
            "entriesBytes": log.entries_bytes, "replayedEntries": log.replayed,
        },
        "state": { "tablesBytes": tables.collect::<serde_json::Map<_, _>>(), "journalBytes": state.sizes.journal_bytes },
    })
}

/// A name and a figure a line, figures to the right.
fn table(figures: &Figures) -> String {
    let Figures { identity, log, state, namespaces } = figures;
    let topics = sums(figures);
    let mut rows = vec![
        ("format".to_owned(), identity.format.into()),
        ("shards with topics or policies".to_owned(), state.shards.len() as u64),
        ("namespaces".to_owned(), *namespaces),
        ("topics".to_owned(), topics.topics),
        ("publications".to_owned(), topics.publications),
        ("publications, bytes".to_owned(), topics.publications_bytes),
        ("keys".to_owned(), topics.keys),
        ("keys, bytes".to_owned(), topics.keys_bytes),
        ("remembered idempotency keys and producers".to_owned(), topics.known),
        ("log: segments".to_owned(), log.segments_count),
    ];
    if let Some((oldest, newest)) = log.segments {
        rows.push(("log: oldest segment".to_owned(), oldest));
        rows.push(("log: newest segment".to_owned(), newest));
    }
    rows.extend([
        ("log: bytes of segments".to_owned(), log.segments_bytes),
        ("log: bytes of records".to_owned(), log.used_bytes),
        ("log: spare segments".to_owned(), log.spares_count),
        ("log: entries".to_owned(), log.entries),
        ("log: entries that a start applies again".to_owned(), log.replayed),
        ("state: journal, bytes".to_owned(), state.sizes.journal_bytes),
    ]);
    rows.extend(state.sizes.tables.iter().map(|(table, bytes)| (format!("state: table {table}, bytes"), *bytes)));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let digits = rows.iter().map(|(_, figure)| figure.to_string().len()).max().unwrap_or_default();
    rows.iter().map(|(name, figure)| format!("{name:<width$}  {figure:>digits$}\n")).collect()
}
