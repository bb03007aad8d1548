//! What loading depends on besides the files themselves.

use std::path::PathBuf;

/// How a schema is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Directory that relative paths of schema files start from. Paths of `.proto` files and includes start from the
    /// directory of the schema file that names them.
    pub root: PathBuf,
    /// Also report what would not work elsewhere: our own additions, and selections that contain their own type.
    pub portable: bool,
    /// How much is said of a schema that is right, but could be better.
    pub advice: Advice,
}

/// How much is said of a schema that is right, but could be better. Errors are always told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing: what other readers of the language raise, and no more.
    #[default]
    Off,
    /// What the operator of a starting server should know.
    Start,
    /// Everything, in files that link our additions; otherwise nothing.
    IfLinked,
    /// Everything.
    All,
}
