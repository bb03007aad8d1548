//! What loading depends on besides the files themselves.

use std::{fmt, path::PathBuf, sync::Arc};

use super::{local::LocalSchemas, model::SourceTransport};

use super::access::PolicySettings;

/// How a schema is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Directory that relative paths of schema files start from. Paths of `.proto` files, includes, descriptor sets and locks
    /// start from the directory of the schema file that names them.
    pub root: PathBuf,
    /// Also report what would not work elsewhere: our own additions, and selections that contain their own type.
    pub portable: bool,
    /// The schemas that are mounted in this process. `None`: nobody knows here; then what connectors ask of them is not checked.
    pub local: Option<LocalSchemas>,
    /// The rules that `@policy` may name; `None`: nobody knows, and none is asked for.
    pub policies: Option<Vec<PolicySettings>>,
    /// How much is said of a schema that is right, but could be better.
    pub advice: Advice,
    /// Where the messages of sources with `reflection: true` come from.
    pub reflection: Reflection,
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

/// A source with `reflection: true`.
#[derive(Debug)]
pub struct Reflected<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its address and metadata.
    pub transport: &'a SourceTransport,
    /// Where the file is, or would be, that has what it said.
    pub lock: PathBuf,
}

type Describe = dyn Fn(&Reflected<'_>) -> Result<Vec<u8>, String> + Send + Sync;

/// Gives the encoded `google.protobuf.FileDescriptorSet` of a source, or says why there is none.
#[derive(Clone)]
pub struct Reflection(Arc<Describe>);

// === impl Reflection ===

impl Reflection {
    /// By a function.
    pub fn new(describe: impl Fn(&Reflected<'_>) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(describe))
    }

    /// What a source looks like.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn describe(&self, source: &Reflected<'_>) -> Result<Vec<u8>, String> {
        (self.0)(source)
    }
}

impl Default for Reflection {
    /// From the lock file alone.
    fn default() -> Self {
        Self::new(|source| std::fs::read(&source.lock).map_err(|error| error.to_string()))
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reflection")
    }
}
