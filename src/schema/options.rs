//! What loading depends on besides the files themselves.

use std::path::PathBuf;

/// How a schema is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Directory that relative paths of schema files start from. Paths of `.proto` files and includes start from the
    /// directory of the schema file that names them.
    pub root: PathBuf,
    /// Also report what would not work elsewhere: selections that contain their own type.
    pub portable: bool,
}
