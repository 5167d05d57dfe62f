//! The library of `shim/`: built once, and told by environment variables what to do.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What one process under the shim is to go through.
#[derive(Debug, Clone)]
pub struct Shim {
    directory: PathBuf,
    trace: Option<PathBuf>,
    crash_at: Option<u64>,
    fault: PathBuf,
}

impl Shim {
    /// Stands over a directory, which must be there, and keeps what it needs itself in `notes`.
    pub fn over(directory: &Path, notes: &Path) -> Self {
        let directory = directory.canonicalize().expect("the directory is there");
        Self { directory, trace: None, crash_at: None, fault: notes.join("fault") }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a trace of what is done, and spares the real disk its syncs.
    pub fn tracing(mut self, file: PathBuf) -> Self {
        self.trace = Some(file);
        self
    }

    /// Ends the process in the operation of this number, from 1.
    pub fn crashing_at(mut self, operation: u64) -> Self {
        self.crash_at = Some(operation);
        self
    }

    /// Makes operations fail from now on; the line is explained in `shim/shim.h`. Empty: none do.
    pub fn fail(&self, line: &str) {
        // At once, as the node reads it while we write.
        let next = self.fault.with_extension("next");
        fs::write(&next, line).and_then(|()| fs::rename(&next, &self.fault)).expect("the notes can be written");
    }

    /// What the process must find in its environment.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables: Vec<(_, OsString)> = vec![
            ("LD_PRELOAD", library().into()),
            ("FANFARE_SHIM_DIR", self.directory.clone().into()),
            ("FANFARE_SHIM_FAULT", self.fault.clone().into()),
        ];
        variables.extend(self.trace.clone().map(|file| ("FANFARE_SHIM_TRACE", file.into())));
        variables.extend(self.crash_at.map(|at| ("FANFARE_SHIM_CRASH_AT", at.to_string().into())));
        variables
    }
}

/// The library, compiled by the C compiler that Rust links with too.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (built, library) = (folder.join(format!("shim-{}.so", std::process::id())), folder.join("shim.so"));
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&built);
        compile.args(["calls.c", "fault.c", "trace.c"]).current_dir(sources);
        assert!(compile.status().expect("`cc` is there").success(), "{compile:?}");
        // Another run may be using the one that is there: it keeps its file.
        fs::rename(&built, &library).expect("the target directory can be written");
        library
    })
}
