//! The command line from outside: what it prints, what it answers to the shell, and when it ends.

mod harness;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use harness::node::temporary_directory;
use harness::{Node, PATIENCE, Socket};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_fanfare");

/// The binary, without variables of whoever runs the tests.
fn fanfare(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    if arguments.first() == Some(&"serve") {
        // Its data directory is where it was started, unless it is told otherwise.
        command.current_dir(temporary_directory());
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
fn run(arguments: &[&str]) -> Output {
    ended(fanfare(arguments))
}

/// The same, of a command that was prepared; where a node was started goes with it.
fn ended(mut command: Command) -> Output {
    let output = command.output().expect("the binary under test starts");
    if let Some(directory) = command.get_current_dir() {
        let _ = fs::remove_dir_all(directory);
    }
    output
}

/// What a command that must succeed prints.
fn printed(node: &Node, arguments: &[&str]) -> String {
    let output = run(&with_url(node, arguments));
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn with_url<'a>(node: &'a Node, arguments: &[&'a str]) -> Vec<&'a str> {
    let url: &str = node.url("").leak();
    [arguments, &["--url", url]].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// What a command says on standard error, without the log of a node, which is JSON off a terminal.
fn said(output: &Output) -> String {
    text(&output.stderr).lines().filter(|line| !line.starts_with('{')).map(|line| format!("{line}\n")).collect()
}

/// The exit status and what is said by a command that must fail.
#[track_caller]
fn assert_fails(output: &Output, status: i32, parts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.starts_with("error: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said}");
    }
}

/// A file that is removed with its directory.
struct Scratch(PathBuf);

impl Scratch {
    fn with(content: &str) -> Self {
        let directory = temporary_directory();
        fs::write(directory.join("f.toml"), content).expect("a temporary file can be written");
        Self(directory)
    }

    fn file(&self) -> String {
        self.0.join("f.toml").display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command that goes on until it is stopped.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    notes: mpsc::Receiver<String>,
    /// Where a node was started; goes with it.
    directory: Option<PathBuf>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary under test starts");
        let printed = lines(child.stdout.take().expect("standard output is piped"));
        let notes = lines(child.stderr.take().expect("standard error is piped"));
        Self { child, lines: printed, notes, directory: command.get_current_dir().map(Path::to_owned) }
    }

    fn watch(node: &Node, arguments: &[&str]) -> Self {
        Self::start(fanfare(&with_url(node, &[&["watch"], arguments].concat())))
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line in time")
    }

    #[track_caller]
    fn note(&self) -> String {
        self.notes.recv_timeout(PATIENCE).expect("a note in time")
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("`kill` is there").success(), "the process lives");
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            thread::park_timeout(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

#[test]
fn wrong_usage_exits_2_and_says_what_would_be_right() {
    for (arguments, part) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["serve", "--listen", "nonsense"], "--listen"),
        (&["serve", "--bootstrap"], "run a single node"),
        (&["serve", "--node-id", "a"], "--node-id"),
        (&["serve", "--join", "10.0.0.1:7000"], "--join"),
        (&["publish", "chat:a"], "<DATA"),
        (&["publish", "chat:a", "--delete"], "--key"),
        (&["publish", "a/b", "1"], "a/b"),
        (&["publish", "chat:a", "1", "--attr", "x"], "NAME=VALUE"),
        (&["publish", "chat:a", "1", "--ttl", "soon"], "soon"),
        (&["publish", "chat:a", "1", "--if-version", "7"], "7"),
        (&["publish", "chat:a", "-", "--if-version", "a.1"], "--if-version"),
        (&["publish", "chat:a", "-", "--idempotency-key", "k"], "--idempotency-key"),
        (&["watch", "chat:a", "--from", "yesterday"], "beginning"),
        (&["watch", ""], "topic"),
        (&["topics", "--url", "https://node"], "http"),
        (&["topics", "--url", "node:8000"], "http://HOST:PORT"),
    ] {
        assert_fails(&run(arguments), 2, &[part]);
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn help_and_version_exit_0() {
    for arguments in
        [&["--help"][..], &["--version"], &["serve", "--help"], &["watch", "--help"], &["config", "--help"]]
    {
        let output = run(arguments);
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(text(&run(&["--version"]).stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_example_is_a_configuration_with_nothing_wrong() {
    let example = run(&["config", "example"]);
    assert!(example.status.success());
    let file = Scratch::with(&text(&example.stdout));
    let checked = run(&["config", "check", &file.file()]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert_eq!(text(&checked.stdout), format!("{}: nothing is wrong\n", file.file()));
}

#[test]
fn a_check_names_every_line_that_is_wrong() {
    let file = Scratch::with("[limits]\nframe_byte_max = 3\nconnections_max = \"many\"\n\n[cluster]\nsecret = \"x\"\n");
    let name = file.file();
    let output = run(&["config", "check", &name]);
    let expected = [
        &format!(
            "error: {name}:2: unknown key `limits.frame_byte_max`, the nearest known one is `limits.frame_bytes_max`"
        ),
        &format!("error: {name}:3: `limits.connections_max` must be a whole number, not `\"many\"`"),
        &format!(
            "error: {name}:5: `cluster` (a node of a cluster) is not supported by this version: remove the section"
        ),
    ];
    assert_fails(&output, 1, &expected.map(String::as_str));
    assert_eq!(said(&output).lines().count(), 3);
    assert_fails(&run(&["config", "check", "no-such-file.toml"]), 1, &["`no-such-file.toml`"]);
}

#[test]
fn a_check_tells_what_would_keep_a_node_from_starting() {
    let file = Scratch::with("server.listen = \"0.0.0.0:0\"");
    let checked = run(&["config", "check", &file.file()]);
    assert!(checked.status.success());
    assert!(text(&checked.stdout).contains("--insecure-open"), "{}", text(&checked.stdout));
}

#[test]
fn a_node_does_not_start_with_a_configuration_that_is_wrong() {
    let file = Scratch::with("[limits]\n\nframe_bytes_max = 65536\n");
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--config", &file.file()]);
    assert_fails(&output, 1, &[":3: namespace `default`: `publication_bytes_max`"]);
}

#[test]
fn beyond_loopback_a_node_starts_only_when_it_is_opened_on_purpose() {
    let refused = run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_fails(&refused, 1, &["0.0.0.0:0", "beyond loopback", "neither auth nor TLS", "--insecure-open"]);
    let file = Scratch::with("server.tls.terminated_by_proxy = true");
    let refused = run(&["serve", "--listen", "[::]:0", "--config", &file.file()]);
    assert_fails(&refused, 1, &["no auth", "--insecure-open"]);
    let node = Node::at("0.0.0.0:0", &["--insecure-open"], "");
    assert!(node.address().ip().is_loopback(), "a URL that can be opened: {}", node.address());
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, part) in [
        ("FANFARE_LIMITS__TOPICS_MAX", "many", "must be a whole number"),
        ("FANFARE_LIMITS__TOPIC_MAX", "5", "FANFARE_LIMITS__TOPICS_MAX"),
        ("FANFARE_SERVER_LISTEN", "127.0.0.1:0", "FANFARE_SERVER__LISTEN"),
        ("FANFARE_AUTH__KEYS", "x", "not supported by this version"),
        ("FANFARE_LOG", "a=b=c", "is not a filter"),
    ] {
        let mut command = fanfare(&["serve", "--listen", "127.0.0.1:0"]);
        command.env(name, value);
        assert_fails(&ended(command), 1, &[&format!("error: {name}: "), part]);
    }
}

#[test]
fn variables_configure_a_node_and_arguments_win_over_them() {
    let mut command = fanfare(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("FANFARE_SERVER__LISTEN", "0.0.0.0:1").env("FANFARE_STORAGE__DATA_DIR", "elsewhere");
    let node = Running::start(command);
    assert!(node.line().starts_with("http://127.0.0.1:"));
    let log: Value = serde_json::from_str(&node.note()).expect("off a terminal, logs are JSON");
    let configuration = log["configuration"].as_str().expect("the effective tree is logged");
    assert!(configuration.contains("data_dir = \"elsewhere\""), "{configuration}");
    let started_in = node.directory.as_ref().expect("it was started somewhere");
    assert!(started_in.join("elsewhere/identity.toml").is_file(), "it is used");
}

#[test]
fn a_node_prints_what_to_open_and_exits_0_when_it_is_asked_to_stop() {
    for signal in ["TERM", "INT"] {
        let mut node = Running::start(fanfare(&["serve", "--listen", "127.0.0.1:0"]));
        let url = node.line().split_whitespace().next().expect("a URL").to_owned();
        assert!(url.ends_with("/demo/chat/") && !url.contains(":0/"), "{url}");
        node.signal(signal);
        assert_eq!(node.wait().code(), Some(0), "SIG{signal}");
    }
}

/// Here a client that reads nothing holds up the drain.
#[tokio::test]
async fn a_second_signal_ends_a_node_at_once() {
    let mut node = Running::start(fanfare(&["serve", "--listen", "127.0.0.1:0"]));
    let url = node.line();
    let address = url.trim_start_matches("http://").split('/').next().and_then(|address| address.parse().ok());
    let address = address.expect("an address");
    let mut idle = Socket::json(address).await;
    idle.say("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
    let mut publisher = Socket::json(address).await;
    for id in 1..=40 {
        let answer = publisher.ask("PUBLISH", id, json!({ "topic": "chat:a", "data": "x".repeat(200_000) })).await;
        assert_eq!(answer["type"], "PUBLISHED", "{answer}");
    }
    node.signal("TERM");
    while !node.note().contains("\"stopping") {}
    let pid = node.child.id().to_string();
    // Those that come within 200 ms of the first belong to it.
    let status = loop {
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        if let Some(status) = node.child.try_wait().expect("the process is our child") {
            break status;
        }
    };
    assert_eq!(status.code(), Some(1));
    assert!(node.notes.iter().any(|note| note.starts_with("error: ended at once")));
}

/// As `timeout` sends them: to the process, and to its group.
#[test]
fn two_signals_at_once_are_one() {
    let mut node = Running::start(fanfare(&["serve", "--listen", "127.0.0.1:0"]));
    node.line();
    let pid = node.child.id().to_string();
    let kill = format!("kill -TERM {pid}; kill -INT {pid}");
    Command::new("sh").args(["-c", &kill]).status().expect("`sh` is there");
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let node = Node::start();
    let address = node.address().to_string();
    assert_fails(&run(&["serve", "--listen", &address]), 1, &[&address, "another node"]);
}

#[test]
fn without_a_node_a_command_says_how_to_start_one() {
    let node = Node::start();
    let url = node.url("");
    drop(node);
    for arguments in [&["publish", "chat:a", "1"][..], &["watch", "chat:a"], &["topics"]] {
        let output = run(&[arguments, &["--url", &url]].concat());
        assert_fails(&output, 1, &[&url, "`fanfare serve`"]);
        assert_eq!(said(&output).lines().count(), 1);
    }
}

#[test]
fn what_is_published_is_watched_and_listed() {
    let node = Node::start();
    let first = printed(&node, &["publish", "chat:lobby", "{\"text\": \"hi\"}"]);
    let second = printed(&node, &["publish", "chat:lobby", "not JSON"]);
    let mut watch = Running::watch(&node, &["chat:lobby"]);
    assert_eq!(watch.line(), format!("{} - {{\"text\":\"hi\"}}", first.trim()));
    assert_eq!(watch.line(), format!("{} - \"not JSON\"", second.trim()));
    let third = printed(&node, &["publish", "chat:lobby", "-1.50", "--attr", "a=b"]);
    assert_eq!(watch.line(), format!("{} - -1.50", third.trim()));
    let listed = printed(&node, &["topics"]);
    assert_eq!(listed, format!("chat:lobby {} stream\n", third.trim()));
    assert_eq!(printed(&node, &["topics", "typing"]), "");
    watch.signal("INT");
    assert_eq!(watch.wait().code(), Some(0));
}

#[test]
fn a_watch_begins_where_it_is_told() {
    let node = Node::start();
    let versions: Vec<String> =
        (0..3).map(|n| printed(&node, &["publish", "chat:a", &n.to_string()]).trim().to_owned()).collect();
    for (from, first) in [("beginning", &versions[0]), ("snapshot", &versions[0]), (&versions[0], &versions[1])] {
        let watch = Running::watch(&node, &["chat:a", "--from", from]);
        assert!(watch.line().starts_with(first.as_str()), "from {from}");
    }
    let json = Running::watch(&node, &["chat:a", "--from", &versions[1], "--json"]);
    let event: Value = serde_json::from_str(&json.line()).expect("an event is JSON");
    assert_eq!(
        (&event["type"], &event["data"], &event["resourceVersion"]),
        (&json!("put"), &json!(2), &json!(versions[2]))
    );
}

#[test]
fn keys_are_put_guarded_and_deleted() {
    let node = Node::start();
    let put = printed(&node, &["publish", "ticks:a", "1", "--key", "ACME"]);
    let watch = Running::watch(&node, &["ticks:a"]);
    assert_eq!(watch.line(), format!("{} ACME 1", put.trim()));
    let guarded = ["publish", "ticks:a", "2", "--key", "ACME", "--if-version", put.trim()];
    let second = printed(&node, &guarded);
    assert_eq!(watch.line(), format!("{} ACME 2", second.trim()));
    assert_fails(&run(&with_url(&node, &guarded)), 1, &["VERSION_CONFLICT"]);
    let deleted = printed(&node, &["publish", "ticks:a", "--key", "ACME", "--delete"]);
    assert_eq!(watch.line(), format!("{} ACME (deleted)", deleted.trim()));
    printed(&node, &["publish", "ticks:a", "3", "--key", "two words", "--ttl", "50ms"]);
    assert!(watch.line().ends_with(" \"two words\" 3"));
    assert!(watch.line().ends_with(" \"two words\" (deleted)"), "its time is over");
    assert_fails(&run(&with_url(&node, &["publish", "ticks:a", "4"])), 1, &["WRONG_KIND"]);
}

#[test]
fn a_publish_repeated_under_its_key_takes_effect_once() {
    let node = Node::start();
    let publish = ["publish", "chat:a", "1", "--idempotency-key", "k-1"];
    assert_eq!(printed(&node, &publish), printed(&node, &publish));
    let other = run(&with_url(&node, &["publish", "chat:a", "2", "--idempotency-key", "k-1"]));
    assert_fails(&other, 1, &["IDEMPOTENCY_MISMATCH"]);
}

#[test]
fn each_line_of_the_input_is_a_publication_in_order() {
    let node = Node::start();
    let mut command = fanfare(&with_url(&node, &["publish", "chat:a", "-"]));
    let mut publish = Running::start({
        command.stdin(Stdio::piped());
        command
    });
    let mut input = publish.child.stdin.take().expect("standard input is piped");
    let count = 500;
    for n in 0..count {
        writeln!(input, "{n}").expect("it reads");
        if n == 7 {
            writeln!(input).expect("it reads");
        }
    }
    drop(input);
    let watch = Running::watch(&node, &["chat:a", "--from", "beginning"]);
    for n in 0..count {
        let version = publish.line();
        assert!(version.ends_with(&format!(".{}", n + 1)), "{version}");
        assert_eq!(watch.line(), format!("{version} - {n}"));
    }
    assert_eq!(publish.wait().code(), Some(0));
}

#[test]
fn a_line_that_is_refused_is_named() {
    let node = Node::start();
    let mut command = fanfare(&with_url(&node, &["publish", "chat:a", "-"]));
    let mut publish = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = publish.stdin.take().expect("standard input is piped");
    writeln!(input, "1\n\"{}\"", "x".repeat(300_000)).expect("it reads");
    drop(input);
    assert_fails(&publish.wait_with_output().expect("it ends"), 1, &["line 2: ", "PUBLICATION_TOO_LARGE"]);
}

#[test]
fn a_watch_shows_what_is_asked_for_and_no_faster() {
    let node = Node::start();
    let put = |key: &str, data: &str| printed(&node, &["publish", "ticks:a", data, "--key", key]);
    put("ACME", r#"{"bid":1,"ask":2,"venue":"x"}"#);
    put("IBM", r#"{"bid":9,"ask":10,"venue":"y"}"#);
    let dear = Running::watch(&node, &["ticks:a", "--filter", "data.bid > 5", "--fields", "bid,ask"]);
    let acme = Running::watch(&node, &["ticks:a", "--where", "key=ACME", "--where", "data.ask=2", "--json"]);
    assert!(dear.line().ends_with(r#" IBM {"bid":9,"ask":10}"#));
    assert_eq!(serde_json::from_str::<Value>(&acme.line()).expect("JSON")["key"], "ACME");
    assert_eq!(serde_json::from_str::<Value>(&acme.line()).expect("JSON")["type"], "snapshot-end");
    put("ACME", r#"{"bid":7,"ask":8}"#);
    assert!(dear.line().ends_with(r#" ACME {"bid":7,"ask":8}"#));
    let left = serde_json::from_str::<Value>(&acme.line()).expect("JSON");
    assert_eq!((&left["type"], &left["key"]), (&json!("delete"), &json!("ACME")), "it does not match any more");

    put("VW", "0");
    let paced = Running::watch(&node, &["ticks:a", "--where", "key=VW", "--interval", "2s"]);
    assert!(paced.line().ends_with(" VW 0"));
    (1..=20).for_each(|n| drop(put("VW", &n.to_string())));
    let lines: Vec<_> =
        std::iter::from_fn(|| Some(paced.line())).take_while(|line| !line.ends_with(" VW 20")).collect();
    assert!(lines.len() < 15, "only the latest is shown: {lines:?}");

    let output = run(&with_url(&node, &["watch", "ticks:a", "--filter", "data.bid >"]));
    assert_fails(&output, 1, &["filter"]);
    let output = run(&with_url(&node, &["watch", "ticks:a", "--where", "data.bid"]));
    assert_eq!(output.status.code(), Some(2));
}

/// A pipeline ends only when all of it does, so a watch must not wait for a next line that nobody will read.
#[test]
fn a_watch_ends_when_its_reader_has_enough() {
    let node = Node::start();
    let version = printed(&node, &["publish", "chat:a", "1"]);
    let pipeline = format!("'{BINARY}' watch chat:a --url {} | head -n 1", node.url(""));
    let mut shell = Command::new("sh");
    shell.args(["-c", &pipeline]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = Running::start(shell);
    assert_eq!(shell.line(), format!("{} - 1", version.trim()));
    assert_eq!(shell.wait().code(), Some(0));
    assert!(shell.notes.recv().is_err(), "and it does so quietly");
}

#[test]
fn a_watch_goes_on_when_its_node_has_been_away() {
    let mut node = Node::start();
    let address = node.address().to_string();
    printed(&node, &["publish", "chat:a", "1"]);
    let watch = Running::watch(&node, &["chat:a"]);
    assert!(watch.line().ends_with(" - 1"));
    node.kill();
    assert!(watch.note().starts_with("note: not connected"));
    let node = Node::at(&address, &[], "");
    printed(&node, &["publish", "chat:a", "2"]);
    assert!(watch.line().ends_with(" - 2"));
    assert!(
        watch.notes.iter().any(|note| note.contains("a snapshot follows")),
        "the log did not survive, which is told"
    );
}

#[tokio::test]
async fn data_that_is_not_json_is_shown_as_base64() {
    let node = Node::start();
    let mut socket = Socket::json(node.address()).await;
    let publication = json!({ "topic": "chat:a", "dataBase64": "AP8=", "contentType": "bytes" });
    assert_eq!(socket.ask("PUBLISH", 1, publication).await["type"], "PUBLISHED");
    let watch = Running::watch(&node, &["chat:a"]);
    assert!(watch.line().ends_with(" - base64:AP8="));
}
