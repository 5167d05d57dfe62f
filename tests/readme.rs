//! Every code block of README.md, run in its order against one fresh node, as it is printed: only the address of the
//! node differs. A block that is not listed here fails the test, and so does an entry without a block.

#[path = "readme/blocks.rs"]
mod blocks;
#[path = "harness/mod.rs"]
mod harness;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use blocks::{Block, blocks};
use harness::Node;
use harness::node::temporary_directory;
use serde_json::Value;

/// The address in README.md.
const ADDRESS: &str = "http://127.0.0.1:8000";
/// The same, as people type it for curl.
const AUTHORITY: &str = "localhost:8000";

/// What a block is, and how it shows that it works.
enum Kind {
    /// The picture of the model: nothing to run.
    Picture,
    /// Starts the node; it is running since before the first block.
    Serve,
    /// Runs every test, this one among them.
    Test,
    /// Ends with this status, having printed these parts in their order.
    Shell(i32, &'static [&'static str]),
    /// Runs to its end, having published this text.
    Rust(&'static str),
    /// Ends with status 0, having printed this part.
    TypeScript(&'static str),
}

/// curl's status when `-m` has ended a stream.
const OPERATION_TIMEDOUT: i32 = 28;

/// Every block by its first words.
const BLOCKS: [(&str, Kind); 11] = [
    ("cargo run --release -- serve\n", Kind::Serve),
    ("cargo xtask test\n", Kind::Test),
    (" publish ──▶  topic", Kind::Picture),
    ("curl -d '{\"data\":{\"text\":\"hi\"}}'", Kind::Shell(0, &["{\"resourceVersion\":\"", ".1\"}"])),
    (
        "curl localhost:8000/v1/topics/chat:lobby\n",
        Kind::Shell(
            0,
            &["{\"topic\":\"chat:lobby\",\"resourceVersion\":\"", ".1\",\"items\":[", "{\"text\":\"hi\"}", "]}"],
        ),
    ),
    (
        "curl -N -m 2 -H 'Accept: text/event-stream'",
        Kind::Shell(
            OPERATION_TIMEDOUT,
            &["retry: 1000\n\n", "id: ", ".1\nevent: put\ndata: {", "{\"text\":\"hi\"}", "event: snapshot-end\n"],
        ),
    ),
    (
        "curl 'localhost:8000/v1/topics/chat:lobby?watch=true&timeout=1s'",
        Kind::Shell(0, &["{\"events\":[{\"type\":\"put\"", "{\"text\":\"hi\"}", "\"resourceVersion\":\""]),
    ),
    (
        "curl -H 'Idempotency-Key: order-17'",
        Kind::Shell(0, &["{\"resourceVersion\":\"", ".1\"}{\"resourceVersion\":\"", ".1\"}"]),
    ),
    (
        "fanfare publish chat:lobby",
        Kind::Shell(
            0,
            &[".2\n", ".1\n", "chat:lobby ", "ticks:eur ", "{\"text\":\"hi\"}", "{\"text\":\"from the shell\"}"],
        ),
    ),
    ("use fanfare_client::", Kind::Rust("hello from Rust")),
    ("import { Fanfare } from \"@fanfare/client\"", Kind::TypeScript("hello from TypeScript")),
];

#[test]
fn every_block_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("README.md can be read");
    let blocks = blocks(&readme);
    assert_eq!(unlisted(&blocks), Vec::<String>::new());

    let node = Node::start();
    let tour = Tour { node: &node, root };
    for block in &blocks {
        let (_, kind) = BLOCKS.iter().find(|(begins, _)| block.text.starts_with(begins)).expect("it was found above");
        println!("README.md:{}", block.line);
        tour.take(block, kind);
    }
}

/// Blocks that no entry is for, and entries that no block, or more than one, is for.
fn unlisted(blocks: &[Block]) -> Vec<String> {
    let is_for = |begins: &str, block: &Block| block.text.starts_with(begins);
    let strange = blocks.iter().filter(|block| !BLOCKS.iter().any(|(begins, _)| is_for(begins, block)));
    let strange = strange.map(|block| format!("README.md:{}: what shows that this block works?", block.line));
    let odd = BLOCKS.iter().filter(|(begins, _)| blocks.iter().filter(|block| is_for(begins, block)).count() != 1);
    strange.chain(odd.map(|(begins, _)| format!("not one block begins with `{begins}`"))).collect()
}

#[test]
fn a_block_that_nobody_listed_is_found_and_an_entry_without_a_block_too() {
    let block = |text: &str| Block { line: 1, language: "sh".to_owned(), text: text.to_owned() };
    let all: Vec<_> = BLOCKS.iter().map(|(begins, _)| block(begins)).collect();
    assert_eq!(unlisted(&all), Vec::<String>::new());
    let strange = [&all[1..], &[block("rm -r node\n")]].concat();
    assert_eq!(unlisted(&strange).len(), 2, "{:?}", unlisted(&strange));
}

