//! The line between cores and shells inside a crate: a core imports std, the protocol and other cores.
//! Follows paths into the crate's own files, through doors to what they re-export.

use crate::blank::{Language, blanked, line_of, without_inline_tests, words};
use crate::layers::matches;
use crate::paths::{Named, named};
use crate::tree::{Breach, File, Tree};

/// The shells of one crate.
pub(crate) struct Rooms {
    /// The crate's sources.
    pub(crate) folder: &'static str,
    /// Files (by name or whole path) and rooms that are shells.
    pub(crate) shells: &'static [&'static str],
}

impl Rooms {
    fn is_shell(&self, file: &File) -> bool {
        self.shells.iter().any(|shell| is_that_shell(shell, file))
    }
}

/// Breaches of cores: what they import, shells of their own crate among it, and awaiting. A shell in
/// the table that no file answers to is a breach too.
pub(crate) fn breaches(tree: &Tree, rooms: &[Rooms], never: &[&str]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for rooms in rooms {
        for shell in rooms.shells {
            if !tree.rust_below(rooms.folder).any(|file| is_that_shell(shell, file)) {
                breaches.push(Breach::new(rooms.folder, 0, format!("no file answers to the shell `{shell}`")));
            }
        }
        for file in tree.rust_below(rooms.folder).filter(|file| !rooms.is_shell(file) && !file.is_test()) {
            for Named { line, path } in named(file) {
                if never.iter().any(|never| matches(never, &path)) {
                    breaches.push(Breach::new(&file.path, line, format!("a core must not import `{path}`")));
                }
                let shell = target(tree, rooms, file, &path).filter(|target| rooms.is_shell(target));
                if let Some(shell) = shell.filter(|_| !is_door(file)) {
                    let what = format!("a core must not import `{path}` of the shell {}", shell.path);
                    breaches.push(Breach::new(&file.path, line, what));
                }
            }
            let text = blanked(without_inline_tests(&file.text), Language::Rust);
            for (position, word) in words(&text).filter(|(_, word)| ["async", "await"].contains(word)) {
                let line = line_of(&text, position);
                breaches.push(Breach::new(&file.path, line, format!("a core does not `{word}`")));
            }
        }
    }
    breaches
}

fn is_that_shell(shell: &str, file: &File) -> bool {
    match shell {
        room if room.ends_with('/') => file.path.starts_with(room),
        path if path.contains('/') => file.path == path,
        name => file.name() == name,
    }
}

fn is_door(file: &File) -> bool {
    ["mod.rs", "lib.rs"].contains(&file.name())
}

/// The file of the same crate that a path leads to; through a door to the file it re-exports from.
fn target<'a>(tree: &'a Tree, rooms: &Rooms, from: &File, path: &str) -> Option<&'a File> {
    let mut module = module_of(rooms, from);
    let mut parts = path.split("::").peekable();
    match parts.next()? {
        "crate" => module.clear(),
        "self" => {}
        "super" => drop(module.pop()),
        _ => return None,
    }
    while parts.next_if_eq(&"super").is_some() {
        module.pop();
    }
    let mut reached = file_of(tree, rooms, &module);
    for part in parts {
        module.push(part.to_owned());
        let Some(file) = file_of(tree, rooms, &module) else {
            // A name, not a module: if the file is a door, it says where the name comes from.
            let door = reached.filter(|file| is_door(file));
            return door.and_then(|door| re_exported(tree, rooms, door, part)).or(reached);
        };
        reached = Some(file);
    }
    reached
}

/// The file that a door takes a name from.
fn re_exported<'a>(tree: &'a Tree, rooms: &Rooms, door: &File, name: &str) -> Option<&'a File> {
    let ending = format!("::{name}");
    let named = named(door).into_iter().find(|named| named.path.ends_with(&ending))?;
    let mut module = module_of(rooms, door);
    module.push(named.path.trim_start_matches("self::").split("::").next()?.to_owned());
    file_of(tree, rooms, &module)
}

/// The file that holds a module; the crate's root is `lib.rs`.
fn file_of<'a>(tree: &'a Tree, rooms: &Rooms, module: &[String]) -> Option<&'a File> {
    let stem = format!("{}{}", rooms.folder, module.join("/"));
    let paths = [format!("{stem}.rs"), format!("{stem}/mod.rs"), format!("{stem}lib.rs")];
    paths[if module.is_empty() { 2..3 } else { 0..2 }].iter().find_map(|path| tree.file(path))
}

/// `engine/src/topic/tail.rs` is `topic::tail`; a door is its room.
fn module_of(rooms: &Rooms, file: &File) -> Vec<String> {
    let inside = file.path.trim_start_matches(rooms.folder).trim_end_matches(".rs");
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if is_door(file) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: [Rooms; 1] = [Rooms { folder: "engine/src/", shells: &["actor.rs", "engine/src/gateway/"] }];
    const NEVER: [&str; 3] = ["actix*", "tokio*", "std::time::Instant"];

    fn found_in_cores(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let shells = [
            ("engine/src/topic/actor.rs", "use actix::Actor; pub struct Topic;"),
            ("engine/src/gateway/ws.rs", "use tokio::net;"),
        ];
        let files: Vec<_> = shells.into_iter().chain(files.iter().copied()).collect();
        let breaches = super::breaches(&Tree::planted(&files), &ROOMS, &NEVER);
        breaches.into_iter().map(|breach| (breach.path, breach.line)).collect()
    }

    #[test]
    fn a_core_that_imports_a_runtime_or_awaits_is_found() {
        let core = "use std::time::Instant;\nasync fn f() {\n    tokio::task::yield_now().await\n}";
        let found = found_in_cores(&[("engine/src/topic/tail.rs", core)]);
        let lines: Vec<usize> = found.iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [1, 3, 2, 3]);
        assert!(found.iter().all(|(path, _)| path == "engine/src/topic/tail.rs"));
    }

    #[test]
    fn a_core_that_imports_a_shell_is_found_even_through_a_door() {
        let door = ("engine/src/topic/mod.rs", "mod actor;\nmod tail;\npub use actor::Topic;\npub use tail::Tail;");
        let tail = (
            "engine/src/topic/tail.rs",
            "pub struct Tail;\nuse super::actor::Topic;\nuse super::Topic;\nuse crate::gateway::ws::f;",
        );
        let other = ("engine/src/view.rs", "use crate::topic::{Tail, Topic};\nuse self::Own;");
        let found = found_in_cores(&[door, ("engine/src/gateway/mod.rs", ""), tail, other]);
        let expected = [
            ("engine/src/topic/tail.rs", 2),
            ("engine/src/topic/tail.rs", 3),
            ("engine/src/topic/tail.rs", 4),
            ("engine/src/view.rs", 1),
        ];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn shells_and_tests_are_free() {
        let tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use tokio::time;\n}";
        assert_eq!(
            found_in_cores(&[("engine/src/topic/tail.rs", tests), ("engine/src/topic/tests.rs", "use tokio::time;")]),
            []
        );
    }

    #[test]
    fn a_shell_that_no_file_answers_to_is_a_breach() {
        let found = super::breaches(&Tree::planted(&[("engine/src/topic/actor.rs", "")]), &ROOMS, &NEVER);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains("engine/src/gateway/"));
    }
}
