//! The rules of the project's shape, as tables, and the tests that hold the tree to them. Every check
//! is proved on planted breaches beside its code in `tidy/`; here they meet the real files. A breach
//! is mended in the file it names; a rule is changed here, in the open.

#[path = "tidy/blank.rs"]
mod blank;
#[path = "tidy/catalogue.rs"]
mod catalogue;
#[path = "tidy/cores.rs"]
mod cores;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/scripts.rs"]
mod scripts;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/supply.rs"]
mod supply;
#[path = "tidy/tree.rs"]
mod tree;

use cores::Rooms;
use layers::Layer;
use tree::{Breach, Tree};

/// Who may import whom. `ours`: the crates of this workspace that it may use. `never`: what it must
/// not see, in its manifest or its code; a trailing `*` stands for any ending.
const LAYERS: [Layer; 6] = [
    Layer {
        folder: "protocol/",
        ours: &[],
        never: &[
            "tokio*",
            "actix*",
            "openraft*",
            "futures*",
            "std::net",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
    },
    Layer {
        folder: "cluster/",
        ours: &["fanfare-protocol"],
        never: &["actix*", "http", "hyper*", "reqwest", "tokio-tungstenite"],
    },
    Layer {
        folder: "engine/",
        ours: &["fanfare-protocol", "fanfare-cluster"],
        never: &["openraft*", "clap", "anyhow"],
    },
    Layer { folder: "sdk-rust/", ours: &["fanfare-protocol"], never: &["actix*", "openraft*", "clap", "anyhow"] },
    Layer {
        folder: "src/",
        // The last one is of the tests: the Rust block of README.md.
        ours: &["fanfare-protocol", "fanfare-cluster", "fanfare-engine", "fanfare-client", "fanfare-readme"],
        never: &["openraft*"],
    },
    Layer { folder: "xtask/", ours: &["fanfare-protocol"], never: &["tokio*", "actix*", "openraft*"] },
];

/// Where sockets, clocks, actors and disks are touched. Every other file of these crates is a core:
/// plain Rust that `CORE_NEVER` binds. `name.rs` means any file of that name, `path/` a whole room.
const ROOMS: [Rooms; 3] = [
    Rooms {
        folder: "cluster/src/",
        shells: &[
            "cluster/src/clock.rs",
            "cluster/src/ephemeral.rs",
            "cluster/src/ephemeral/",
            "cluster/src/log/disk/real.rs",
            "cluster/src/log/file.rs",
            "cluster/src/log/thread.rs",
            "cluster/src/meta/file.rs",
            "cluster/src/meta/group.rs",
            "cluster/src/meta/machine.rs",
            "cluster/src/meta/offline.rs",
            "cluster/src/meta/snapshot.rs",
            "cluster/src/raft/",
            "cluster/src/shard/answers.rs",
            "cluster/src/shard/promise.rs",
            "cluster/src/shard/ticket.rs",
        ],
    },
    Rooms { folder: "sdk-rust/src/session/", shells: &[] },
    Rooms {
        folder: "engine/src/",
        shells: &[
            "actor.rs",
            "engine/src/backup/",
            "engine/src/connection/inbound.rs",
            "engine/src/connection/performing.rs",
            "engine/src/connection/posted.rs",
            "engine/src/connection/sessions.rs",
            "engine/src/connection/update.rs",
            "engine/src/gateway/",
            "engine/src/hub/exit.rs",
            "engine/src/hub/following.rs",
            "engine/src/hub/outlet.rs",
            "engine/src/hub/pass.rs",
            "engine/src/hub/tick.rs",
            "engine/src/hub/view.rs",
            "engine/src/hub/views.rs",
            "engine/src/hub/worker.rs",
            "engine/src/inspection/",
            "engine/src/limit/connections.rs",
            "engine/src/namespace/lanes.rs",
            "engine/src/namespace/registry.rs",
            "engine/src/namespace/settle.rs",
            "engine/src/node.rs",
            "engine/src/node/",
            "engine/src/store/",
            "engine/src/topic/bell.rs",
            "engine/src/topic/catch_up.rs",
            "engine/src/topic/expiry.rs",
            "engine/src/topic/fetch.rs",
            "engine/src/topic/history.rs",
            "engine/src/topic/meter.rs",
            "engine/src/topic/metered.rs",
            "engine/src/topic/paced.rs",
            "engine/src/topic/part.rs",
            "engine/src/topic/publish.rs",
            "engine/src/topic/registry.rs",
            "engine/src/topic/together.rs",
            "engine/src/topic/view.rs",
            "engine/src/topic/watch.rs",
        ],
    },
];

/// What no core may import: runtimes, sockets, disks, clocks, chance.
const CORE_NEVER: [&str; 14] = [
    "actix*",
    "tokio*",
    "openraft*",
    "futures*",
    "reqwest",
    "socket2",
    "fastrand",
    "rand",
    "std::fs",
    "std::net",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::env",
];

/// Crates that one room alone may name.
const ONLY_IN: [(&str, &str); 1] = [("openraft", "cluster/src/raft/")];

/// A file is one noun. Tests, generated files and prose apart.
const FILE_LINES_MAX: usize = 400;
/// A door holds its head, its modules and its re-exports.
const DOOR_LINES_MAX: usize = 80;
/// Names under which homeless code gathers.
const HOMELESS: [&str; 7] = ["common", "helper", "helpers", "misc", "types", "util", "utils"];
/// Macros that no code of ours holds, tests included.
const NEVER_MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];
/// Macros that no library holds: its words go through `tracing`.
const NEVER_IN_LIBRARIES: [&str; 4] = ["print", "println", "eprint", "eprintln"];
/// Crates that are libraries.
const LIBRARIES: [&str; 4] = ["protocol/src/", "cluster/src/", "engine/src/", "sdk-rust/src/"];
/// Folders of one machine, which mean nothing on another.
const MACHINE_PATHS: [&str; 3] = [concat!("/", "root/"), "/tmp/", "/home/"];