#[test]
fn a_node_without_arguments_keeps_its_data_where_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("README.md can be read");
    assert!(readme.contains("The node keeps its data in `./fanfare-data`"));
    let directory = temporary_directory();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command.arg("serve").env("FANFARE_SERVER__LISTEN", "127.0.0.1:0").current_dir(&directory);
    let mut node = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary under test starts");
    // It prints the URLs to open once they can be opened.
    let mut line = String::new();
    let _ = BufReader::new(node.stdout.take().expect("standard output is piped")).read_line(&mut line);
    let _ = node.kill();
    let _ = node.wait();
    let entries = std::fs::read_dir(&directory).expect("the directory is there");
    let names: Vec<_> = entries.map(|entry| entry.expect("it can be read").file_name()).collect();
    let _ = std::fs::remove_dir_all(&directory);
    assert!(line.starts_with("http://"), "{line:?}");
    assert_eq!(names, ["fanfare-data"]);
}

struct Tour<'t> {
    node: &'t Node,
    root: &'t Path,
}

impl Tour<'_> {
    fn take(&self, block: &Block, kind: &Kind) {
        let language = match kind {
            Kind::Picture => "",
            Kind::Serve | Kind::Test | Kind::Shell(..) => "sh",
            Kind::Rust(_) => "rust",
            Kind::TypeScript(_) => "ts",
        };
        assert_eq!(block.language, language, "README.md:{}", block.line);
        match kind {
            Kind::Picture => {}
            // The words behind `--` are those that the harness starts the binary with, and nothing more.
            Kind::Serve => assert_eq!(block.text, "cargo run --release -- serve\n"),
            Kind::Test => {
                let aliases = std::fs::read_to_string(self.root.join(".cargo/config.toml")).expect("cargo's aliases");
                assert!(aliases.contains("xtask = "), "`cargo xtask` is an alias: {aliases}");
            }
            Kind::Shell(status, parts) => self.shell(block, *status, parts),
            Kind::Rust(text) => {
                let outcome = fanfare_readme::run(self.node.url(""));
                outcome.unwrap_or_else(|error| panic!("README.md:{}: {error}", block.line));
                self.assert_published(text);
            }
            Kind::TypeScript(text) => {
                self.typescript(block, text);
                self.assert_published(text);
            }
        }
    }

    /// The block as a script; `fanfare` is the binary under test, told where the node is.
    fn shell(&self, block: &Block, status: i32, parts: &[&str]) {
        let binary = Path::new(env!("CARGO_BIN_EXE_fanfare"));
        let directory = binary.parent().expect("the binary lies in a directory").display();
        let authority = format!("localhost:{}", self.node.address().port());
        let script = format!(
            "set -e\nPATH=\"{directory}:$PATH\"\nfanfare() {{ command fanfare \"$@\" --url {}; }}\n{}",
            self.node.url(""),
            block.text.replace(AUTHORITY, &authority),
        );
        let output = run(Command::new("sh").args(["-c", &script]), block);
        assert_eq!(output.status, Some(status), "README.md:{}: {output:?}", block.line);
        assert_parts(block, &output.text, parts);
    }

    /// The block as a module beside nothing, with `@fanfare/client` standing for the source of the SDK.
    fn typescript(&self, block: &Block, part: &str) {
        let sdk = self.root.join("sdk-ts");
        let directory = temporary_directory();
        let module = directory.join("tour.mts");
        let configuration = directory.join("tsconfig.json");
        let paths = serde_json::json!({ "@fanfare/client": [sdk.join("src/index.node.ts")] });
        let compiler = serde_json::json!({ "compilerOptions": { "module": "NodeNext", "paths": paths } });
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("a temporary file can be written");
        write(&module, &block.text.replace(ADDRESS, &self.node.url("")));
        write(&configuration, &compiler.to_string());
        let mut node = Command::new("node");
        // `tsx` is found from here.
        node.current_dir(&sdk).env("TSX_TSCONFIG_PATH", &configuration).args(["--import", "tsx"]).arg(&module);
        let output = run(&mut node, block);
        let _ = std::fs::remove_dir_all(&directory);
        assert_eq!(output.status, Some(0), "README.md:{}: {output:?}; `npm ci` in sdk-ts first?", block.line);
        assert_parts(block, &output.text, &[part]);
    }

    fn assert_published(&self, text: &str) {
        let url = self.node.url("/v1/topics/chat:lobby");
        let output = Command::new("curl").args(["-s", &url]).output().expect("curl is there");
        let snapshot: Value = serde_json::from_slice(&output.stdout).expect("a snapshot");
        let items = snapshot["items"].as_array().expect("a snapshot has items");
        assert!(items.iter().any(|item| item["data"]["text"] == text), "`{text}` in {snapshot}");
    }
}

/// What a program did.
#[derive(Debug)]
struct Output {
    status: Option<i32>,
    text: String,
    #[allow(dead_code, reason = "shown when an assertion fails")]
    errors: String,
}

fn run(command: &mut Command, block: &Block) -> Output {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("README.md:{}: {command:?}: {error}", block.line));
    let text = |bytes| String::from_utf8(bytes).expect("programs print UTF-8");
    Output { status: output.status.code(), text: text(output.stdout), errors: text(output.stderr) }
}

fn assert_parts(block: &Block, text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("README.md:{}: no `{part}`, where it belongs, in what was printed:\n{text}", block.line)
        };
        rest = after;
    }
}
