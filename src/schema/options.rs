//! What loading depends on besides the files themselves.

use std::path::PathBuf;

use super::local::LocalSchemas;

/// How a schema is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Directory that relative paths of schema files start from. Paths of `.proto` files and includes start from the
    /// directory of the schema file that names them.
    pub root: PathBuf,
    /// Also report what would not work elsewhere: selections that contain their own type.
    pub portable: bool,
    /// The schemas that are mounted in this process. `None`: nobody knows here; then what connectors ask of them is not checked.
    pub local: Option<LocalSchemas>,
}