/// Dependencies that a crate needs though its code never names them, and why.
const UNNAMED: [(&str, &str); 0] = [];

#[test]
fn crates_see_only_what_their_layer_allows() {
    assert_clean(&layers::crates(&Tree::of_project(), &LAYERS, &ONLY_IN));
}

#[test]
fn cores_import_no_runtime_socket_disk_or_clock() {
    assert_clean(&cores::breaches(&Tree::of_project(), &ROOMS, &CORE_NEVER));
}

#[test]
fn files_stay_small_and_doors_smaller() {
    assert_clean(&shape::sizes(&Tree::of_project(), FILE_LINES_MAX, DOOR_LINES_MAX));
}

#[test]
fn every_file_and_folder_is_named_after_its_noun() {
    assert_clean(&shape::names(&Tree::of_project(), &HOMELESS));
}

#[test]
fn nothing_is_left_undone_ignored_or_printed_from_a_library() {
    assert_clean(&shape::leftovers(&Tree::of_project(), &NEVER_MACROS, &LIBRARIES, &NEVER_IN_LIBRARIES));
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    assert_clean(&shape::machine_paths(&Tree::of_project(), &MACHINE_PATHS));
}

#[test]
fn every_name_of_a_catalogue_is_documented() {
    assert_clean(&catalogue::undocumented(&Tree::of_project()));
}

#[test]
fn locks_name_only_the_public_registries() {
    assert_clean(&supply::locks(&Tree::of_project()));
}

#[test]
fn every_dependency_has_its_line_in_the_docs_and_no_line_is_stale() {
    assert_clean(&supply::documented(&Tree::of_project()));
}

#[test]
fn every_declared_dependency_is_used() {
    assert_clean(&supply::unused(&Tree::of_project(), &UNNAMED));
}

#[test]
fn browser_code_imports_nothing_of_node() {
    assert_clean(&scripts::node_only(&Tree::of_project()));
}

#[test]
fn typescript_is_typed_throughout() {
    assert_clean(&scripts::untyped(&Tree::of_project()));
}

fn assert_clean(breaches: &[Breach]) {
    let listed: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(listed.is_empty(), "{} breaches:\n{}", listed.len(), listed.join("\n"));
}
