//! Generates what the crate includes from `OUT_DIR`: the prost types of `proto/` and its descriptors, the table of codes and the table of
//! metrics of `catalogue/`. Compiles the proto files with protox, so that no protoc has to be installed.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const PROTO_FILES: [&str; 3] =
    ["fanfare/v1/envelope.proto", "fanfare/v1/publication.proto", "fanfare/v1/session.proto"];

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(serde::Deserialize)]
struct Codes {
    code: Vec<CodeRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeRow {
    number: u16,
    name: String,
    http: u16,
    message: String,
    page: String,
}

#[derive(serde::Deserialize)]
struct Metrics {
    metric: Vec<MetricRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricRow {
    name: String,
    kind: String,
    unit: String,
    #[serde(default)]
    labels: Vec<String>,
    help: String,
}

fn main() -> Outcome<()> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=catalogue");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    generate_wire_types(&out)?;
    let codes: Codes = toml::from_str(&fs::read_to_string("catalogue/codes.toml")?)?;
    write_codes(&codes.code, &out.join("codes.rs"))?;
    let metrics: Metrics = toml::from_str(&fs::read_to_string("catalogue/metrics.toml")?)?;
    write_metrics(&metrics.metric, &out.join("metrics.rs"))?;
    Ok(())
}

fn generate_wire_types(out: &Path) -> Outcome<()> {
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTO_FILES)?;
    let descriptors = compiler.file_descriptor_set();
    compiler.include_source_info(false);
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;
    prost_build::Config::new()
        // Payloads stay slices of the frame that they arrived in.
        .bytes(["."])
        // Few events have one, and logs hold many events: in place it would be half of each.
        .boxed(".fanfare.v1.Event.error")
        // A message is handed on by value a few times on its way to a shard, and is as large as its largest kind.
        .boxed(".fanfare.v1.Publish.publication")
        // Sorted, so that equal values have equal bytes: views are shared and vectors compared by them.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}

fn write_codes(rows: &[CodeRow], path: &Path) -> Outcome<()> {
    let mut text = String::from(
        "/// A row of the catalogue of codes.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n\
         #[non_exhaustive]\npub enum Code {\n",
    );
    for row in rows {
        let (name, page) = (&row.name, &row.page);
        writeln!(text, "    /// `{name}` ({}). {page}\n    {},", row.number, camel_case(name))?;
    }
    text.push_str("}\n\nimpl Code {\n    /// Every code, in the order of the catalogue.\n    pub const ALL: &'static [Self] = &[\n");
    for row in rows {
        writeln!(text, "        Self::{},", camel_case(&row.name))?;
    }
    writeln!(text, "    ];\n}}\n\nconst ROWS: [Row; {}] = [", rows.len())?;
    for CodeRow { number, name, http, message, page } in rows {
        writeln!(
            text,
            "    Row {{ number: {number}, name: {name:?}, http_status: {http}, sentence: {message:?}, page: {page:?} }},"
        )?;
    }
    text.push_str("];\n");
    Ok(fs::write(path, text)?)
}

fn write_metrics(rows: &[MetricRow], path: &Path) -> Outcome<()> {
    let mut text = String::new();
    for MetricRow { name, kind, unit, labels, help } in rows {
        let kind = camel_case(kind);
        writeln!(
            text,
            "/// `fanfare_{name}`: {help}.\npub const {}: Metric = Metric {{ name: \"fanfare_{name}\", kind: MetricKind::{kind}, \
             unit: {unit:?}, labels: &{labels:?}, help: {help:?} }};\n",
            name.to_uppercase()
        )?;
    }
    text.push_str("/// Every metric, in the order of the catalogue.\npub const ALL: &[Metric] = &[\n");
    for row in rows {
        writeln!(text, "    {},", row.name.to_uppercase())?;
    }
    text.push_str("];\n");
    Ok(fs::write(path, text)?)
}

/// `NO_QUORUM` and `no_quorum` become `NoQuorum`.
fn camel_case(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            word.char_indices().map(
                |(index, letter)| {
                    if index == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
                },
            )
        })
        .collect()
}
