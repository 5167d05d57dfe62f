//! The Rust block of README.md. Its text is taken from there by the build script, so that it cannot differ.

use std::error::Error;
use std::sync::OnceLock;

// Named by the block alone.
use {fanfare_client as _, futures_util as _, serde_json as _, tokio as _};

#[allow(clippy::all, reason = "in README.md what reads best decides")]
mod tour {
    include!(concat!(env!("OUT_DIR"), "/tour.rs"));

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

static URL: OnceLock<String> = OnceLock::new();

fn url() -> &'static str {
    URL.get().expect("`run` has set it")
}

/// Runs the block against the node at `url`; once in a process.
///
/// # Errors
/// Those of the block.
pub fn run(url: String) -> Result<(), Box<dyn Error>> {
    URL.set(url).expect("it runs once");
    tour::run()
}
