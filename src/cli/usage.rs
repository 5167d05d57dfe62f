//! What the user of the command line has to write otherwise.

/// Wrong usage, found after the arguments were parsed: exit status 2.
#[derive(Debug)]
pub(super) struct WrongUsage(pub(super) String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}
