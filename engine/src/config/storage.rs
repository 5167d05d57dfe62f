//! The section `[storage]`: where the node keeps its data.

use serde::{Deserialize, Serialize};

/// Where the node keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The directory of this node's data, relative to where it was started. This version keeps its logs in memory
    /// and writes nothing there: topics begin new epochs after a restart, and the node says so when it starts.
    pub data_dir: String,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { data_dir: "./fanfare-data".to_owned() }
    }
}
